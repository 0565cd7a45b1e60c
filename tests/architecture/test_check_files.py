"""The check of files notices what it is for: it is shown a small tree with one thing wrong."""

import pytest

import check_files

LINE = "// Reads a clock that never stops.\n"


def complaints(tmp_path, name: str, text: str) -> list:
    for path, content in {"src/good.cpp": LINE, "tests/good.hpp": LINE, name: text}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return list(check_files.complaints(tmp_path))


@pytest.mark.parametrize("name, text, complaint", [
    ("src/clock.cpp", "\n" + LINE, "src/clock.cpp:1: no line that says what the file is (// …)"),
    ("tests/clock.hpp", "#pragma once\n", "tests/clock.hpp:1: no line that says what the file is (// …)"),
    ("src/wall_clock.cpp", "// src/wall_clock.cpp\n", "src/wall_clock.cpp:1: the first line repeats"),
    ("src/clock.cpp", "// A clock.\n", "src/clock.cpp:1: the first line repeats the file's name, or says too little"),
    ("src/clock.cpp", LINE + "\n" * 450, "src/clock.cpp: 451 lines, more than 450"),
    ("src/net/option_table.cpp", LINE + "\n" * 450, "src/net/option_table.cpp: 451 lines, more than 450"),
])
def test_notices(tmp_path, name, text, complaint):
    found = complaints(tmp_path, name, text)
    assert len(found) == 1 and found[0].startswith(complaint), found


@pytest.mark.parametrize("name, text", [
    ("src/clock.cpp", LINE + "\n" * 449),
    ("src/runtime/config/option_table.cpp", LINE + "\n" * 900),
    ("tests/clock_test.cpp", LINE + "\n" * 900),
])
def test_lets_these_pass(tmp_path, name, text):
    assert complaints(tmp_path, name, text) == []


def test_a_tree_without_files_is_wrong(tmp_path):
    assert list(check_files.complaints(tmp_path)) == ["src: no files", "tests: no files"]
