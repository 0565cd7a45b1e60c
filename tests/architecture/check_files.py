#!/usr/bin/python3
"""Checks how files begin and how long they are.

- Every file of code or configuration opens with one line that says what it is: a comment or a docstring, and more
  than the file's name. Its first sentence does not go on in the next line.
- A file of code, configuration or documentation has 450 lines at most.
"""

import re
import sys
from pathlib import Path

FOLDERS = (".", "src", "tests", "docs", "cmake", "configs", "deploy", ".ci")
DATA = ("tests/data/", "tests/fuzz/seeds/")
SLASHES = (".c", ".cpp", ".hpp", ".in")
HASHES = (".txt", ".cmake", ".conf", ".ini", ".service", ".socket", ".supp")
LEAST_WORDS = 3
MOST_LINES = 450
WORD = re.compile(r"[a-z0-9]+")
ENDS_A_SENTENCE = re.compile(r"[.?!:]$")


def words(text: str) -> set:
    return set(WORD.findall(text.lower()))


def mark_of(name: str, text: str):
    """What an opening line begins with in a file of this kind; None if the file needs none."""
    kind = Path(name).suffix
    if kind in SLASHES:
        return "// "
    if kind == ".py" or re.match(r"#!.*python", text):
        return '"""'
    return "# " if kind in HASHES or text.startswith("#!") else None


def complaint_about(name: str, text: str):
    """What is wrong with the first line of the file; None if nothing is."""
    mark = mark_of(name, text)
    if mark is None or not text:
        return None
    lines = text.splitlines()
    first, second = (lines[lines[0].startswith("#!"):] + ["", ""])[:2]
    if not first.startswith(mark):
        return f"{name}:1: no line that says what the file is ({mark}…)"
    opening = first.removeprefix(mark).removesuffix('"""')
    if len(words(opening)) < LEAST_WORDS or words(opening) <= words(name):
        return f"{name}:1: the first line repeats the file's name, or says too little"
    goes_on = second.strip() if mark == '"""' and not first.endswith('"""') else second.startswith(mark)
    if goes_on and not ENDS_A_SENTENCE.search(opening):
        return f"{name}:1: the first sentence goes on in the next line"
    return None


def complaint_about_length(name: str, text: str):
    """None if the file is short enough."""
    lines = len(text.splitlines())
    written = name.endswith(".md") or mark_of(name, text) is not None
    return f"{name}: {lines} lines, more than {MOST_LINES}" if written and lines > MOST_LINES else None


def complaints(root: Path):
    for folder in FOLDERS:
        inside = (root / folder).glob("*") if folder == "." else (root / folder).rglob("*")
        found = {path.relative_to(root).as_posix(): path for path in inside if path.is_file()}
        if not found:
            yield f"{folder}: no files"
        for name, path in sorted(found.items()):
            if name.startswith(DATA) or "__pycache__" in name:
                continue
            text = path.read_text(errors="replace")  # of a picture, which has no lines to be counted
            yield from filter(None, (complaint_about(name, text), complaint_about_length(name, text)))


def main(root: Path) -> int:
    found = list(complaints(root))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
