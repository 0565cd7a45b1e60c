#!/usr/bin/python3
"""Measures the functions and classes of src/, and checks them against the limits below.

    check_sizes.py BUILD        BUILD has a compile_commands.json of clang's

A function's length is the lines between its braces, lambdas within it included. A class is counted with its data
members of its own, static ones excepted; std::atomic<bool> is a bool. A class, or a struct of plain data, may exceed a
limit if the comment above it gives a reason, in a sentence that begins with "Many members because" or "Many bools
because".

It needs libclang (python3-clang-14), which the tests do not: it is a stage of .ci/run.
"""

import argparse
import json
import math
import multiprocessing
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from clang.cindex import Cursor, CursorKind, Diagnostic, Index

LONGEST_MEDIAN = 6
LONGEST_P95 = 20
MOST_MEMBERS = 15
MOST_BOOLS = 3

FUNCTIONS = {CursorKind.FUNCTION_DECL, CursorKind.CXX_METHOD, CursorKind.CONSTRUCTOR, CursorKind.DESTRUCTOR,
             CursorKind.CONVERSION_FUNCTION, CursorKind.FUNCTION_TEMPLATE}
CLASSES = {CursorKind.CLASS_DECL, CursorKind.STRUCT_DECL, CursorKind.CLASS_TEMPLATE,
           CursorKind.CLASS_TEMPLATE_PARTIAL_SPECIALIZATION}
SCOPES = {CursorKind.NAMESPACE, CursorKind.LINKAGE_SPEC, CursorKind.UNEXPOSED_DECL} | CLASSES
BOOLS = re.compile(r"^(const )?(bool|std::atomic<bool>|std::atomic_bool)$")


@dataclass(frozen=True)
class Function:
    place: str
    name: str
    lines: int


@dataclass(frozen=True)
class Class:
    place: str
    name: str
    members: int
    bools: int
    comment: str


def full_name(cursor: Cursor) -> str:
    names = []
    while cursor is not None and cursor.kind != CursorKind.TRANSLATION_UNIT:
        names.insert(0, cursor.spelling)
        cursor = cursor.semantic_parent
    return "::".join(filter(None, names))


def body_of(cursor: Cursor):
    return next((child for child in cursor.get_children() if child.kind == CursorKind.COMPOUND_STMT), None)


def lines_between_braces(body: Cursor) -> int:
    begin, end = body.extent.start.line, body.extent.end.line
    if begin == end:
        return 1 if any(True for _ in body.get_children()) else 0
    return end - begin - 1


def comment_above(path: Path, line: int) -> str:
    """The text of the lines of // directly above."""
    words = []
    for text in reversed(path.read_text().splitlines()[:line - 1]):
        text = text.strip()
        if not text.startswith("//"):
            break
        words.insert(0, text.lstrip("/ "))
    return " ".join(words)


def is_bool(field: Cursor) -> bool:
    return bool(BOOLS.match(field.type.get_canonical().spelling))


class Measure:
    """Collects the functions and classes of one translation unit that are written in src/."""

    def __init__(self, source: Path):
        self.source = source
        self.functions, self.classes = set(), set()
        self.places = {}

    def place(self, cursor: Cursor):
        """file:line below src/; None if the cursor is elsewhere."""
        file = cursor.location.file
        if file is None:
            return None
        if file.name not in self.places:
            path = Path(os.path.realpath(file.name))
            self.places[file.name] = path.relative_to(self.source) if path.is_relative_to(self.source) else None
        inside = self.places[file.name]
        return f"{inside.as_posix()}:{cursor.location.line}" if inside else None

    def visit(self, cursor: Cursor):
        for child in cursor.get_children():
            place = self.place(child)
            if place is None:
                continue
            if child.kind in FUNCTIONS:
                self.add_function(child, place)
            if child.kind in CLASSES and child.is_definition():
                self.add_class(child, place)
            if child.kind in SCOPES:
                self.visit(child)

    def add_function(self, cursor: Cursor, place: str):
        body = body_of(cursor)
        if body is not None:
            self.functions.add(Function(place, full_name(cursor), lines_between_braces(body)))

    def add_class(self, cursor: Cursor, place: str):
        fields = [child for child in cursor.get_children() if child.kind == CursorKind.FIELD_DECL]
        comment = comment_above(Path(cursor.location.file.name), cursor.extent.start.line)
        self.classes.add(Class(place, full_name(cursor), len(fields), sum(map(is_bool, fields)), comment))


def arguments_of(command: dict) -> list:
    """What the compiler is told, without its name, the outputs and the file."""
    words = shlex.split(command["command"])[1:]
    dropped = {words.index(flag) + 1 for flag in ("-o",) if flag in words}
    return [word for index, word in enumerate(words)
            if index not in dropped and word not in ("-o", "-c", "--", command["file"])]


def measure_unit(task):
    """What one translation unit has of src/: functions, classes, and errors of the compiler."""
    source, command = task
    os.chdir(command["directory"])
    unit = Index.create().parse(command["file"], args=arguments_of(command))
    errors = [str(found) for found in unit.diagnostics if found.severity >= Diagnostic.Error]
    measure = Measure(source)
    measure.visit(unit.cursor)
    return measure.functions, measure.classes, errors


def measure_all(source: Path, commands: list, jobs: int):
    functions, classes, errors = set(), set(), []
    with multiprocessing.Pool(jobs) as pool:
        for some, others, failed in pool.imap_unordered(measure_unit, [(source, each) for each in commands]):
            functions |= some
            classes |= others
            errors += failed
    return functions, classes, errors


def percentile(lengths: list, share: float) -> int:
    return sorted(lengths)[math.ceil(share * len(lengths)) - 1]


def complaints_about_functions(functions):
    lengths = [each.lines for each in functions]
    for share, most, name in ((0.5, LONGEST_MEDIAN, "median"), (0.95, LONGEST_P95, "95th percentile")):
        found = percentile(lengths, share)
        if found > most:
            yield f"the {name} of the functions' lengths is {found} lines, more than {most}"


def complaints_about_classes(classes):
    for each in sorted(classes, key=lambda found: found.place):
        for count, most, what in ((each.members, MOST_MEMBERS, "members"), (each.bools, MOST_BOOLS, "bools")):
            reason = re.search(rf"(^|[.:] )Many {what} because \w", each.comment)
            if count > most and not reason:
                yield f"{each.place}: {each.name} has {count} {what}, more than {most}, and gives no reason"


def print_figures(functions, classes):
    lengths = [each.lines for each in functions]
    print(f"{len(functions)} functions: median {percentile(lengths, 0.5)} lines, "
          f"95 % at most {percentile(lengths, 0.95)}, longest:")
    for each in sorted(functions, key=lambda found: (-found.lines, found.place))[:5]:
        print(f"  {each.lines:3} {each.name} ({each.place})")
    print(f"{len(classes)} classes, most members (bools):")
    for each in sorted(classes, key=lambda found: (-found.members, found.place))[:5]:
        print(f"  {each.members:3} ({each.bools}) {each.name} ({each.place})")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--source", type=Path, default=Path(__file__).resolve().parents[2] / "src")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    source = options.source.resolve()
    commands = [each for each in json.loads((options.build / "compile_commands.json").read_text())
                if Path(each["file"]).resolve().is_relative_to(source)]
    functions, classes, errors = measure_all(source, commands, options.jobs)
    if not functions or not classes:
        errors.append(f"{options.build}: no functions or classes of {source}")
    else:
        print_figures(functions, classes)
        errors += [*complaints_about_functions(functions), *complaints_about_classes(classes)]
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
