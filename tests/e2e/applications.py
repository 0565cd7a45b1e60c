"""How a test serves an application of its own, with and without --preload."""

import json
import subprocess

import pytest

from appd import PYTHON
from processes import unique

with_and_without_preload = pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
SHOW_ENVIRONMENT = """
import json, os
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(dict(os.environ)).encode()]
"""


def needs(package):
    """Skips the test if the Python that appd was built for has no such package. Not all come for every version."""
    there = subprocess.run([PYTHON, "-c", f"import {package}"], stderr=subprocess.DEVNULL, check=False)
    return pytest.mark.skipif(there.returncode != 0, reason=f"{PYTHON} has no {package}")


def application(place, text) -> tuple:
    """Options for a server with an application of the test's own."""
    name = unique("app").replace("-", "_")
    place.write(f"{name}.py", text)
    return ("--pythonpath", place.path), f"{name}:application"


def environment(server) -> dict:
    """What an application that shows it finds in its environment."""
    return json.loads(server.call("fastcgi").body)
