"""A few system calls that fail under load; all of them are tried by hand (tests/e2e/inject)."""

import threading

import pytest

from faults import FAR, FaultyAppd, Injector, try_fault
from processes import wait_until

pytestmark = pytest.mark.skipif(not Injector.is_there(), reason="a sanitizer must be the first library")


@pytest.fixture(scope="module")
def server(installed):
    made = FaultyAppd(installed, "--spool-bodies", "--body-buffer", "64K", workers=2, threads=2)
    yield made
    made.stop()


@pytest.mark.parametrize("role, call, error, lasts", [
    ("workers", "epoll_ctl", "ENOMEM", True),
    ("workers", "accept4", "EMFILE", True),
    ("workers", "sendmsg", "ENOBUFS", True),
    ("workers", "sendfile", "EINVAL", True),
    ("workers", "pwrite", "ENOSPC", True),
    ("workers", "new", "ENOMEM", False),
    ("master", "recvmsg", "ENOMEM", True),
    ("master", "fork", "EAGAIN", True),
])
def test_it_is_borne(server, role, call, error, lasts):
    wrong, told = try_fault(server, role, call, error, lasts)
    assert not wrong, told


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
        assert not server.find_events("the master is gone")
    finally:
        server.stop()
