"""Which packages deploy/packages.sh takes for installed."""

import subprocess
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[2] / "deploy/packages.sh"
DPKG_QUERY = """#!/bin/bash
# Says that what the names and patterns match is installed, and fails if one matches nothing, as dpkg-query -W does.
shift 3
code=0
for name in "$@"; do
  found=no
  for package in {there}; do [[ $package != $name ]] || { echo -n " installed "; found=yes; }; done
  [[ $found == yes ]] || code=1
done
exit "$code"
"""


@pytest.mark.parametrize("wanted, there, installed", [
    ("libfmt-dev", "libfmt-dev", True),
    ("libfmt-dev", "libfmt9", False),
    ("libfmt-dev", "libfmt1.81-dev", False),
    ("libboost-dev", "libboost-dev", True),
    ("libboost-dev", "libboost1.81-dev", True),
    ("libboost-dev", "libboost1.81-tools-dev libboost-program-options1.81-dev", False),
    ("libboost-program-options-dev", "libboost1.81-dev", False),
    ("libboost-program-options-dev", "libboost-program-options1.81-dev", True),
])
def test_a_package_or_another_version_of_boost_is_there(tmp_path, wanted, there, installed):
    stub = tmp_path / "dpkg-query"
    stub.write_text(DPKG_QUERY.replace("{there}", there))
    stub.chmod(0o755)
    asked = subprocess.run(["bash", "-c", f"set -euo pipefail; PATH={tmp_path}:$PATH; source {PACKAGES}; "
                            f"is_installed {wanted}"], check=False)
    assert asked.returncode == (0 if installed else 1)
