"""The summary counts what has run, and nothing else."""

import pytest

import summarize

DOCTEST = "[doctest] test cases:  {} |  {} passed | {} failed | {} skipped\n[doctest] Status: SUCCESS!\n"


def summary_of(tmp_path, capsys, *entries) -> tuple:
    """(exit code, lines) for programs, each given as name, status and output."""
    file = tmp_path / "results.xml"
    file.write_text("<testsuite>" + "".join(
        f'<testcase name="{name}" status="{status}"><system-out>{output}</system-out></testcase>'
        for name, status, output in entries) + "</testsuite>")
    return summarize.main(str(file)), capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("output, last", [
    (DOCTEST.format(5, 3, 0, 2), "3 passed, 0 failed"),
    ("12 passed in 3.20s", "12 passed, 0 failed"),
    ("1 passed in 1.00s\nand then\n7 passed, 2 warnings in 1.20s (0:01:03)", "7 passed, 0 failed"),
    ("a program that counts nothing", "1 passed, 0 failed"),
])
def test_what_has_passed_is_counted(tmp_path, capsys, output, last):
    assert summary_of(tmp_path, capsys, ("a", "run", output)) == (0, [last])


@pytest.mark.parametrize("output, last", [
    (DOCTEST.format(5, 3, 2, 0), "3 passed, 2 failed"),
    ("2 failed, 3 passed, 1 xfailed, 1 error in 3.20s", "3 passed, 3 failed"),
    ("4 errors in 3.20s", "0 passed, 4 failed"),
])
def test_what_has_failed_is_counted(tmp_path, capsys, output, last):
    assert summary_of(tmp_path, capsys, ("a", "fail", output)) == (1, [last])


def test_a_program_that_fails_without_a_failed_case_is_a_failure(tmp_path, capsys):
    found = summary_of(tmp_path, capsys, ("a", "fail", "3 passed in 1.00s"), ("b", "fail", "Segmentation fault"))
    assert found == (1, ["a: ended without a summary", "b: ended without a summary", "3 passed, 2 failed"])


def test_a_program_that_skips_all_of_its_cases_has_passed_none_and_is_named(tmp_path, capsys):
    found = summary_of(tmp_path, capsys, ("a", "run", "2 skipped in 0.12s"),
                       ("b", "run", "3 passed, 1 skipped in 1.00s"))
    assert found == (0, ["3 skipped; wholly: a", "3 passed, 0 failed"])


def test_skipped_cases_alone_are_no_success(tmp_path, capsys):
    assert summary_of(tmp_path, capsys, ("a", "run", "1 skipped in 0.12s"))[0] == 1


def test_without_results_there_is_a_failure(tmp_path, capsys):
    assert summarize.main(str(tmp_path / "nothing.xml")) == 1
    assert capsys.readouterr().out == "0 passed, 1 failed\n"
