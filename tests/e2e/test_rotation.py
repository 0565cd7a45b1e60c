"""SIGUSR1: after log files have been moved away, every process goes on in new ones."""

import os
import signal

import pytest

from appd import READY
from applications import with_and_without_preload
from processes import children, unique, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user: needs root")

SITE = """
import os, sys

{at_import}

def application(environ, start_response):
    query = environ["QUERY_STRING"]
    print("printed", query, flush=True)
    print("told", query, file=sys.stderr, flush=True)
    environ["wsgi.errors"].write("reported " + query)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


WAIT = """
gate = os.environ["PROBE_DIR"] + "/gate"
while not os.path.exists(gate):
    pass
open(gate).read()
"""


@pytest.fixture
def site(start, place):
    """Starts a server with its access log in a file, as are its stdout and stderr."""

    def start_site(*options, at_import="", access_log=None, **rest):
        name = unique("site").replace("-", "_")
        place.write(f"{name}.py", SITE.replace("{at_import}", at_import))
        return start("--pythonpath", place.path, "--access-log", access_log or place / "access.log", *options,
                     module=name, **rest)

    return start_site


class Rotation:
    """The log files of a server, moved away."""

    def __init__(self, server, *more):
        self.server = server
        self.files = [server.out_path, server.log_path, *more]
        for each in self.files:
            os.rename(each, self.old(each))

    @staticmethod
    def old(path):
        return path.with_name(path.name + ".1")

    def reopen(self):
        self.server.send_signal(signal.SIGUSR1)
        wait_until(lambda: all(not self.has_old(pid) for pid in [self.server.pid, *children(self.server.pid)]),
                   "nobody has the old files", 10)

    def has_old(self, pid) -> bool:
        old = {str(self.old(each)) for each in self.files}
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{fd}") in old:
                    return True
            except FileNotFoundError:
                pass
        return False


def ask(server, mark):
    assert server.call("fastcgi", query=mark).status == 200


@with_and_without_preload
def test_every_process_goes_on_in_new_files(site, place, preload):
    server = site(*preload, workers=2)
    access = place / "access.log"
    ask(server, "before")
    rotation = Rotation(server, access)
    ask(server, "between")
    wait_until(lambda: "between" in rotation.old(access).read_text(), "what comes before the signal is in the old file")
    rotation.reopen()
    ask(server, "after")
    wait_until(lambda: "?after" in access.read_text(), "the access log")
    assert "printed after" in server.output()
    wait_until(lambda: "reported after" in server.log() and "told after" in server.log(), "the log")
    assert server.find_events("log.reopened", "SIGUSR1")
    assert all("after" not in rotation.old(each).read_text() for each in rotation.files)
    # Those that come later have them, too.
    before = server.worker_pids()
    os.kill(int(server.call("fastcgi").body), signal.SIGKILL)
    wait_until(lambda: set(server.worker_pids()) - set(before), "another worker")
    assert not any(rotation.has_old(pid) for pid in server.worker_pids())


@with_and_without_preload
def test_a_process_that_still_imports_goes_on_in_them_once_it_is_ready(site, preload):
    server = site(*preload, at_import=WAIT, wait=False, access_log="-")
    gate = server.gate("gate")
    gate.wait_entered()
    rotation = Rotation(server)
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: server.log_path.exists(), "a new log", 10)
    gate.open()
    wait_until(lambda: READY in server.log(), "ready")
    wait_until(lambda: not any(rotation.has_old(pid) for pid in server.worker_pids()), "the new files", 10)
    ask(server, "after")
    wait_until(lambda: "?after" in server.output(), "the access log on stdout")


def test_workers_that_end_have_them_too(site, place):
    server = site(at_import="import atexit\natexit.register(lambda: print('at the end', flush=True))")
    Rotation(server, place / "access.log").reopen()
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: "at the end" in server.output(), "the old worker's last line in the new file")


def test_a_file_that_cannot_be_opened_is_an_error_and_the_old_one_goes_on(site, place):
    folder = place.folder("logs")
    server = site(access_log=folder / "access.log")
    ask(server, "before")
    os.rename(folder, place / "moved")
    server.send_signal(signal.SIGUSR1)
    event = server.wait_event("log.not_reopened")
    assert event.level == "error" and str(folder / "access.log") in event.text and "No such file" in event.text
    ask(server, "after")
    wait_until(lambda: "?after" in (place / "moved" / "access.log").read_text(), "the old file")


def test_where_nothing_has_been_moved_nothing_changes(site, place):
    server = site()
    ask(server, "before")
    server.send_signal(signal.SIGUSR1)
    server.wait_event("log.reopened", "SIGUSR1")
    ask(server, "after")
    wait_until(lambda: "?after" in (place / "access.log").read_text(), "the access log")
    assert "?before" in (place / "access.log").read_text() and "printed before" in server.output()


def make_roots(folder):
    """Only root can write there, as to /var/log."""
    os.chown(folder.path, 0, 0)
    os.chmod(folder.path, 0o755)


@as_root
def test_root_opens_them_for_workers_that_could_not(site, place):
    make_roots(place)
    server = site("--user", "nobody", "--socket", "127.0.0.1:0", as_root=True)
    make_roots(server.place)
    rotation = Rotation(server, place / "access.log")
    rotation.reopen()
    ask(server, "after")
    wait_until(lambda: "?after" in (place / "access.log").read_text() and "told after" in server.log(), "the new files")
    assert os.stat(server.log_path).st_uid == 0
