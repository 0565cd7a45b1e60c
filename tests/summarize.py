#!/usr/bin/python3
"""Counts the test cases in ctest's JUnit file: prints "N passed, N failed", exits 0 when none failed.

A ctest entry is a whole program; its output tells how many cases it ran. An entry that failed without
saying so (a crash, a timeout) is one failure, one without any count a case of its own. Skipped cases are
told in a line above, with the names of the entries that have run nothing else.
"""

import re
import sys
import xml.etree.ElementTree as tree
from collections import Counter

# The last summary of doctest or pytest, and the numbers in it.
DOCTEST = re.compile(r"^\[doctest\] test cases:.*$", re.MULTILINE)
PYTEST = re.compile(r"^.*\bin [\d.]+s.*$", re.MULTILINE)
COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")


def cases(output: str) -> Counter:
    """Passed, failed and skipped cases as the program's last summary has them; empty where there is none."""
    for pattern in (DOCTEST, PYTEST):
        if found := pattern.findall(output):
            counts = Counter({name: int(number) for number, name in COUNT.findall(found[-1])})
            skipped = counts["skipped"] if pattern is PYTEST else 0  # doctest counts what a filter leaves out
            return +Counter(passed=counts["passed"], failed=counts["failed"] + counts["error"], skipped=skipped)
    return Counter()


def cases_of(entry) -> Counter:
    """Of one program; its exit code has the last word."""
    counts = cases(entry.findtext("system-out") or "")
    if entry.get("status") != "run" and not counts["failed"]:
        print(f"{entry.get('name')}: ended without a summary")
        counts["failed"] = 1
    return counts or Counter(passed=1)


def main(path: str) -> int:
    try:
        entries = tree.parse(path).getroot().findall("testcase")
    except (OSError, tree.ParseError) as error:
        print(f"no results: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    total, nothing_run = Counter(), []
    for entry in entries:
        counts = cases_of(entry)
        total += counts
        if set(counts) == {"skipped"}:
            nothing_run.append(entry.get("name"))
    if total["skipped"]:
        print(f"{total['skipped']} skipped" + (f"; wholly: {', '.join(nothing_run)}" if nothing_run else ""))
    print(f"{total['passed']} passed, {total['failed']} failed")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
