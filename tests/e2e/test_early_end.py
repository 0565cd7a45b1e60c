"""SIGTERM in the first milliseconds: the end is in order, whatever has been made by then."""

import os
import signal
import time

import pytest

from appd import Appd
from processes import wait_until

ROUNDS = 12


def made(server) -> list:
    return [path for path in (server.place / "app.sock", server.place / "appd.pid", server.place / "control")
            if os.path.lexists(path)]


def start_early(installed, **rest):
    return Appd(installed, "--pidfile", "appd.pid", "--control", "control", "--graceful-timeout", "5s", wait=False,
                **rest)


def end(server):
    """Its exit code, after SIGTERM; what it has left."""
    server.send_signal(signal.SIGTERM)
    try:
        return server.wait_exit(20), made(server), server.log()
    finally:
        server.stop_signal = signal.SIGKILL
        server.stop()


@pytest.mark.parametrize("name", ["appd.pid", "control", "app.sock"])
def test_as_soon_as_the_first_thing_is_there(installed, name):
    for _ in range(ROUNDS):
        server = start_early(installed)
        path = server.place / name
        # No pause: it is the first moment that matters.
        limit = time.monotonic() + 20
        while not os.path.lexists(path) and time.monotonic() < limit:
            pass
        code, left, log = end(server)
        assert (code, left) == (0, []), log


def test_at_any_time(installed):
    for number in range(2 * ROUNDS):
        server = start_early(installed)
        moment = time.monotonic() + 0.008 * number
        wait_until(lambda: time.monotonic() >= moment, "the moment")
        code, left, log = end(server)
        assert code in (0, -signal.SIGTERM) and left == [], log
        assert code == 0 or log == "", "it had begun"
