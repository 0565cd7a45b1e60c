"""--preload: the application is imported once, and the workers are forked from there."""

import os
import re
import signal
from pathlib import Path

import pytest

import preloaded
from appd import parse_log, select_events
from applications import needs
from preloaded import PROBE, SERVE, ask_each, no_zombie, notes, workers, zygote
from processes import children

preload = preloaded.preload
EXIT_START = 4
MIB = 1 << 20
BIG = 100 * MIB
# What --preload says of what the import leaves behind.
FINDINGS = ("preload.noticed", "preload.forced", "preload.refused")
BIG_MODULE = """
import os
data = os.urandom(1 << 20) * 100
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(len(data)).encode()]
"""


# ---- what the application sees


def test_it_is_imported_once_and_served_by_all_workers_over_every_wire(preload, protocol):
    server = preload("probe", PROBE)
    assert server.call(protocol).status == 200
    assert set(ask_each(server, workers(server))) == set(workers(server))
    assert notes(server, "import") == [zygote(server)]
    assert set(children(server.pid)) == {zygote(server), *workers(server)}
    ready = server.wait_event("server.ready").text
    assert "preload" in ready
    assert [event.pid for event in server.find_events("zygote.ready")] == [zygote(server)]
    accepting = server.find_events("worker.accepting")
    assert {event.pid for event in accepting} == set(workers(server)) and len(accepting) == 2
    no_zombie(server)


def test_what_one_sends_to_its_process_group_reaches_no_other(preload):
    server = preload("probe", PROBE)
    for pid in (zygote(server), *workers(server)):
        assert os.getpgid(pid) == os.getsid(pid) == pid


def test_workers_differ_in_what_must_be_random_and_agree_in_what_they_are(preload):
    server = preload("probe", PROBE)
    one, other = ask_each(server, workers(server)).values()
    assert one[1] == other[1] == str(server.pid), "the parent"
    for at in range(2, 7):
        assert one[at] != other[at]
    assert one[7:] == other[7:] == ["True", "True", "True", "False"]


def test_hooks_at_fork_run_once_for_each_worker(preload):
    server = preload("probe", PROBE)
    assert notes(server, "before") == notes(server, "parent") == [zygote(server)] * 2
    assert sorted(notes(server, "child")) == sorted(workers(server))


def test_exit_handlers_run_once_in_each_worker_and_not_in_the_zygote(preload):
    server = preload("probe", PROBE)
    pids = workers(server)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert sorted(notes(server, "atexit")) == sorted(pids)
    assert server.output() == "imported", "what it printed, once"


def test_signal_handlers_of_the_import_work_in_workers_and_sigterm_drains(preload):
    server = preload("probe", PROBE, workers=1)
    (pid,) = workers(server, 1)
    os.kill(pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGTERM)
    server.wait_event("worker.asked_to_end", rf"^worker 1 \(pid {pid}\)", "SIGTERM")
    assert notes(server, "usr1") in ([pid], [])  # Python may end before it runs the handler


def test_memory_of_the_import_is_shared(preload, start, place):
    shared = preload("big", BIG_MODULE)
    assert shared.call("fastcgi").body == str(BIG).encode()
    own = start("--pythonpath", place.path, module="big", workers=2)
    assert max(map(pss, workers(shared))) < 60 * MIB
    assert sum(map(pss, children(shared.pid))) < 1.5 * BIG
    assert sum(map(pss, own.worker_pids())) > 2 * BIG


def pss(pid) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE).group(1)) * 1024


# ---- what the import leaves behind


THREAD = """
import threading
def flush(): threading.Event().wait()
threading.Thread(target=flush, name="flusher", daemon=True).start()
"""
SOCKET = """
import socket
connection = socket.socket(type=socket.SOCK_DGRAM)
connection.connect(("127.0.0.1", 9))
"""


def run(installed, place, name, text, *options):
    place.write(f"{name}.py", text)
    return installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", name,
                         "--workers", 2, *options)


@pytest.mark.parametrize("left, named", [
    (THREAD, 'module leaves: "flusher", in flush\\(\\);'),
    (SOCKET, r"module leaves: UDP socket connected to 127\.0\.0\.1:9\b"),
], ids=["thread", "socket"])
def test_threads_and_sockets_that_the_import_left_refuse_the_start(installed, place, left, named):
    ended = run(installed, place, "leaves", left + SERVE, "--preload")
    assert ended.returncode == EXIT_START
    events = parse_log(ended.stderr)
    assert select_events(events, "preload.refused", named), ended.stderr
    assert select_events(events, "preload.refused", "--preload=force", "register_at_fork")
    assert select_events(events, "worker.start_failed", "^zygote .*import_application: ")
    assert not (place / "app.sock").exists()


@pytest.mark.parametrize("option, code", [("--preload", EXIT_START), ("--preload=force", 0)])
def test_a_check_says_the_same_as_a_start(installed, place, option, code):
    ended = run(installed, place, "leaves", THREAD + SERVE, option, "--check")
    assert ended.returncode == code and select_events(parse_log(ended.stderr), FINDINGS[1:], '"flusher"')


def test_force_starts_all_the_same_and_names_them(start, place):
    place.write("leaves.py", THREAD + SOCKET + SERVE)
    server = start("--preload=force", "--pythonpath", place.path, module="leaves", workers=2)
    assert server.call("fastcgi").body == b"served"
    for what in ("flusher", "UDP socket connected to"):
        (event,) = server.find_events(FINDINGS, what)
        assert (event.name, event.level, event.role) == ("preload.forced", "warn", "zygote")


FLUSHER = """
import os, threading, weakref
class Flusher:
    def __init__(self):
        self.start()
        again = weakref.WeakMethod(self.start)
        os.register_at_fork(after_in_child=lambda: again()())
    def start(self):
        self.wanted, self.flushed = threading.Event(), threading.Event()
        threading.Thread(target=self.flush, name="flusher", daemon=True).start()
    def flush(self):
        while self.wanted.wait():
            self.wanted.clear()
            self.flushed.set()
"""
USES_FLUSHER = """
import flushing
flusher = flushing.Flusher()
def application(environ, start_response):
    flusher.wanted.set()
    start_response("200 OK", [])
    return [str(flusher.flushed.wait(20)).encode()]
"""


def test_a_thread_that_its_module_starts_again_at_a_fork_is_accepted(preload, place):
    """As exporters of OpenTelemetry do."""
    place.write("flushing.py", FLUSHER)
    server = preload("uses_flusher", USES_FLUSHER)
    assert {server.call("fastcgi").body for _ in range(6)} == {b"True"}
    (event,) = server.find_events(FINDINGS, '"flusher"')
    assert (event.name, event.level, event.role) == ("preload.noticed", "info", "zygote")
    assert re.search(r"\bmodule flushing, .*\bimport of uses_flusher: ", event.text)


@pytest.mark.parametrize("left", [THREAD + USES_FLUSHER, USES_FLUSHER + THREAD], ids=["before", "after"])
def test_one_that_is_accepted_makes_no_other_acceptable(installed, place, left):
    place.write("flushing.py", FLUSHER)
    ended = run(installed, place, "leaves", left, "--preload")
    assert ended.returncode == EXIT_START
    said = select_events(parse_log(ended.stderr), FINDINGS, '"flusher"')
    assert sorted(event.name for event in said) == ["preload.noticed", "preload.refused"]


ALGEBRA = """
import os, numpy
matrix = numpy.arange(250_000.0).reshape(500, 500) % 7
before = float((matrix @ matrix).sum())
def application(environ, start_response):
    same = float((matrix @ matrix).sum()) == before
    start_response("200 OK", [])
    return [f"{os.getpid()} {same}".encode()]
"""


@needs("numpy")
def test_numpy_with_the_threads_of_openblas_is_accepted_and_computes_in_all_workers(preload):
    server = preload("algebra", ALGEBRA, threads=2, env={"OPENBLAS_NUM_THREADS": "3"})
    found = server.find_events(FINDINGS)
    threads = min(3, len(os.sched_getaffinity(0))) - 1  # not more than there are processors
    assert [(event.level, event.role) for event in found] == [("info", "zygote")] * threads
    for event in found:
        assert re.search(r"\bimport of numpy\.\S*_multiarray_umath \(lib\S*openblas\S*\): ", event.text)
        assert "OPENBLAS_NUM_THREADS=1" in event.text
    responses = ask_each(server, workers(server))
    assert {response[1] for response in responses.values()} == {"True"}


@needs("numpy")
def test_the_variable_that_is_named_keeps_openblas_from_its_threads(preload):
    server = preload("algebra", ALGEBRA, "--env", "OPENBLAS_NUM_THREADS=1")
    assert server.find_events(FINDINGS) == []
    assert server.call("uwsgi").body.endswith(b"True")


def test_what_the_import_left_is_no_matter_without_preload(start, place):
    place.write("leaves.py", THREAD + SOCKET + SERVE)
    server = start("--pythonpath", place.path, module="leaves")
    assert server.call("fastcgi").body == b"served"
    assert not server.find_events(FINDINGS)


@pytest.mark.parametrize("option", ["--preload", "--preload=force"])
def test_an_application_that_cannot_be_imported_stops_the_start(installed, place, option):
    ended = run(installed, place, "broken", "raise RuntimeError('broken: at import')", option)
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "worker.start_failed", "^zygote .*import_application: ",
                         r"Traceback \(most recent call last\)", "broken: at import"), ended.stderr
    assert not (place / "app.sock").exists()
