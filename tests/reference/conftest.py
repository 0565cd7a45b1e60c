"""What the tests share: the program's help, and man pages and completions as they are installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "docs"))

import options_table


@pytest.fixture(scope="session")
def appd() -> Path:
    return Path(os.environ["APPD_BINARY"])


@pytest.fixture(scope="session")
def options(appd) -> list:
    """(name, argument, help) of each option, as --help has them."""
    told = subprocess.run([appd, "--help"], check=True, capture_output=True, text=True).stdout
    return [fields for kind, *fields in options_table.parse_help(told) if kind == "option"]


@pytest.fixture(scope="session")
def names(options) -> set:
    return {f"--{name}" for name, _, _ in options}


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """The folder share/ of an installation."""
    prefix = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", os.environ["APPD_BUILD"], "--prefix", prefix, "--component", "reference"],
                   check=True, capture_output=True)
    return prefix / "share"
