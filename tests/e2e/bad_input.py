"""A server that is sent bad input, and what holds round each such test: the worker and its neighbours go on."""

import pytest

import wire
from appd import Appd
from processes import unique


class Neighbour:
    """A request on another connection that runs through all of a test."""

    def __init__(self, server: Appd, protocol):
        self.gate = server.gate(unique("neighbour"))
        named = wire.variables(path="/hold", query=f"gate={self.gate.name}")
        self.connection = wire.begin(protocol, server.address, named)
        self.gate.wait_entered()

    def finish(self):
        self.gate.open()
        response = self.connection.read_response()
        self.connection.close()
        assert (response.status, response.complete, response.json()["held"]) == (200, True, True)


@pytest.fixture(scope="module")
def server(installed):
    # Debug: in other logs there is one line in a second of what clients repeat.
    running = Appd(installed, "--log-level", "debug", "--max-params", "32K", "--max-body", "1M",
                   "--header-timeout", "1s", "--body-timeout", "1s", http=True)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def undisturbed(server, request):
    """Round each test: the same worker, a neighbour that gets its response, and service afterwards."""
    protocol = request.getfixturevalue("protocol") if "protocol" in request.fixturenames else "fastcgi"
    worker = server.only_worker()
    neighbour = Neighbour(server, protocol)
    server.forget_log()
    yield
    neighbour.finish()
    assert server.only_worker() == worker
    for other in wire.ALL_WIRES:
        assert server.call(other, "/hello").status == 200


def the_one_event(server, names, *fields):
    """The event that names the matter, and no second one at that level."""
    event = server.wait_event(names, *fields)
    loud = [other for other in server.events() if other.level in ("warn", "error")]
    assert len(loud) <= 1, loud
    return event
