#!/usr/bin/python3
"""Checks that the arrows of src/ point downward only, and that Python.h stays in its folder.

- A folder of src/ may include what its library depends on, directly or through others: the DEPENDS lines of
  CMake say what. These lines form no circle.
- Files form no circle by their #include lines. A .cpp and its .hpp count as one file.
- A call through an interface counts where the interface hides nothing. An interface is a class of src/ with pure
  virtual functions. If only one class implements it, counting src/ and tests/, it is no seam: who includes its
  header depends on the file of that class too. Such an arrow must not point upward either, nor close a circle.
  With a second implementer, such as a fake of the tests, it is a seam, and does not count.
"""

import re
import sys
from pathlib import Path

from classes import ClassIndex

PYTHON_FOLDER = "runtime/python"
PYTHON_HEADERS = re.compile(r"^(Python|frameobject|structmember|datetime|cpython/.*)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
LIBRARY = re.compile(r"^appd_library\((\w+)(?:\s+DEPENDS\s+([^)]*))?\)", re.MULTILINE)
# The files beside the folders start what is composed in two of them: they may see all that these may see.
MAINS = ("appd_daemon", "appd_worker_program")


def read_libraries(source: Path):
    """The folder of each library, and the libraries that its DEPENDS line names."""
    folders, depends = {}, {}
    for page in sorted(source.rglob("CMakeLists.txt")):
        for name, libraries in LIBRARY.findall(page.read_text()):
            folders[name] = page.parent.relative_to(source).as_posix()
            depends[name] = libraries.split()
    return folders, depends


def read_includes(source: Path):
    """(file, line, what it includes) of each #include line below src/."""
    for path in sorted(source.rglob("*.[ch]pp")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                yield path.relative_to(source), number, found.group(1)


def reachable(name: str, depends: dict) -> set:
    found, waiting = set(), [name]
    while waiting:
        for library in depends.get(waiting.pop(), []):
            if library in depends and library not in found:
                found.add(library)
                waiting.append(library)
    return found


def allowed_folders(folders: dict, depends: dict) -> dict:
    """What each folder of src/ may include from."""
    allowed = {folder: {folder} | {folders[each] for each in reachable(name, depends)}
               for name, folder in folders.items()}
    allowed["."] = {"."}.union(*(allowed[folders[main]] for main in MAINS if main in folders))
    return allowed


def complaints_about_libraries(depends: dict):
    for name in sorted(depends):
        if name in reachable(name, depends):
            yield f"{name} depends on itself, through the DEPENDS lines"


def complaints_about_folders(source: Path, allowed: dict):
    for folder in sorted({path.parent.relative_to(source).as_posix() for path in source.rglob("*.[ch]pp")}):
        if folder not in allowed:
            yield f"{folder}: the folder has no library"


def complaints_about_includes(source: Path, allowed: dict):
    for path, number, included in read_includes(source):
        folder, target = path.parent.as_posix(), Path(included).parent.as_posix()
        if PYTHON_HEADERS.match(included) and folder != PYTHON_FOLDER:
            yield f"{path}:{number}: {included} belongs to {PYTHON_FOLDER} alone"
        elif (source / included).is_file() and target not in allowed.get(folder, {target}):
            yield f"{path}:{number}: {folder} does not depend on {included}"


def only_implementers(source: Path, tests: Path) -> dict:
    """By header: (interface, the file that has its only implementer), for the interfaces that are no seams."""
    index, found = ClassIndex([source, tests]), {}
    for interface in index.classes:
        if interface.pure and interface.path.is_relative_to(source):
            implementers = index.implementers(interface)
            if len(implementers) == 1 and implementers[0].path.is_relative_to(source):
                header = interface.path.relative_to(source)
                found.setdefault(header, []).append((interface.name, implementers[0].path.relative_to(source)))
    return found


def arrows_through_interfaces(source: Path, tests: Path):
    """(file, line, interface, the file of its only implementer) of each file that includes such an interface."""
    implementers = only_implementers(source, tests)
    for path, number, included in read_includes(source):
        for interface, implementer in implementers.get(Path(included), []):
            if path.with_suffix("") not in (implementer.with_suffix(""), Path(included).with_suffix("")):
                yield path, number, interface, implementer


def complaints_about_interfaces(arrows: list, allowed: dict):
    for path, number, interface, implementer in arrows:
        folder = path.parent.as_posix()
        target = implementer.parent.as_posix()
        if target not in allowed.get(folder, {target}):
            yield (f"{path}:{number}: {folder} does not depend on {implementer}, which alone implements {interface} "
                   "(a second implementer, such as a fake of the tests, makes a seam of it)")


def file_graph(source: Path, arrows: list) -> dict:
    """The files that each file depends on. A .cpp and its .hpp are one: their common name."""
    pairs = [(path, Path(included)) for path, _, included in read_includes(source) if (source / included).is_file()]
    pairs += [(path, implementer) for path, _, _, implementer in arrows]
    graph = {}
    for path, target in pairs:
        one, other = path.with_suffix("").as_posix(), target.with_suffix("").as_posix()
        if one != other:
            graph.setdefault(one, set()).add(other)
    return graph


def shortest_circle(name: str, graph: dict):
    """The files on the shortest way from a file back to itself; None if there is no such way."""
    before, waiting = {}, [name]
    for each in waiting:
        for target in sorted(graph.get(each, ())):
            if target not in before:
                before[target] = each
                waiting.append(target)
    if name not in before:
        return None
    circle = [name, before[name]]
    while circle[-1] != name:
        circle.append(before[circle[-1]])
    return circle[::-1]


def complaints_about_circles(graph: dict):
    """One for each circle that has a file which no circle before it had."""
    known = set()
    for name in sorted(graph):
        circle = None if name in known else shortest_circle(name, graph)
        if circle:
            known.update(circle)
            yield f"a circle of files: {' → '.join(circle)}"


def complaints(source: Path, tests: Path):
    folders, depends = read_libraries(source)
    allowed = allowed_folders(folders, depends)
    arrows = list(arrows_through_interfaces(source, tests))
    yield from complaints_about_libraries(depends)
    yield from complaints_about_folders(source, allowed)
    yield from complaints_about_includes(source, allowed)
    yield from complaints_about_interfaces(arrows, allowed)
    yield from complaints_about_circles(file_graph(source, arrows))


def main(source: Path) -> int:
    found = list(complaints(source, source.parent / "tests"))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
