"""--start-timeout: a start that hangs is ended, says where, and harms nobody who serves."""

import os
import re
import signal

import pytest

from appd import parse_log, select_events
from processes import alive, children, wait_until

EXIT_START = 4
IN_TIME = ("--start-timeout", "2s")

# `HANG` is code; what it runs can hang.
SITE = """
import os, signal, threading

def hang():
    threading.Event().wait()

def hang_deaf():
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
    hang()

def hang_in_c():
    import ctypes
    ctypes.PyDLL(None).pause()

{code}

def application(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        hang()
    start_response("200 OK", [])
    return [b"fine"]
"""


def write(place, code=""):
    place.write("site_that_hangs.py", SITE.format(code=code))


@pytest.fixture
def site(start, place):
    def start_site(*options, **rest):
        write(place)
        return start("--start-timeout", "4s", "--pythonpath", place.path, *options, module="site_that_hangs", **rest)

    return start_site


@pytest.fixture
def fail_to_start(installed, place):
    def run(code, *options):
        write(place, code)
        ended = installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", "site_that_hangs",
                              "--workers", 1, *IN_TIME, *options, within=60)
        assert ended.returncode == EXIT_START
        return ended.stderr

    return run


SIGABRT = r"SIGABRT(?: \(core dumped\))?"


def overdue(who, step, by=SIGABRT):
    return "worker.died", rf"^{who} \(pid \d+\) .* \d\.0 s \(--start-timeout\) .*\b{by} at {step} "


def found(said, *event):
    return select_events(parse_log(said), *event)


@pytest.mark.parametrize("options, who", [((), "worker 1"), (("--preload",), "zygote")], ids=["", "preload"])
@pytest.mark.parametrize("code", ["hang()", "hang_in_c()"], ids=["in Python", "in C, with the interpreter"])
def test_a_start_that_hangs_is_given_up_and_says_where(fail_to_start, options, who, code):
    said = fail_to_start(code, *options)
    assert found(said, *overdue(who, "import_application"))
    assert re.search(rf"\n  .*site_that_hangs.py\", line \d+ in {code[:-2]}\n", said)


def test_who_does_not_hear_of_it_is_killed(fail_to_start):
    said = fail_to_start("hang_deaf()")
    assert found(said, "worker.killed", r"\bworker 1 \(pid \d+\)")
    assert found(said, *overdue("worker 1", "import_application", "SIGKILL"))


@pytest.mark.parametrize("when, event", [
    ("after_in_child", overdue("worker 1", "run_fork_hooks")),
    ("before", ("worker.died", rf"^zygote \(pid \d+\) .*\bworker 1 .* 2\.0 s \(--start-timeout\) .*\b{SIGABRT} ")),
])
def test_a_hook_at_fork_that_hangs_is_found_too(fail_to_start, when, event):
    said = fail_to_start(f"os.register_at_fork({when}=hang)", "--preload")
    assert found(said, *event)
    assert re.search(r"\n  .*site_that_hangs.py\", line \d+ in hang\n", said)


def test_a_warm_up_that_hangs_is_a_start_that_hangs(fail_to_start):
    assert found(fail_to_start("", "--warmup", "/hang"), *overdue("worker 1", "warm_up"))


def test_a_reload_to_code_that_hangs_fails_and_the_present_workers_go_on(site, place, installed):
    control = place / "control"
    server = site("--control", control, workers=2)
    before = set(children(server.pid))
    write(place, "hang()")
    asked = installed.run("reload", "--control", control, within=60)
    assert asked.returncode == EXIT_START
    assert "generation 1 " in asked.stderr and "(--start-timeout)" in asked.stderr
    assert re.search(r"line \d+ in hang\n", asked.stderr)
    wait_until(lambda: set(children(server.pid)) == before, "only the workers from before are left")
    assert server.call("fastcgi", "/").body == b"fine"


def test_a_replacement_that_hangs_is_tried_again(site, place):
    server = site(workers=2)
    first, second = children(server.pid)
    write(place, "hang()")
    os.kill(first, signal.SIGKILL)
    server.wait_event(*overdue(r"worker \d", "import_application"))
    assert alive(second) and server.call("fastcgi", "/").body == b"fine"
    write(place)
    server.wait_event("worker.ready", r"^worker \d \(pid \d+\)", within=30)
    assert len(children(server.pid)) == 2


def test_who_is_ready_in_time_has_no_limit_any_more(site):
    server = site("--log-level", "debug", "--slow-request", "0", "--request-timeout", "0")
    worker = children(server.pid)
    # Longer than the limit, by the server's own clock.
    wait_until(lambda: server.call("fastcgi", "/").status == 200 and age(worker[0]) > 5, "its limit is long over")
    assert children(server.pid) == worker
    assert not server.find_events(("worker.died", "worker.killed"))


def age(pid) -> float:
    """Seconds since the process was started."""
    with open(f"/proc/{pid}/stat") as stat, open("/proc/uptime") as uptime:
        started = int(stat.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(uptime.read().split()[0]) - started
