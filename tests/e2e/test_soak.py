"""The soak, short: see `soak`, which says how it is run for longer and how its report is read."""

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak")


@pytest.mark.parametrize("options", [["--seconds", "60"], ["--seconds", "30", "--preload"]], ids=["plain", "preloaded"])
def test_every_response_is_accounted_for(options):
    ended = subprocess.run([sys.executable, SOAK, *options], capture_output=True, text=True, errors="replace")
    assert ended.returncode == 0, ended.stdout + ended.stderr
