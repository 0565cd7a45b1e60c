"""Deadlines of requests: in the queue, and while they run."""

import time

import wire
from processes import wait_until


def ask(server, protocol, path, query=""):
    """Sends a request whose answer is read later."""
    return wire.begin(protocol, server.address, wire.variables(path=path, query=query))


# ---- in the queue


def test_a_request_that_waits_for_too_long_gets_503_and_is_never_started(start, protocol):
    server = start("--queue-timeout", "300ms", "--access-log", "-", threads=1)
    gate = server.gate("busy")
    with ask(server, protocol, "/hold", "gate=busy") as running:
        gate.wait_entered()
        begun = time.monotonic()
        answer = server.call(protocol, "/parts", query="token=late&gate=none")
        waited = time.monotonic() - begun
        assert (answer.status, answer.complete) == (503, True)
        assert int(answer.field("Retry-After")) > 0
        assert b"--queue-timeout" in answer.body
        assert 0.3 <= waited < 10
        event = server.wait_event("--queue-timeout")
        assert (event.level, event.text.startswith("GET /parts?token=late")) == ("warn", True)
        gate.open()
        assert running.read_answer().status == 200
    assert server.counted("late") == {}
    (line,) = [line for line in server.output().splitlines() if "/parts" in line]
    assert '" 503 ' in line and float(line.split("queue=")[1].split()[0]) >= 300


def test_without_a_queue_timeout_requests_wait_as_long_as_it_takes(start):
    server = start("--queue-timeout", "0", threads=1)
    gate = server.gate("busy")
    with ask(server, "uwsgi", "/hold", "gate=busy") as running, ask(server, "uwsgi", "/hello") as waiting:
        gate.wait_entered()
        waiting.socket.settimeout(0.5)
        try:
            waiting.socket.recv(1)
            raise AssertionError("nothing can have come")
        except TimeoutError:
            waiting.socket.settimeout(wire.TIMEOUT)
        gate.open()
        assert [running.read_answer().status, waiting.read_answer().status] == [200, 200]


def test_a_request_whose_front_goes_away_while_it_waits_is_never_started(start, protocol):
    server = start("--log-level", "debug", "--access-log", "-", threads=1)
    gate = server.gate("busy")
    with ask(server, protocol, "/hold", "gate=busy") as running:
        gate.wait_entered()
        ask(server, protocol, "/parts", "token=gone&gate=none").close()
        server.wait_event("the front went away during GET /parts")
        gate.open()
        assert running.read_answer().status == 200
    assert server.counted("gone") == {}
    wait_until(lambda: any("/parts" in line and '" 499 ' in line for line in server.output().splitlines()),
               "its line in the access log")
