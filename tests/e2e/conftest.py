"""Fixtures for all end-to-end tests, and the logs of the programs under test when one fails."""

from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("bad_input", "front_matrix", "http_site", "http_wire", "preloaded", "wild", "wild_debian",
                               "wild_frameworks", "wild_services", "wire", "wire_base", "wsgi_calls")

import processes
import wire
from appd import Appd, Installation, find_binary
from processes import Place
from service_manager import Manager

LOG_TAIL = 20_000


def pytest_configure(config):
    if not config.option.collectonly:
        try:
            find_binary()
        except (OSError, RuntimeError) as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def installed():
    made = Installation(find_binary())
    yield made
    made.remove()


@pytest.fixture
def place():
    made = Place()
    yield made
    made.remove()


@pytest.fixture
def manager(place):
    made = Manager(place)
    yield made
    made.socket.close()


@pytest.fixture
def start(installed, request):
    """Starts servers for one test: start(*options, module=…, workers=…, threads=…)."""
    over_http = "protocol" in request.fixturenames and request.getfixturevalue("protocol") == "http"
    with ExitStack() as ends:

        def start_one(*options, http=over_http, **rest) -> Appd:
            server = Appd(installed, *options, http=http, **rest)
            ends.callback(server.stop)
            return server

        yield start_one


@pytest.fixture(scope="module")
def probe(installed):
    """A server with the probe, shared by all tests of a file."""
    server = Appd(installed, http=True)
    yield server
    server.stop()


@pytest.fixture(params=wire.WIRES)
def protocol(request):
    return request.param


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for process in processes.RUNNING:
            report.sections.append((f"log of {process.name} {process.pid}", process.log()[-LOG_TAIL:]))
