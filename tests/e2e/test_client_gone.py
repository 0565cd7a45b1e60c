"""Clients that go away while the application works for them: it learns of it, ends, and nobody takes alarm."""

import re

import pytest

import every_wire
import web
import wire
from every_wire import of_fronts
from fronts import MODES, Nginx
from processes import unique, wait_until

protocol = every_wire.protocol

SITE = """
import os, time

def note(environ, what):
    with open(os.path.join(os.environ["PROBE_DIR"], environ["QUERY_STRING"]), "a") as file:
        file.write(what + "\\n")

def compute(environ):
    gone = environ["appd.client_disconnected"]
    note(environ, f"begun {gone()}")
    end = time.monotonic() + 30
    while not gone() and time.monotonic() < end:
        time.sleep(0.002)
    note(environ, f"noticed {gone()}")
    return []

def read(environ):
    note(environ, "begun")
    try:
        environ["wsgi.input"].read()
    except ConnectionError as error:
        note(environ, f"cut {type(error).__name__}")
        raise
    return []

class Blocks:
    def __init__(self, environ):
        self.environ = environ
        self.asked = 0
    def __iter__(self):
        return self
    def __next__(self):
        self.asked += 1
        if self.asked == 20000:
            raise StopIteration
        time.sleep(0.002)
        return b"x" * 4000
    def close(self):
        note(self.environ, "closed" if self.asked < 20000 else "never told")

def blocks(environ):
    note(environ, "begun")
    return Blocks(environ)

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return {"/compute": compute, "/read": read, "/blocks": blocks}[environ["PATH_INFO"]](environ)
"""


class Site:
    def __init__(self, start, place):
        place.write("site_for_the_gone.py", SITE)
        self.place = place
        self.control = place / "control"
        self.server = start("--pythonpath", place.path, "--access-log", "-", "--log-level", "debug",
                            "--control", self.control, "--body-buffer", "1K", module="site_for_the_gone")
        self.name = unique("gone")

    def notes(self):
        try:
            return (self.server.gates / self.name).read_text().splitlines()
        except FileNotFoundError:
            return []

    def wait(self, *expected):
        wait_until(lambda: self.notes()[:len(expected)] == list(expected), f"notes {expected}")
        assert self.notes() == list(expected)

    def check_accounts(self, installed):
        """One line at debug level, no traceback, 499, and a count."""
        lines = wait_until(lambda: [line for line in self.server.output().splitlines() if self.name in line], "a line")
        assert [line.split('"')[2].split()[0] for line in lines] == ["499"]
        told = self.server.find_events("response.client_gone", self.name)
        assert [event.level for event in told] == ["debug"]
        assert "Traceback" not in self.server.log()
        said = installed.run("status", "--control", self.control).stdout
        assert re.search(r"(?m), 1 requests answered \(1 when the front had gone away\); ", said), said


@pytest.fixture
def site(start, place):
    return Site(start, place)


def variables(site, path, **rest):
    return wire.variables(path=path, query=site.name, **rest)


# ---- straight from a front


def test_an_application_that_asks_learns_that_nobody_waits(site, installed, protocol):
    with wire.begin(protocol, site.server.address, variables(site, "/compute")):
        site.wait("begun False")
    site.wait("begun False", "noticed True")
    site.check_accounts(installed)


def test_so_it_does_when_the_front_aborts_the_request_and_keeps_the_connection(site, installed):
    with wire.FastCgi(site.server.address) as connection:
        connection.begin()
        connection.params(variables(site, "/compute"))
        connection.stdin(b"")
        site.wait("begun False")
        connection.abort()
        site.wait("begun False", "noticed True")
        site.check_accounts(installed)


@of_fronts  # a client's body is stored until it is complete
def test_a_body_that_ends_too_early_is_a_connection_error(site, installed, protocol):
    """One that is short enough to be there as a whole before the application is called does not even begin."""
    named = variables(site, "/read", method="POST", length=100_000)
    with wire.begin(protocol, site.server.address, named, b"a part" * 1000, end_body=False):
        site.wait("begun")
    site.wait("begun", "cut ConnectionResetError")
    site.check_accounts(installed)


def test_no_block_is_asked_for_that_nobody_will_read(site, installed, protocol):
    with wire.begin(protocol, site.server.address, variables(site, "/blocks")) as connection:
        assert connection.read_some()
    site.wait("begun", "closed")
    site.check_accounts(installed)


# ---- behind nginx


@pytest.fixture
def nginx(site):
    front = Nginx(site.server.address)
    yield front
    front.stop()


@pytest.mark.parametrize("mode", MODES)
def test_nginx_tells_when_its_client_leaves(site, nginx, installed, mode):
    with web.Client(nginx.port(mode)) as client:
        client.send_request("GET", f"/compute?{site.name}")
        site.wait("begun False")
    site.wait("begun False", "noticed True")
    site.check_accounts(installed)


@pytest.mark.parametrize("mode", MODES)
def test_nginx_tells_when_its_client_leaves_during_a_stream(site, nginx, installed, mode):
    with web.Client(nginx.port(mode, streaming=True)) as client:
        client.send_request("GET", f"/blocks?{site.name}")
        assert client.start_reply().read(5000)
    site.wait("begun", "closed")
    site.check_accounts(installed)
