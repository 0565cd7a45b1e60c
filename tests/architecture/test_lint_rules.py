"""flake8, which .ci/run has, and ruff, which is a hook of pre-commit, check lines and names by the same rules."""

import configparser
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUFF = tomllib.loads((ROOT / "ruff.toml").read_text())


def flake8() -> configparser.SectionProxy:
    read = configparser.ConfigParser()
    read.read(ROOT / ".flake8")
    return read["flake8"]


def words(text: str) -> set:
    return set(text.replace(",", " ").split())


def test_they_allow_lines_of_the_same_length():
    assert flake8().getint("max-line-length") == RUFF["line-length"]


def test_they_leave_out_the_same_rules():
    assert words(flake8()["ignore"]) == {rule for rule in RUFF["lint"]["ignore"] if rule[0] in "EWF"}
    assert {rule[0] for rule in words(flake8()["select"])} == {"E", "W", "F"} <= set(RUFF["lint"]["select"])


def test_they_leave_out_the_same_rules_of_a_file():
    lines = [line.partition(":") for line in flake8()["per-file-ignores"].split("\n") if line]
    assert {name: words(rules) for name, _, rules in lines} == {
        name: set(rules) for name, rules in RUFF["lint"]["per-file-ignores"].items()}
