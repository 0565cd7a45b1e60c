"""Limits on bodies: how large one may be, and how much all of them may take on the disk."""

import os

import pytest

import wire
from processes import wait_until

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def spooled(server, size):
    """The answer to a body of unknown length, which is stored before the application runs."""
    with wire.FastCgi(server.address) as connection:
        connection.begin(1, keep=False)
        connection.params(wire.variables("POST", "/digest"))
        connection.stdin(bytes(size))
        return connection.read_answer("POST")


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
    answer = probe.call(protocol, "/digest", method="POST", length=GIB + 1)
    assert (answer.status, b"--max-body" in answer.body) == (413, True)


def test_a_body_of_that_size_is_within_it(probe):
    """It is refused for another reason: it does not come."""
    answer = probe.call("fastcgi", "/digest", method="POST", length=GIB)
    assert (answer.status, b"of 1073741824 bytes" in answer.body) == (400, True)


def test_bodies_on_the_disk_have_a_limit_together(start):
    server = start("--body-buffer", "64K", "--spool-limit", "1M")
    answer = spooled(server, 2 * MIB)
    assert (answer.status, answer.field("Retry-After")) == (503, "1")
    assert b"--spool-limit" in answer.body
    assert server.wait_event("503.*--spool-limit").level == "warn"
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
        event = server.wait_event("no room for the body")
        assert event.level == "error" and "/case/read_cut" in event.text
        connection.stdin(b"x", 2)
        assert connection.read_answer(request_id=2).json()["length"] == 1
        gate.open()
        assert connection.read_answer(request_id=1).status == 500
    assert server.wait_counted("late", "OSError")


def test_there_is_no_limit_when_it_is_0(start):
    server = start("--body-buffer", "64K", "--spool-limit", "0")
    assert spooled(server, 8 * MIB).json()["length"] == 8 * MIB
