"""The fixtures of tests/e2e, for the applications with packages from PyPI."""

import importlib.util
import sys
from pathlib import Path

E2E = Path(__file__).resolve().parents[2] / "e2e"
sys.path.insert(0, str(E2E))
_found = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
_module = importlib.util.module_from_spec(_found)
_found.loader.exec_module(_module)
installed, pytest_configure = _module.installed, _module.pytest_configure
pytest_runtest_makereport = _module.pytest_runtest_makereport
