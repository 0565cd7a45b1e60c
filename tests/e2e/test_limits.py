"""Limits on bodies: how large one may be, and how much all of them may take on the disk."""

import os
import re
import time

import pytest

import every_wire
import wire
from processes import wait_until

protocol = every_wire.protocol
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def spooled(server, size):
    """The response to a body of unknown length, which is stored before the application runs."""
    with wire.FastCgi(server.address) as connection:
        connection.begin(1, keep=False)
        connection.params(wire.variables("POST", "/digest"))
        connection.stdin(bytes(size))
        return connection.read_response("POST")


def served(server, size) -> bool:
    """Whether it is; a worker that has just been killed may take the connection with it."""
    try:
        return spooled(server, size).status == 200
    except (OSError, ValueError, AssertionError):
        return False


def hold(server, size):
    """A body of unknown length of which `size` bytes are sent, and more is to come."""
    connection = wire.FastCgi(server.address)
    connection.begin(1, keep=False)
    connection.params(wire.variables("POST", "/digest"))
    connection.stdin(bytes(size), end=False)
    return connection


def test_a_body_has_a_limit_unless_told_otherwise(probe, protocol):
    response = probe.call(protocol, "/digest", method="POST", length=GIB + 1)
    assert (response.status, b"--max-body" in response.body) == (413, True)


def test_a_body_of_that_size_is_within_it(probe):
    """It is refused for another reason: it does not come."""
    response = probe.call("fastcgi", "/digest", method="POST", length=GIB)
    assert (response.status, b"of 1073741824 bytes" in response.body) == (400, True)


def test_bodies_on_the_disk_have_a_limit_together(start):
    server = start("--body-buffer", "64K", "--spool-limit", "1M")
    response = spooled(server, 2 * MIB)
    assert (response.status, response.field("Retry-After")) == (503, "1")
    assert b"--spool-limit" in response.body
    assert server.wait_event("body.refused", r"\b503\b.*--spool-limit\b").level == "warn"
    for _ in range(5):  # what was read, or refused, takes no room
        assert spooled(server, 900 * KIB).json()["length"] == 900 * KIB
        assert spooled(server, 2 * MIB).status == 503


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_share_that_limit_and_give_it_back_when_a_front_goes_away(start, workers):
    server = start("--body-buffer", "64K", "--spool-limit", "1M", workers=workers)
    with hold(server, 900 * KIB):
        wait_until(lambda: spooled(server, 500 * KIB).status == 503, "no room is left")
    wait_until(lambda: served(server, 900 * KIB), "there is room again")


def test_a_worker_that_dies_leaves_its_room(start):
    server = start("--body-buffer", "64K", "--spool-limit", "1M", workers=2)
    with hold(server, 900 * KIB):
        wait_until(lambda: spooled(server, 500 * KIB).status == 503, "no room is left")
        for worker in server.worker_pids():
            os.kill(worker, 9)
        wait_until(lambda: served(server, 900 * KIB), "there is room again")


def test_a_body_that_finds_no_room_while_the_application_runs_is_cut(start):
    """Of two requests on a connection none may stop the other: what the first does not read is stored."""
    server = start("--body-buffer", "64K", "--spool-limit", "256K")
    gate = server.gate("late")
    with wire.FastCgi(server.address) as connection:
        connection.begin(2)
        connection.params(wire.variables("POST", "/digest", length=1), 2)
        connection.begin(1)
        connection.params(wire.variables("POST", "/case/read_cut", "gate=late&token=late", length=MIB), 1)
        connection.stdin(bytes(MIB), 1)
        gate.wait_entered()
        event = server.wait_event("body.not_stored")
        assert event.level == "error" and "/case/read_cut" in event.text
        connection.stdin(b"x", 2)
        assert connection.read_response(request_id=2).json()["length"] == 1
        gate.open()
        assert connection.read_response(request_id=1).status == 500
    assert server.wait_counted("late", "OSError")


def test_there_is_no_limit_when_it_is_0(start):
    server = start("--body-buffer", "64K", "--spool-limit", "0")
    assert spooled(server, 8 * MIB).json()["length"] == 8 * MIB


# ---- what is said of requests that are refused


def test_a_refusal_for_a_full_queue_does_not_hide_one_for_a_long_wait(start):
    """Each cause has its line in the same second."""
    server = start("--queue", 1, "--queue-timeout", "200ms", threads=1)
    gate = server.gate("held")
    held = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    waiting = wire.begin("scgi", server.address, wire.variables(path="/waits"))
    assert server.call("scgi", "/too-many").status == 503
    assert waiting.read_response().status == 503
    gate.open()
    assert held.read_response().status == 200
    server.wait_event("queue.full", r"^GET /too-many: .*\b503 .*\(--queue\)")
    server.wait_event("queue.timeout", r"^GET /waits: .*\b503 .*--queue-timeout\b")


def test_a_flood_of_refusals_is_counted_and_not_told_one_by_one(start):
    server = start("--queue", 1, threads=1)
    gate = server.gate("held")
    held = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    waiting = wire.begin("scgi", server.address, wire.variables(path="/"))
    many = 300
    with wire.FastCgi(server.address) as connection:
        for _ in range(many):
            assert connection.request(wire.variables(path="/too-many")).status == 503
    gate.open()
    assert [connection.read_response().status for connection in (held, waiting)] == [200, 200]
    pattern = r"^and (\d+) more .*\b503\b"

    def told():
        counted = [int(re.match(pattern, event.text)[1]) for event in server.find_events("queue.full", pattern)]
        return len(server.find_events("queue.full", r"^GET /too-many: .*\b503\b")) + sum(counted)

    wait_until(lambda: told() == many, f"each of {many} is told or counted", 20)
    assert len(server.find_events(("queue.full", "queue.timeout"))) < many / 3, server.log()


# ---- all threads in streams

STREAMS = """
import os, pathlib, time
here = pathlib.Path(os.environ["PROBE_DIR"])
def blocks(environ):
    yield b"begun,"
    while not (here / environ["QUERY_STRING"]).exists():
        time.sleep(0.01)
    yield b"ended"
def application(environ, start_response):
    start_response("200 OK", [("X-Accel-Buffering", "no")])
    return blocks(environ) if environ["PATH_INFO"] == "/events" else [b"served"]
"""


def stream(server, name):
    connection = wire.begin("scgi", server.address, wire.variables(path="/events", query=name))
    connection.pending = connection.read_some()
    return connection


def test_when_all_threads_stream_and_a_request_waits_that_is_said_once(start, place):
    place.write("streams.py", STREAMS)
    server = start("--pythonpath", place.path, threads=2, module="streams")
    first = [stream(server, name) for name in ("first", "first")]
    waiting = [wire.begin("uwsgi", server.address, wire.variables()) for _ in range(3)]
    event = server.wait_event("queue.long_calls", r"\b2 threads .* GET /events\?\S+, \d+\.\d s\b")
    assert (event.level, event.role) == ("warn", "worker 1") and "--threads" in event.text
    waiting.append(wire.begin("uwsgi", server.address, wire.variables()))
    time.sleep(0.3)  # several looks
    assert len(server.find_events("queue.long_calls")) == 1
    (server.gates / "first").touch()
    for connection in first + waiting:
        assert connection.read_response().status == 200
