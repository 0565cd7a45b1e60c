"""An `appd dev` with a small application, for the tests of it."""

import http.client
import os
import pty
import re
import select
import signal
import subprocess
import time

from appd import workers_option
from processes import DEADLINE, Port, Process, clean_environment, unprivileged, wait_until

BANNER = "appd dev: "
HELLO = """
def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        password = "<secret>"
        raise ValueError("not <b>good</b>")
    if environ["PATH_INFO"] == "/late":
        return late(start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one"]


def late(start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    raise KeyError("late")
    yield b""
"""
BROWSER = {"Accept": "text/html,*/*"}


class DevSite(Process):
    """Its stdout and stderr are files. Owns `place`, in which the application is."""

    def __init__(self, installed, place, *options, module="app:application", env=None, host="127.0.0.1", wait=True):
        self.port = Port()
        self.project = place / "project"
        arguments = [installed.binary, "dev", module, "--http", f"{host}:{self.port.number}",
                     *workers_option(options), *options]
        super().__init__("appd", arguments, place, environment(env), cwd=self.project)
        if wait:
            self.wait_said(BANNER)

    def said(self) -> str:
        return self.out_path.read_text(errors="replace")

    def wait_said(self, text, times=1):
        wait_until(lambda: self.said().count(text) >= times or self.process.poll() is not None,
                   f"{text!r} on stdout, where there is {self.said()!r}")
        assert self.said().count(text) >= times, self.said() + self.log()

    def get(self, path="/", **fields):
        return get(self.port, path, **fields)

    def body(self, path="/", **fields) -> bytes:
        return self.get(path, **fields)[2]

    def wait_body(self, body, **fields):
        wait_until(lambda: self.body(**fields) == body, f"the answer {body}; it is {self.body(**fields)}")

    def write(self, text, name="app.py"):
        self.place.write(f"project/{name}", text)

    def stop(self) -> int:
        try:
            return super().stop()
        finally:
            self.port.release()


def environment(more) -> dict:
    return {"PYTHONDONTWRITEBYTECODE": "1", **(more or {})}


def get(port, path="/", method="GET", **fields) -> tuple:
    """(status, fields of the head, body). The names of `fields` have underscores."""
    client = http.client.HTTPConnection("127.0.0.1", port.number, timeout=DEADLINE)
    client.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    response = client.getresponse()
    found = response.status, dict(response.getheaders()), response.read()
    client.close()
    return found


class Terminal:
    """An `appd dev` in the foreground of a terminal of its own."""

    def __init__(self, installed, place, *options, module="app:application", env=None):
        self.port = Port()
        self.master, slave = pty.openpty()
        arguments = [installed.binary, "dev", module, "--http", f"127.0.0.1:{self.port.number}",
                     *workers_option(options), *options]
        self.shown = ""
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments], stdin=slave, stdout=slave, stderr=slave, cwd=place / "project",
            env=clean_environment({"TERM": "xterm", **environment(env)}), start_new_session=True,
            preexec_fn=take_terminal, **unprivileged())
        os.close(slave)

    def wait_shown(self, pattern, after=0) -> int:
        """Reads until the pattern has been shown. Returns where it ends."""
        end = time.monotonic() + DEADLINE
        while not (found := re.compile(pattern).search(self.shown, after)):
            readable, _, _ = select.select([self.master], [], [], max(end - time.monotonic(), 0))
            assert readable, f"not shown: {pattern}; there is {self.shown!r}"
            try:
                part = os.read(self.master, 65536)
            except OSError:  # nobody has the other side any more
                part = b""
            assert part, f"the end, and not shown: {pattern}; there is {self.shown!r}"
            self.shown += part.decode(errors="replace")
        return found.end()

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_end(self) -> int:
        """The exit code. What is still printed is read, so that nobody waits for room."""
        def ended():
            while select.select([self.master], [], [], 0)[0]:
                try:
                    self.shown += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    break
            return self.process.poll() is not None
        wait_until(ended, "the end of appd dev")
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.wait_end()
        os.close(self.master)
        self.port.release()


def take_terminal():
    """In the child: standard input becomes the terminal of its session."""
    import fcntl
    import termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
