"""An appd with a port for HTTP clients, for the tests of what only HTTP has."""

import signal
from contextlib import ExitStack

import pytest

import wire
from appd import Appd, FromOwnBinary
from load import Load
from processes import Port, alive, children, wait_until


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


def reload_under_load(ports, site, write, last):
    """Reloads the site of `loaded` with each version up to `last`, while clients of `ports` ask for it without end.
    All answers are right, and each version has given some."""
    with Load(ports) as load:
        load.wait_more(100)
        for version in range(2, last + 1):
            write(str(version))
            before = children(site.pid)
            site.forget_log()
            site.send_signal(signal.SIGHUP)
            site.wait_event("reload.finished", within=60)
            load.wait_more(50)
            wait_until(lambda: not any(map(alive, before)), "the old workers have ended")
    assert load.wrong == []
    assert set(load.bodies) == {str(version) for version in range(1, last + 1)}
