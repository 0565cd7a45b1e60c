"""An appd with a port for HTTP clients, for the tests of what only HTTP has."""

from contextlib import ExitStack

import pytest

import wire
from appd import Appd, FromOwnBinary
from processes import Port


LOADED = """
import hashlib
VERSION = {version!r}

def application(environ, start_response):
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    body = environ["wsgi.input"].read()
    answer = hashlib.sha256(body).hexdigest() if environ["REQUEST_METHOD"] == "POST" else VERSION
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer.encode()]
"""


def write_loaded(place, version):
    place.write("site_under_load.py", LOADED.format(version=version))


class OverTcp:
    """An appd that has a port for HTTP clients, too."""

    def __init__(self, installed, *options, **rest):
        self.port = Port()
        super().__init__(installed, "--http", f"127.0.0.1:{self.port.number}", *options, **rest)

    def stop(self):
        try:
            return super().stop()
        finally:
            self.port.release()

    def connect(self) -> wire.Http:
        return wire.Http(self.port.address)

    def url(self, path) -> str:
        return f"http://127.0.0.1:{self.port.number}{path}"


class Site(OverTcp, Appd):
    pass


class Upgraded(OverTcp, FromOwnBinary):
    def command(self, arguments, environment):
        return super().command([*arguments, "--control", f"{self.address}.control"], environment)


@pytest.fixture
def open_site(installed):
    with ExitStack() as ends:

        def open_one(*options, kind=Site, **rest):
            opened = kind(installed, *options, **rest)
            ends.callback(opened.stop)
            return opened

        yield open_one


@pytest.fixture
def loaded(open_site, place):
    """Starts a site for Load, whose version can be written anew."""

    def open_loaded(*options, **rest):
        write_loaded(place, "1")
        site = open_site("--pythonpath", place.path, *options, module="site_under_load", workers=2, **rest)
        return site, lambda version: write_loaded(place, version)

    return open_loaded
