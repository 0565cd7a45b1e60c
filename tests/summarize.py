#!/usr/bin/python3
"""Counts the test cases in ctest's JUnit file: prints "N passed, N failed", exits 0 when none failed.

A ctest entry is a whole program; its output tells how many cases it ran. An entry that failed without
saying so (a crash, a timeout) is one failure, one without any count a case of its own.
"""

import re
import sys
import xml.etree.ElementTree as tree

DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(?P<passed>\d+) passed \|\s*(?P<failed>\d+) failed")
PYTEST = re.compile(r"^(?=.*\bin [\d.]+s)(?:.*?(?P<failed>\d+) failed)?(?:.*?(?P<passed>\d+) passed)?"
                    r"(?:.*?(?P<errors>\d+) errors?)?.*$", re.MULTILINE)


def cases(output: str) -> tuple:
    """(passed, failed) as the program's last summary says; (0, 0) where there is none."""
    for pattern in (DOCTEST, PYTEST):
        found = list(pattern.finditer(output))
        if found:
            counts = {name: int(value or 0) for name, value in found[-1].groupdict().items()}
            return counts["passed"], counts["failed"] + counts.get("errors", 0)
    return 0, 0


def main(path: str) -> int:
    try:
        entries = tree.parse(path).getroot().findall("testcase")
    except (OSError, tree.ParseError) as error:
        print(f"no results: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    for entry in entries:
        good = entry.get("status") == "run"
        counted_good, counted_bad = cases(entry.findtext("system-out") or "")
        if not good and counted_bad == 0:
            print(f"{entry.get('name')}: ended without a summary")
            counted_bad = 1
        elif counted_good + counted_bad == 0:
            counted_good = 1
        passed, failed = passed + counted_good, failed + counted_bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
