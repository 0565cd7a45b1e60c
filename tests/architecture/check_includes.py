#!/usr/bin/python3
"""Checks that includes follow the DEPENDS lines of CMake, and that Python.h stays in its folder.

A folder of src/ may include what its library depends on, directly or through others. The arrows of these
lines must not form a circle.
"""

import re
import sys
from pathlib import Path

PYTHON_FOLDER = "runtime/python"
PYTHON_HEADERS = re.compile(r"^(Python|frameobject|structmember|datetime|cpython/.*)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
LIBRARY = re.compile(r"^appd_library\((\w+)(?:\s+DEPENDS\s+([^)]*))?\)", re.MULTILINE)
# main.cpp starts what the daemon is made of. It may see all that the daemon's library may see.
MAIN = "appd_daemon"


def read_libraries(source: Path):
    """The folder of each library, and the libraries that its DEPENDS line names."""
    folders, depends = {}, {}
    for page in sorted(source.rglob("CMakeLists.txt")):
        for name, libraries in LIBRARY.findall(page.read_text()):
            folders[name] = page.parent.relative_to(source).as_posix()
            depends[name] = libraries.split()
    return folders, depends


def reachable(name: str, depends: dict) -> set:
    found, waiting = set(), [name]
    while waiting:
        for library in depends.get(waiting.pop(), []):
            if library in depends and library not in found:
                found.add(library)
                waiting.append(library)
    return found


def complaints_about_circles(depends: dict):
    for name in sorted(depends):
        if name in reachable(name, depends):
            yield f"{name} depends on itself, through the DEPENDS lines"


def complaints_about_includes(source: Path, folders: dict, depends: dict):
    library_of = {folder: name for name, folder in folders.items()}
    allowed = {folder: {folder} | {folders[each] for each in reachable(name, depends)}
               for folder, name in library_of.items()}
    allowed["."] = {".", folders[MAIN]} | allowed[folders[MAIN]]
    for path in sorted(source.rglob("*.[ch]pp")):
        name = path.relative_to(source).as_posix()
        folder = path.parent.relative_to(source).as_posix()
        if folder not in allowed:
            yield f"{name}: the folder has no library"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            included = found.group(1)
            if PYTHON_HEADERS.match(included) and folder != PYTHON_FOLDER:
                yield f"{name}:{number}: {included} belongs to {PYTHON_FOLDER} alone"
            target = Path(included).parent.as_posix()
            if (source / included).is_file() and target not in allowed[folder]:
                yield f"{name}:{number}: {folder} does not depend on {included}"


def main(source: Path) -> int:
    folders, depends = read_libraries(source)
    found = [*complaints_about_circles(depends), *complaints_about_includes(source, folders, depends)]
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
