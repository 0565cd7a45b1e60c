"""A few system calls that fail under load; all of them are tried by hand (tests/e2e/inject)."""

import os
import signal
import threading

import pytest

import wire
from faults import FAR, FaultyAppd, Injector, try_fault
from processes import wait_until

pytestmark = pytest.mark.skipif(not Injector.is_there(), reason="a sanitizer must be the first library")


@pytest.fixture(scope="module")
def server(installed):
    made = FaultyAppd(installed, "--spool-bodies", "--body-buffer", "64K", workers=2, threads=2)
    yield made
    assert made.running()
    made.stop()


@pytest.mark.parametrize("role, call, error, lasts, event", [
    ("workers", "epoll_ctl", "ENOMEM", True, "connection.not_watched"),
    ("workers", "accept4", "EMFILE", True, "accept.failed"),
    ("workers", "sendmsg", "ENOBUFS", True, "connection.no_memory"),
    ("workers", "sendfile", "EINVAL", True, "response.file_read"),
    ("workers", "pwrite", "ENOSPC", True, "body.not_stored"),
    ("workers", "new", "ENOMEM", False, "worker.out_of_memory"),
    ("master", "recvmsg", "ENOMEM", True, "worker.died"),  # that one the test has killed
    ("master", "poll", "ENOMEM", True, "server.call_failed"),
    ("master", "fork", "EAGAIN", True, "worker.not_forked"),
])
def test_it_is_borne_and_told(server, role, call, error, lasts, event):
    server.forget_log()
    wrong, told = try_fault(server, role, call, error, lasts)
    assert not wrong, told
    assert server.find_events(event)


def test_a_link_that_cannot_be_read_for_a_while_is_not_taken_for_its_end(installed):
    """A worker that took it so would close its kept connections."""
    server = FaultyAppd(installed, "--log-level", "debug", workers=2, threads=2)
    try:
        server.injector.order(server.pid, "workers", "recvmsg", "ENOMEM", FAR)
        asked = []
        asking = threading.Thread(target=lambda: asked.append(server.installed.run("reload", "--control", server.control)))
        asking.start()
        wait_until(lambda: server.injector.failed() > 0, "an order to a worker has failed")
        server.injector.end_order()
        asking.join()
        assert asked[0].returncode == 0, asked[0].stderr
        assert not server.find_events("worker.draining", "the master is gone")
    finally:
        server.stop()


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_who_cannot_tell_its_master_that_it_is_there_tells_it_later(installed, preload):
    server = FaultyAppd(installed, *preload, workers=2, threads=2)
    try:
        worker = server.call("fastcgi", "/whoami").json()["pid"]
        server.injector.order(server.pid, "workers", "sendmsg", "ENOBUFS", FAR)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.injector.failed() >= 10, "it tries again")
        server.injector.end_order()
        server.wait_event("worker.ready", r"^worker \d \(pid \d+\)")
        assert server.call("fastcgi", "/hello").status == 200
    finally:
        server.stop()


def test_that_a_worker_is_stuck_is_told_later_when_it_cannot_be_told_at_once(installed):
    server = FaultyAppd(installed, "--request-timeout", "300ms", "--timeout-grace", "300ms", module="deadlines", workers=1,
                        threads=2)
    try:
        with wire.begin("uwsgi", server.address, wire.variables("POST", "/read", length=2), b"1", end_body=False) as upload:
            server.injector.order(server.pid, "workers", "sendmsg", "ENOBUFS", FAR)
            with wire.begin("uwsgi", server.address, wire.variables(path="/sleep", query="seconds=60")):
                wait_until(lambda: server.injector.failed() >= 5, "it tries again")
                server.injector.end_order()
                server.wait_event("worker.stuck")
            server.wait_event("worker.ready", r"^worker \d \(pid \d+\)")  # another, while the first is still there
            upload.send_body(b"2")
            assert upload.read_response().json() == {"length": 2}
    finally:
        server.stop()
