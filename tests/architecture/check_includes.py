#!/usr/bin/python3
"""Checks that includes point only the way DESIGN's arrows do, and that Python.h stays in its folder."""

import re
import sys
from pathlib import Path

# What a folder of src may include, besides itself. Everything may include support.
ALLOWED = {
    "runtime/support": set(),
    "runtime/gateway": {"runtime/support"},
    "protocol": {"runtime/gateway", "runtime/support"},
    "runtime/net": {"protocol", "runtime/gateway", "runtime/support"},
    "runtime/python": {"runtime/gateway", "runtime/support"},
    "runtime/config": {"runtime/support"},
    "runtime/observe": {"runtime/gateway", "runtime/support"},
    "runtime/worker": {"runtime/net", "runtime/python", "runtime/config", "runtime/observe", "runtime/gateway",
                       "runtime/support"},
    "runtime/supervisor": {"runtime/config", "runtime/observe", "runtime/gateway", "runtime/support"},
}
# main.cpp builds the graph: it may see what it wires together, but no wire format and no Python.
ALLOWED["main"] = {"runtime/supervisor", "runtime/worker", "runtime/net", "runtime/config", "runtime/observe",
                   "runtime/gateway", "runtime/support"}
PYTHON_FOLDER = "runtime/python"
PYTHON_HEADERS = re.compile(r"^(Python|frameobject|structmember|datetime|cpython/.*)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def folder_of(path: str) -> str:
    """The architecture's folder of a path below src; "" for what is no folder of ours."""
    for folder in ALLOWED:
        if path.startswith(folder + "/"):
            return folder
    return "main" if "/" not in path else ""


def complaints(source: Path):
    for path in sorted(source.rglob("*.[ch]pp")):
        name = path.relative_to(source).as_posix()
        folder = folder_of(name)
        if not folder:
            yield f"{name}: the folder is not in the table of {Path(__file__).name}"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            included = found.group(1)
            if PYTHON_HEADERS.match(included) and folder != PYTHON_FOLDER:
                yield f"{name}:{number}: {included} belongs to {PYTHON_FOLDER} alone"
            if not (source / included).is_file():
                continue  # a system's or a library's header
            target = folder_of(included)
            if target not in ALLOWED[folder] | {folder}:
                yield f"{name}:{number}: {folder} must not include {included}"


def main(source: str) -> int:
    found = list(complaints(Path(source)))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
