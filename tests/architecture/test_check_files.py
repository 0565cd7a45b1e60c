"""The check of files notices what it is for: it is shown a small tree with one thing wrong."""

import pytest

import check_files

LINE = "// Reads a clock that never stops.\n"


def complaints(tmp_path, name: str, text: str) -> list:
    good = {f"{folder}/good.hpp": LINE for folder in check_files.FOLDERS}
    for path, content in {**good, name: text}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return list(check_files.complaints(tmp_path))


@pytest.mark.parametrize("name, text, complaint", [
    ("src/clock.cpp", "\n" + LINE, "src/clock.cpp:1: no line that says what the file is (// …)"),
    ("tests/clock.hpp", "#pragma once\n", "tests/clock.hpp:1: no line that says what the file is (// …)"),
    ("src/wall_clock.cpp", "// src/wall_clock.cpp\n", "src/wall_clock.cpp:1: the first line repeats"),
    ("src/clock.cpp", "// A clock.\n", "src/clock.cpp:1: the first line repeats the file's name, or says too little"),
    ("src/clock.cpp", "// Reads a clock\n// that never stops.\n", "src/clock.cpp:1: the first sentence goes on"),
    ("tests/clock.py", "import time\n", 'tests/clock.py:1: no line that says what the file is ("""…)'),
    ("tests/clock.py", '"""Reads a clock\nthat never stops."""\n', "tests/clock.py:1: the first sentence goes on"),
    ("tests/clock", "#!/usr/bin/python3\nimport time\n", "tests/clock:1: no line that says what the file is"),
    (".ci/clock", "#!/bin/bash\n# Reads a clock\n# that never stops.\n", ".ci/clock:1: the first sentence goes on"),
    ("src/CMakeLists.txt", "project(clock)\n", "src/CMakeLists.txt:1: no line that says what the file is (# …)"),
    ("configs/clock.conf", "server {\n", "configs/clock.conf:1: no line that says what the file is (# …)"),
    ("src/clock.cpp", LINE + "\n" * 450, "src/clock.cpp: 451 lines, more than 450"),
    ("tests/clock_test.cpp", LINE + "\n" * 450, "tests/clock_test.cpp: 451 lines, more than 450"),
    ("tests/clock", "#!/bin/bash\n# Reads a clock that never stops.\n" + "\n" * 449, "tests/clock: 451 lines"),
    ("docs/clock.md", "# Clocks\n" + "\n" * 450, "docs/clock.md: 451 lines, more than 450"),
    ("README.md", "# Clocks\n" + "\n" * 450, "README.md: 451 lines, more than 450"),
])
def test_notices(tmp_path, name, text, complaint):
    found = complaints(tmp_path, name, text)
    assert len(found) == 1 and found[0].startswith(complaint), found


@pytest.mark.parametrize("name, text", [
    ("src/clock.cpp", LINE + "\n" * 449),
    ("tests/clock_test.cpp", LINE + "\n" * 449),
    ("docs/clock.md", "# Clocks\n" + "\n" * 449),
    ("src/clock.cpp", LINE + "// It counts seconds.\n"),
    ("tests/clock.py", '"""Reads a clock that never stops."""\nimport time\n'),
    ("tests/clock.py", '"""Reads a clock that never stops\n\nIt counts seconds."""\n'),
    ("tests/__init__.py", ""),
    ("deploy/clock", "#!/bin/bash\n# Reads a clock that never stops.\nset -e\n"),
    ("tests/data/clock.conf", "server {\n" * 451),
    ("tests/page.html", "<p>\n" * 451),
])
def test_lets_these_pass(tmp_path, name, text):
    assert complaints(tmp_path, name, text) == []


def test_lets_a_picture_pass(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/clock.png").write_bytes(b"\x89PNG\r\n" * 451)
    assert complaints(tmp_path, "docs/clock.md", "# Clocks\n") == []


def test_a_tree_without_files_is_wrong(tmp_path):
    assert list(check_files.complaints(tmp_path)) == [f"{folder}: no files" for folder in check_files.FOLDERS]
