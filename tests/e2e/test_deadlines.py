"""Deadlines of requests: in the queue, and while they run."""

import re
import time

import pytest

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


# ---- slow requests


@pytest.fixture
def watched(start):
    """Starts servers with the application that takes its time."""
    return lambda *options, **rest: start(*options, module="deadlines:application", **rest)


def test_a_slow_request_is_logged_once_with_its_stack_and_goes_on(watched, protocol):
    server = watched("--slow-request", "200ms")
    answer = server.call(protocol, "/loop", query="seconds=0.8")
    assert (answer.status, answer.body) == (200, b"looped\n")
    (event,) = server.find_events("--slow-request")
    assert event.level == "warn"
    assert event.text.startswith("GET /loop?seconds=0.8 has made no progress for 0.")
    assert re.search(r"thread [1-4], began 0\.\d s ago", event.text)
    first, *frames = event.text.splitlines()
    assert all(frame.strip().startswith("File ") for frame in frames)
    assert any("deadlines.py" in frame and frame.endswith("in compute") for frame in frames)
    assert any(frame.endswith("in loop") for frame in frames)


@pytest.mark.parametrize("path", ["sleep", "hold"])
def test_a_thread_in_c_code_shows_its_stack_also_with_the_interpreter_held(watched, path):
    server = watched("--slow-request", "200ms")
    with ask(server, "uwsgi", f"/{path}", "seconds=1.5") as connection:
        event = server.wait_event("--slow-request", within=1.4)
        assert f"GET /{path}" in event.text and f"in {path}" in event.text
        assert connection.read_answer().status == 200


def test_the_stacks_are_there_when_every_pool_thread_is_stuck(watched):
    server = watched("--slow-request", "200ms", threads=3)
    asked = [ask(server, "scgi", "/sleep", f"seconds=1.2&number={number}") for number in range(3)]
    for number in range(3):
        event = server.wait_event(f"number={number} ", within=1.1)
        assert event.text.count("in sleep") == 1
    assert [connection.read_answer().status for connection in asked] == [200] * 3
    for connection in asked:
        connection.close()
    threads = {re.search(r"thread (\d)", event.text).group(1) for event in server.find_events("--slow-request")}
    assert threads == {"1", "2", "3"}


def test_blocks_are_progress_and_a_stream_that_stops_is_slow(watched, protocol):
    server = watched("--slow-request", "400ms")
    assert server.call(protocol, "/blocks", query="seconds=0.1").body == b"block," * 10
    assert server.find_events("--slow-request") == []
    assert server.call(protocol, "/stall", query="seconds=0.8").body == b"first,second"
    (event,) = server.find_events("--slow-request")
    assert "GET /stall" in event.text and "in compute" in event.text


def test_the_time_of_the_front_is_not_the_applications(watched, protocol):
    server = watched("--slow-request", "200ms", "--body-buffer", "1K")
    named = wire.variables("POST", "/read", length=5000)
    with wire.begin(protocol, server.address, named, body=bytes(4000), end_body=False) as front:
        time.sleep(0.6)
        if protocol == "fastcgi":
            front.stdin(bytes(1000))
        else:
            front.send_body(bytes(1000))
        assert front.read_answer().json() == {"length": 5000}
    with ask(server, protocol, "/big", "token=big") as front:
        time.sleep(0.6)
        assert len(front.read_answer().body) == 20_000_000
    assert server.find_events("--slow-request") == []


def test_without_a_limit_nothing_is_slow(watched):
    server = watched("--slow-request", "0")
    assert server.call("uwsgi", "/loop", query="seconds=0.5").status == 200
    assert server.find_events("progress") == []
