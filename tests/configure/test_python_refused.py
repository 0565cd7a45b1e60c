"""A CPython that appd cannot run on is refused by the compiler, in words."""

import os
import subprocess
from pathlib import Path

ASK = "import sysconfig; print(sysconfig.get_path('include'))"
INCLUDE = subprocess.run([os.environ["APPD_PYTHON"], "-c", ASK], stdout=subprocess.PIPE, text=True, check=True).stdout
HEADER = Path(__file__).resolve().parents[2] / "src/runtime/python/python_compat.hpp"


def complaints(*flags: str) -> str:
    return subprocess.run([os.environ["APPD_CXX"], "-std=c++20", "-fsyntax-only", "-x", "c++", *flags,
                           "-I", INCLUDE.strip(), HEADER], capture_output=True, text=True).stderr


def test_a_free_threaded_build_is_refused():
    words = "free-threaded builds of CPython are not supported"
    assert words in complaints("-DPy_GIL_DISABLED")
    assert words not in complaints()
