"""Everything stands still for a while (docker pause, a virtual machine): no deadline passes in that time."""

import os
import signal
import time

import pytest

import wire
from processes import alive, stop_process, wait_until

FREEZE = 3.0  # longer than each limit that is given
LIMITS = ("--heartbeat", "1s", "--request-timeout", "2s", "--timeout-grace", "500ms", "--header-timeout", "2s",
          "--body-timeout", "2s", "--write-timeout", "2s", "--graceful-timeout", "1s")


def freeze(pids):
    """Stops all, in this order, and lets them go on after a while in the same order."""
    try:
        for pid in pids:
            stop_process(pid)
        time.sleep(FREEZE)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def settle(server, seconds=2.5):
    """Time for what a master does after a look at its workers."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, "several looks of the master")


@pytest.mark.parametrize("master_first", [True, False], ids=["master first", "master last"])
def test_after_a_freeze_no_worker_is_killed_and_requests_are_answered(start, master_first):
    server = start(*LIMITS, workers=2)
    workers = server.worker_pids()
    gates = [server.gate(f"hold{number}") for number in range(3)]
    held = [wire.begin("fastcgi", server.address, wire.variables(path="/hold", query=f"gate={gate.name}"))
            for gate in gates]
    for gate in gates:
        gate.wait_entered()
    arriving = wire.FastCgi(server.address)
    arriving.begin()
    upload = wire.begin("uwsgi", server.address, wire.variables("POST", "/digest", length=10), b"12345", end_body=False)

    freeze([server.pid, *workers] if master_first else [*workers, server.pid])

    arriving.params(wire.variables(path="/hello"))
    arriving.stdin(b"")
    assert arriving.read_response().status == 200
    upload.send_body(b"67890")
    assert upload.read_response().status == 200
    for gate, connection in zip(gates, held):
        gate.open()
        assert connection.read_response().status == 200
    settle(server)
    assert sorted(server.worker_pids()) == sorted(workers)
    assert not server.find_events(("worker.unresponsive", "request.deadline", "connection.timeout", "body.timeout"))


def test_a_worker_that_stays_frozen_is_killed_all_the_same(start):
    server = start(*LIMITS, workers=2)
    first, second = server.worker_pids()
    for pid in (first, second, server.pid):
        stop_process(pid)
    time.sleep(FREEZE)
    os.kill(second, signal.SIGCONT)
    os.kill(server.pid, signal.SIGCONT)
    wait_until(lambda: not alive(first), "the one that still stands is killed", 20)
    assert "--heartbeat" in server.wait_event("worker.unresponsive").text
    assert alive(second)
