#!/usr/bin/python3
"""Checks how C++ files begin and how long they are.

- Every file of src/ and tests/ opens with one line that says what it is: a comment of its own, `// …`, and more
  than the file's name.
- A file of src/ has 450 lines at most. The table of options may be as long as it needs: it is one fact a row.
"""

import re
import sys
from pathlib import Path

FOLDERS = ("src", "tests")
KINDS = ("*.cpp", "*.hpp", "*.cpp.in", "*.hpp.in")
LEAST_WORDS = 3
MOST_LINES = 450
LONG_FILES = ("src/runtime/config/option_table.cpp",)
OPENING = re.compile(r"^// (\S.*)")
WORD = re.compile(r"[a-z0-9]+")


def words(text: str) -> set:
    return set(WORD.findall(text.lower()))


def complaint_about(name: str, text: str):
    """What is wrong with the first line of the file; None if nothing is."""
    opening = OPENING.match(text)
    if not opening:
        return f"{name}:1: no line that says what the file is (// …)"
    found = words(opening.group(1))
    if len(found) < LEAST_WORDS or found <= words(name):
        return f"{name}:1: the first line repeats the file's name, or says too little"
    return None


def complaint_about_length(name: str, text: str):
    """None if the file is short enough."""
    lines = len(text.splitlines())
    if name.startswith("src/") and lines > MOST_LINES and name not in LONG_FILES:
        return f"{name}: {lines} lines, more than {MOST_LINES}"
    return None


def complaints(root: Path):
    for folder in FOLDERS:
        paths = [path for kind in KINDS for path in (root / folder).rglob(kind)]
        if not paths:
            yield f"{folder}: no files"
        for path in sorted(paths):
            name, text = path.relative_to(root).as_posix(), path.read_text()
            yield from filter(None, (complaint_about(name, text), complaint_about_length(name, text)))


def main(root: Path) -> int:
    found = list(complaints(root))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
