"""Signals that nobody means for appd, SIGUSR1 for the logs, and what the application does with signals."""

import os
import signal

import pytest

from appd import READY
from applications import with_and_without_preload
from processes import alive, unique, wait_until

# All whose default is to end or stop a process, but for faults, limits, job control, and what appd obeys.
HARMLESS = sorted({signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGSTKFLT,
                   signal.SIGWINCH, signal.SIGURG, signal.SIGTTIN, signal.SIGTTOU, signal.SIGRTMIN,
                   signal.SIGRTMIN + 7, signal.SIGRTMAX - 5, signal.SIGRTMAX})

IGNORED_BY_WORKERS = {*HARMLESS, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT,
                      signal.SIGQUIT}

SITE = """
import json, os, signal, subprocess, sys

print("imported", flush=True)
{at_import}

def dispositions():
    with open("/proc/self/status") as status:
        return dict(line.strip().split(":\\t") for line in status if line.startswith("Sig"))

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/program":
        code = "print(open('/proc/self/status').read())"
        body = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, restore_signals=False).stdout
    elif path == "/caught":
        body = repr(caught).encode()
    elif path == "/say":
        print("said", environ["QUERY_STRING"], flush=True)
        print("told", environ["QUERY_STRING"], file=sys.stderr, flush=True)
        body = b""
    else:
        body = json.dumps({"pid": os.getpid()}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def name_of(number) -> str:
    if number >= signal.SIGRTMIN:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    return "SIGPOLL" if number == signal.SIGIO else signal.Signals(number).name


def numbers(mask) -> set:
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


@pytest.fixture
def site(start, place):
    """Starts a server with an application of the test's own."""

    def start_site(*options, at_import="", **rest):
        name = unique("site").replace("-", "_")
        place.write(f"{name}.py", SITE.replace("{at_import}", at_import))
        return start("--pythonpath", place.path, *options, module=name, **rest)

    return start_site


@pytest.mark.parametrize("number", HARMLESS, ids=lambda number: name_of(number))
def test_a_signal_that_appd_has_no_use_for_is_ignored_with_a_line(probe, number):
    server = probe
    server.forget_log()
    server.send_signal(number)
    event = server.wait_event("signal.ignored", rf"\bprocess {os.getpid()}\b")
    assert event.role == "master" and event.level == "warn" and f"user {os.geteuid()}" in event.text
    assert event.text.startswith(name_of(number))
    assert server.running()


@with_and_without_preload
def test_no_worker_dies_of_them(site, preload):
    server = site(*preload, workers=2)
    before = sorted(server.worker_pids())
    assert len(before) == (3 if preload else 2)
    for pid in before:
        for number in IGNORED_BY_WORKERS:
            os.kill(pid, number)
    for _ in range(4):
        assert server.call("fastcgi").status == 200
    assert sorted(server.worker_pids()) == before and all(alive(pid) for pid in before)


WAIT = """
gate = os.environ["PROBE_DIR"] + "/gate"
while not os.path.exists(gate):
    pass
open(gate).read()
"""


@with_and_without_preload
def test_no_worker_dies_of_them_while_it_imports(site, preload):
    server = site(*preload, at_import=WAIT, wait=False)
    gate = server.gate("gate")
    gate.wait_entered()
    (pid,) = server.worker_pids()
    for number in IGNORED_BY_WORKERS:
        os.kill(pid, number)
    gate.open()
    server.wait_ready(lambda: READY in server.log())
    assert pid in server.worker_pids()


CATCH = """
caught = []
assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
assert signal.signal(signal.SIGUSR2, lambda number, frame: None) == signal.SIG_DFL
signal.signal(signal.SIGUSR2, signal.SIG_DFL)
signal.signal(signal.SIGUSR1, lambda number, frame: caught.append(number))
signal.signal(signal.SIGALRM, lambda number, frame: caught.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not caught:
    pass
"""


@with_and_without_preload
def test_what_the_application_does_with_signals_works(site, preload):
    """Its handlers are called; what it leaves alone, or gives back, kills nobody."""
    server = site(*preload, at_import=CATCH)
    pid = server.call("fastcgi").json()["pid"]
    os.kill(pid, signal.SIGUSR1)  # alone: of several the kernel may give one to a thread that waits for nothing
    caught = wait_until(lambda: str(int(signal.SIGUSR1)) in (body := server.call("fastcgi", "/caught").body.decode())
                        and body, "SIGUSR1 caught", 10)
    assert str(int(signal.SIGALRM)) in caught
    os.kill(pid, signal.SIGUSR2)
    assert server.call("fastcgi").json()["pid"] == pid


@with_and_without_preload
def test_programs_have_default_signals(site, preload):
    server = site(*preload)
    status = server.call("fastcgi", "/program").body.decode()
    sets = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Sig"))
    pythons = {signal.SIGPIPE, signal.SIGXFSZ}  # ignored in each Python; subprocess restores them
    glibcs = set(range(32, signal.SIGRTMIN))  # its own two, which no program can use: its posix_spawn ignores them
    assert not numbers(sets["SigIgn"]) - pythons - glibcs and not numbers(sets["SigBlk"])
    assert not numbers(sets["SigCgt"]) - {signal.SIGINT}
