"""The end of a worker: it waits for what the application runs, but not for ever, and says what it cut."""

import os
import re
import signal

import pytest

from appd import BY_MODULE, FromOwnBinary
from processes import alive, children, unique, wait_until

TICKER = """
import os, threading, time
def loop():
    while True:
        time.sleep(0.05)
threading.Thread(target=loop, name="ticker").start()
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%d" % os.getpid()]
"""

SIGABRT = r"SIGABRT(?: \(core dumped\))?"


def overdue(thread, pid=r"\d+"):
    return ("worker.died", rf"^worker \d \(pid {pid}\) .* 1\.0 s .*\(--exit-timeout\) .*{SIGABRT} after \d+\.\d s; "
                           rf".* thread {thread} .*\n")


@pytest.fixture
def site(start, place):
    def start_site(text, *options, exit_timeout="1s", **rest):
        name = unique("site").replace("-", "_")
        place.write(f"{name}.py", text)
        return start("--exit-timeout", exit_timeout, "--pythonpath", place.path, *options, module=name, **rest)

    return start_site


def test_a_thread_that_goes_on_does_not_keep_retired_workers(site):
    server = site(TICKER, workers=2)
    for reload in range(1, 4):
        before = children(server.pid)  # the master may have others for a moment
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: not any(map(alive, before)), "the old workers have ended", 20)
        wait_until(lambda: len(server.find_events(*overdue("ticker"))) == 2 * reload, "and are accounted for")
    assert all(" in loop\n" in event.text for event in server.find_events(*overdue("ticker")))
    assert not server.find_events(("worker.unresponsive", "worker.killed"))


def test_recycling_goes_on_beside_a_thread_that_goes_on(site):
    server = site(TICKER, "--max-requests", 2)
    seen = set()
    wait_until(lambda: seen.add(server.call("fastcgi").body) or len(seen) >= 4, "four workers served")


def test_a_stop_does_not_take_the_whole_graceful_time(site):
    server = site(TICKER, "--graceful-timeout", "10m")
    (worker,) = children(server.pid)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=30) == 0
    assert len(server.find_events(*overdue("ticker", worker))) == 1


def test_the_graceful_timeout_bounds_the_exit_too(site):
    server = site(TICKER, "--graceful-timeout", "1s", exit_timeout="10m")
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=30) == 0
    assert server.find_events("worker.died", rf" 1\.0 s .*\(--graceful-timeout\) .*{SIGABRT} .*; .* thread ticker .*\n")


THREADS = """
import os, threading, time
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)

def finish(file, seconds):
    time.sleep(seconds)
    open(file, "w").close()

def application(environ, start_response):
    what, _, argument = environ["QUERY_STRING"].partition("=")
    if what == "short":
        threading.Thread(target=finish, args=(argument, 0.5)).start()
    if what == "long":
        threading.Thread(target=finish, args=(argument, 3600), name="mailer").start()
    if what == "daemon":
        threading.Thread(target=finish, args=(argument, 3600), daemon=True).start()
    if what == "pool":
        pool.submit(os.getpid).result()
    if what == "submit":
        pool.submit(finish, argument, 0.5)
    start_response("200 OK", [])
    return [repr(threading.current_thread().daemon).encode()]
"""


@pytest.mark.parametrize("what", ["short", "submit"])
def test_what_a_thread_started_in_a_request_has_begun_is_finished(site, place, what):
    server = site(THREADS, exit_timeout="60s")
    done = place / "done"
    assert server.call("fastcgi", query=f"{what}={done}").body == b"False"
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert done.exists()


def test_what_takes_too_long_is_cut_and_named_and_nothing_else_is(site, place):
    server = site(THREADS)
    done = place / "done"
    for query in ("pool", f"daemon={done}", f"long={done}"):
        server.call("fastcgi", query=query)
    (worker,) = children(server.pid)
    os.kill(worker, signal.SIGTERM)
    event = server.wait_event(*overdue("mailer", worker))
    assert re.search(r"\n  .* in finish\n", event.text)
    wait_until(lambda: children(server.pid) not in ([], [worker]), "another is in its place")
    assert server.call("fastcgi").status == 200
    assert not done.exists()


ATEXIT = """
import atexit, threading
def save():
    threading.Event().wait()
atexit.register(save)
def application(environ, start_response):
    start_response("200 OK", [])
    return [b""]
"""


def test_an_exit_handler_that_hangs_is_shown(site):
    server = site(ATEXIT)
    (_,) = children(server.pid)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=30) == 0
    (event,) = server.find_events("worker.died", rf" 1\.0 s .*\(--exit-timeout\) .*{SIGABRT} ")
    below = r"\n" if BY_MODULE else r"\Z"  # what has begun the worker, if that is Python
    assert re.search(f" in save{below}", event.text)


DEAF = TICKER + """
import signal
signal.signal(signal.SIGABRT, signal.SIG_IGN)
"""


def test_a_worker_that_ignores_sigabrt_is_killed(site):
    server = site(DEAF)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=30) == 0
    assert server.find_events("worker.killed", r"\bworker 1 \(pid \d+\)")
    assert server.find_events("worker.died", r"\bSIGKILL after .*; .* thread ticker .*$")


def test_a_worker_that_is_ending_at_an_upgrade_has_its_time_too(installed, place):
    place.write("site_of_upgrade.py", TICKER)
    server = FromOwnBinary(installed, "--exit-timeout", "6s", "--pythonpath", place.path, "--heartbeat", "2s",
                           "--control", place / "control", module="site_of_upgrade")
    try:
        (worker,) = children(server.pid)
        server.send_signal(signal.SIGHUP)
        server.wait_event("reload.started")
        server.install()
        asked = server.installed.run("upgrade", "--control", place / "control", within=60)
        assert (asked.returncode, asked.stderr) == (0, "")
        assert alive(worker), "the upgrade found it ending"
        wait_until(lambda: not alive(worker), "it has ended", 30)
        server.wait_event("worker.died", rf"^worker \d \(pid {worker}\) .* 6\.0 s .*\(--exit-timeout\)")
        assert not server.find_events("worker.unresponsive")
    finally:
        server.send_signal(signal.SIGQUIT)  # others have just begun to exit
        server.stop()
