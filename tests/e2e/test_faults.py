"""A few system calls that fail under load; all of them are tried by hand (tests/e2e/inject)."""

import pytest

from faults import FaultyAppd, Injector, try_fault

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
