"""The bench notices wrong responses: defective servers and applications are measured as any other.

Needs the programs that APPD_BINARY, APPD_LOAD and APPD_FLOOR name (ctest sets them)."""

import os
from pathlib import Path

import pytest

from harness import measures
from harness.bench import run_scenario
from harness.measures import BlockOrder, ClosedLoop, Pace
from harness.report import failures
from harness.scenarios import HELLO, WATCHED_STREAM, Contender, Scenario, Variant
from harness.servers import Appd, Server
from harness.stage import PYTHON, Application, Stage

WIRES = ("fastcgi-kept", "fastcgi", "uwsgi", "scgi")
SHORT = Pace(0.4, 0.0)
LONG = Pace(30.0, 0.0)  # for what ends at the first wrong response, however slow the machine is

SHORT_ONCE_IN_A_THOUSAND = """
import hello, itertools
numbers = itertools.count(1)
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [hello.BODY[:-1] if next(numbers) % 1000 == 0 else hello.BODY]
"""

# A server over uwsgi that treats each 300th connection as DEFECT says.
FAKE = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(100)
kept = []
for number in range(1, 1_000_000):
    connection, _ = listener.accept()
    try:
        if not connection.recv(65536):
            continue
        if number % 300 == 0:
            DEFECT
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 14\\r\\n\\r\\nHello, world!\\n")
    except OSError:
        pass
    finally:
        if connection not in kept:
            connection.close()
"""


class FakeServer(Server):
    label = "fake"
    defect = "pass"

    def arguments(self, place):
        return [PYTHON, place.write("fake.py", FAKE.replace("DEFECT", self.defect)), self.address]


class ClosesConnections(FakeServer):
    defect = "continue"


class SaysItIsBroken(FakeServer):
    defect = 'connection.sendall(b"HTTP/1.1 500 Oops\\r\\n\\r\\nHello, world!\\n"); continue'


class NeverAnswers(FakeServer):
    defect = "kept.append(connection); continue"


STREAMER = """
import socket, sys
import stream
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(100)
for number in range(1_000_000):
    connection, _ = listener.accept()
    if connection.recv(65536):
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
        for block in COLLECT(stream.application({}, lambda *_: None)):
            connection.sendall(block)
    connection.close()
"""


class SendsEachBlock(Server):
    label = "streamer"
    collect = ""

    def arguments(self, place):
        return [PYTHON, place.write("streamer.py", STREAMER.replace("COLLECT", self.collect)), self.address]

    def environment(self):
        return {"PYTHONPATH": self.stage.apps}


class CollectsAllBlocks(SendsEachBlock):
    collect = "list"


class DoesNotStart(Appd):
    def arguments(self, place):
        return [*super().arguments(place), "--no-such-option"]


class LacksItsApplication(Appd):
    def arguments(self, place):
        arguments = super().arguments(place)
        arguments[arguments.index("--module") + 1] = "nothing_here:application"
        return arguments


@pytest.fixture(scope="module")
def stage():
    programs = [os.environ[name] for name in ("APPD_BINARY", "APPD_LOAD", "APPD_FLOOR")]
    made = Stage(*(Path(program).resolve(strict=True) for program in programs))
    made.place.write("apps/short.py", SHORT_ONCE_IN_A_THOUSAND)
    yield made
    made.remove()


def measured(stage, server, wire="uwsgi", application=HELLO, measure=None, pace=LONG) -> dict:
    measure = measure or ClosedLoop()
    variant = Variant("variant", application, measure, (Contender("appd", server, wire, 1, 1),))
    return {"scenarios": [run_scenario(stage, Scenario(1, "name", "title", (variant,)), 1, pace, print)]}


@pytest.mark.parametrize("server, wire", [(Appd, wire) for wire in WIRES] + [(FakeServer, "uwsgi")])
def test_what_works_is_no_failure(stage, server, wire):
    assert failures(measured(stage, server, wire, pace=SHORT)) == []


@pytest.mark.parametrize("wire", WIRES)
def test_a_response_that_lacks_a_byte_once_in_a_thousand_is_noticed(stage, wire):
    application = Application("short:application", contains=b"Hello", length=14)
    (failure,) = failures(measured(stage, Appd, wire, application))
    assert "13 bytes" in failure


@pytest.mark.parametrize("server", [ClosesConnections, SaysItIsBroken])
def test_a_server_that_fails_now_and_then_is_noticed(stage, server):
    (failure,) = failures(measured(stage, server))
    assert "after" in failure and "right responses" in failure


def test_a_server_that_never_answers_is_noticed(stage, monkeypatch):
    monkeypatch.setattr(measures, "LOAD_BEYOND", 2.0)
    (failure,) = failures(measured(stage, NeverAnswers, pace=Pace(2.0, 0.0)))
    assert "did not end in time" in failure


@pytest.mark.parametrize("server", [DoesNotStart, LacksItsApplication])
def test_a_server_that_does_not_start_is_noticed(stage, server):
    assert len(failures(measured(stage, server))) == 1


@pytest.mark.parametrize("server, late", [(SendsEachBlock, 0), (CollectsAllBlocks, 2)])
def test_a_server_that_holds_blocks_back_is_noticed(stage, server, late):
    results = measured(stage, server, application=WATCHED_STREAM, measure=BlockOrder(streams=2))
    assert failures(results) == []
    (variant,) = results["scenarios"][0]["variants"]
    assert variant["contenders"]["appd"]["figures"] == {"late_streams": late}


def test_a_wrong_page_is_noticed_before_it_is_measured(stage):
    application = Application("hello:application", contains=b"Good bye")
    (failure,) = failures(measured(stage, Appd, "uwsgi", application))
    assert "wrong response: 200" in failure
