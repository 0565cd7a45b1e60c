"""Which library of CPython the build chooses: the static one only if it links."""

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = os.environ["APPD_PYTHON"]
ASK = "import sysconfig; print(*sysconfig.get_config_vars('LIBPL', 'LIBRARY'), sep='/')"
ARCHIVE = Path(subprocess.run([PYTHON, "-c", ASK], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


def configure(build: Path, python_path: Path, *options: str) -> list:
    """What CMake says of CPython."""
    made = subprocess.run(["cmake", "-S", PROJECT, "-B", build, "-G", "Ninja", "-DBUILD_TESTING=OFF",
                           f"-DAPPD_PYTHON={PYTHON}", *options],
                          env={**os.environ, "PYTHONPATH": str(python_path)},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return [line.split(": ", 1)[1] for line in made.stdout.splitlines() if line.startswith("-- CPython ")]


@pytest.mark.skipif(not ARCHIVE.exists(), reason="this CPython has no static library")
def test_a_library_that_lacks_another_is_not_linked(tmp_path):
    """Debian 13's names one that only the build of CPython had."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sysconfig\nsysconfig.get_config_vars()['MODLIBS'] += ' Modules/_none/libnone.a'\n")
    said = configure(tmp_path / "build", tmp_path)
    assert said[0] == f"{ARCHIVE} does not link"
    assert ".so" in said[1] and len(said) == 2
    # The choice is made anew each time.
    again = configure(tmp_path / "build", tmp_path / "nothing")
    assert again == [str(ARCHIVE)] or again == said


@pytest.mark.skipif(not ARCHIVE.exists(), reason="this CPython has no static library")
@pytest.mark.parametrize("option", ["-DAPPD_STATIC_PYTHON=OFF", "-DAPPD_SANITIZE=thread"])
def test_the_shared_library_can_be_chosen(tmp_path, option):
    assert [Path(said).suffix for said in configure(tmp_path / "build", tmp_path, option)] == [".so"]
