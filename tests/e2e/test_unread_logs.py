"""A log that nobody reads, and clients that try to fill it: nobody waits for it."""

import fcntl
import os
import re
import signal
import time

import pytest

import wire
from appd import Appd
from processes import give_away, wait_until

F_SETPIPE_SZ = 1031


class Pipe:
    """A small FIFO of which the test is the reader, when it likes."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        give_away(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._fd, F_SETPIPE_SZ, 4096)
        self.text = ""

    def read(self) -> str:
        """All that has come so far."""
        try:
            while got := os.read(self._fd, 65536):
                self.text += got.decode(errors="replace")
        except BlockingIOError:
            pass
        return self.text


class Piped(Appd):
    """Its stderr is a pipe, and so is its access log; both are read while `reads` is true."""

    reads = True

    def command(self, arguments, environment):
        self.stderr = Pipe(self.place / "stderr.pipe")
        self.access = Pipe(self.place / "access.pipe")
        return ["/bin/sh", "-c", f'exec "$@" 2>{self.stderr.path}', "sh", *arguments,
                "--access-log", self.access.path]

    def log(self):
        if self.reads:
            self.access.read()
            self.stderr.read()
        return re.sub("x{100,}", "x...", self.stderr.text)


@pytest.fixture
def piped(installed):
    servers = []

    def start(*options, **rest):
        servers.append(Piped(installed, *options, **rest))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def write_much(server, requests=300):
    """More than both logs can hold, and what a worker keeps of them: each request is 3.5 KB in either."""
    for number in range(requests):
        text = f"{number}-" + "x" * 3500
        assert server.call("fastcgi", "/log", query=f"text={text}", timeout=20).status == 200


def test_nobody_waits_for_a_log_that_is_not_read(piped, installed):
    server = piped("--control", "control", workers=2)
    server.reads = False
    write_much(server, requests=50)
    first, _ = server.worker_pids()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(set(server.worker_pids()) - {first}) == 2, "the worker is replaced", 20)
    write_much(server)
    asked = installed.run("status", "--control", server.place / "control", within=20)
    assert asked.returncode == 0 and "worker 2" in asked.stdout

    server.reads = True
    assert server.wait_event("log.dropped", r"^\d+ lines .* the log ", within=30).level == "warn"
    server.wait_event("log.dropped", r"^\d+ lines .* the access log ", within=30)
    server.wait_event("worker.died", f"pid {first}.*SIGKILL", within=20)


def test_a_log_that_is_not_read_does_not_keep_the_end(piped):
    server = piped(workers=2)
    server.reads = False
    write_much(server)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=20) == 0


def test_lines_come_whole_and_in_order_when_the_log_is_read_slowly(piped):
    """Two workers write more than the pipe holds at once, and less than is kept."""
    server = piped("--access-log-format", "{uri} end", workers=2)
    server.reads = False
    for number in range(200):
        assert server.call("uwsgi", "/hello", query=f"n={number}&" + "x" * 500, timeout=20).status == 200
    server.reads = True
    pattern = re.compile(r"/hello\?n=(\d+)&x{500} end")

    def numbers():
        server.log()
        return [int(found.group(1)) for found in map(pattern.fullmatch, server.access.text.splitlines()) if found]

    wait_until(lambda: len(numbers()) == 200, "all lines are there", 20)
    assert sorted(numbers()) == list(range(200))
    assert not server.find_events("log.dropped")


# ---- what clients can provoke


def test_one_line_in_a_second_tells_of_what_clients_repeat(start):
    server = start("--log-level", "info")
    began = time.monotonic()
    for _ in range(200):
        assert server.call("uwsgi", "/refused", extra=[("CONTENT_LENGTH", "abc")]).status == 400
    seconds = time.monotonic() - began
    told = server.wait_event("request.bad", r"^and \d+ more .*\b400\b", within=20)
    assert told.level == "warn"

    def counted():
        more = sum(int(re.match(r"and (\d+) more", event.text).group(1))
                   for event in server.find_events("request.bad", "^and"))
        return more + len(server.find_events("request.bad", r"/refused: .*\b400\b")) == 200

    wait_until(counted, "each request is a line, or counted")
    assert len(server.find_events("request.bad")) <= 2 * (seconds + 2)


def test_a_debug_log_has_every_line(start):
    server = start("--log-level", "debug")
    for _ in range(20):
        server.call("uwsgi", "/refused", extra=[("CONTENT_LENGTH", "abc")])
    wait_until(lambda: len(server.find_events("request.bad", r"/refused: .*\b400\b")) == 20, "all of them", 10)


def test_what_the_application_logs_names_a_long_request_shortly(start):
    server = start()
    server.call("fastcgi", "/log", query="text=brief&" + "y" * 5000)
    server.call("fastcgi", "/fail", query="y" * 5000)
    for name, field in (("application.errors", "brief"), ("application.raised", "Error")):
        (first, *_) = server.wait_event(name, field).text.splitlines()
        assert len(first) < 700 and "y..." in first


def test_a_client_cannot_fill_the_log_with_bytes_that_are_no_request(start):
    server = start()
    for _ in range(50):
        with wire.connect(server.address) as peer:
            peer.sendall(b"Aa" * 32)
            assert peer.recv(100) == b""
    server.wait_event("connection.unknown_protocol", r"^and \d+ more", within=20)
    assert len(server.find_events("connection.unknown_protocol")) < 25
