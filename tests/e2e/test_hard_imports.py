"""What imports do to the process that serves: appd bears it, or says at once what it cannot bear."""

import os
import signal
import subprocess
import time

import pytest

import wire
from appd import Installation, parse_log, select_events
from applications import needs

EXIT_START = 4
EXIT_CLOSED = 8
SERVE = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
"""


def run(installed: Installation, place, text, *options):
    place.write("hard.py", text + SERVE)
    return installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", "hard",
                         "--workers", 2, *options, within=60)


@pytest.fixture
def serve(start, place):
    """serve(text of the module, …): a server that has imported it."""

    def start_one(text, *options, **rest):
        place.write("hard.py", text)
        return start("--pythonpath", place.path, *options, module="hard", **rest)

    return start_one


def only_error(ended, of="worker 1"):
    """The one event with which a process says why it does not start."""
    events = parse_log(ended.stderr)
    by_master = select_events(events, "worker.start_failed", f"^{of.replace(' 1', ' [0-9]+')} ")  # in place of all
    found = [event for event in events if event.level == "error" and (event.role == of or event in by_master)]
    assert len(found) == 1, ended.stderr
    return found[0]


# ---- threads that are none

GEVENT = "from gevent import monkey; monkey.patch_all()\n"
EVENTLET = "import warnings; warnings.simplefilter('ignore')\nimport eventlet; eventlet.monkey_patch()\n"


@pytest.mark.parametrize("option", [(), ("--preload",), ("--check",)], ids=["start", "preload", "check"])
@pytest.mark.parametrize("text, package, remedy", [
    pytest.param(GEVENT, "gevent", "gevent.monkey.patch_all(thread=False)", id="gevent", marks=needs("gevent")),
    pytest.param(EVENTLET, "eventlet", "eventlet.monkey_patch(thread=False)", id="eventlet", marks=needs("eventlet")),
])
def test_an_application_without_real_threads_is_told_at_once_what_was_replaced(installed, place, option, text, package,
                                                                              remedy):
    begun = time.monotonic()
    ended = run(installed, place, text, "--start-timeout", "60s", *option)
    assert time.monotonic() - begun < 30, "before the start timeout"
    assert ended.returncode == EXIT_START, ended.stderr
    line = only_error(ended, {"--preload": "zygote", "--check": "check"}.get("".join(option), "worker 1")).text
    assert f"{package} has replaced _thread.start_new_thread, " in line and "real threads" in line
    assert remedy in line
    assert not (place / "app.sock").exists()


@pytest.mark.parametrize("text", [pytest.param(GEVENT, id="gevent", marks=needs("gevent")),
                                  pytest.param(EVENTLET, id="eventlet", marks=needs("eventlet"))])
def test_with_real_threads_such_an_application_is_served(serve, protocol, text):
    server = serve(text.replace("patch_all(", "patch_all(thread=False").replace("patch(", "patch(thread=False") + SERVE)
    assert server.call(protocol).body == b"served"
    assert {event.name for event in server.events() if "thread" in event.text} == {"server.ready"}


def test_a_start_of_threads_that_starts_none_is_told(installed, place):
    ended = run(installed, place, "import threading\nthreading.Thread.start = lambda self: None\n")
    assert ended.returncode == EXIT_START
    line = only_error(ended).text
    assert "hard has replaced threading.Thread.start" in line and "real threads" in line


WRAPPED = """
import threading
class Thread(threading.Thread):
    pass
real = threading.Thread.start
def start(self, *rest):
    return real(self, *rest)
threading.Thread.start = start
threading.Thread = Thread
name = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"  # 3.13
spawn = getattr(threading, name)
setattr(threading, name, lambda *rest, **named: spawn(*rest, **named))
"""


def test_who_only_watches_how_threads_start_is_served(serve):
    server = serve(WRAPPED + SERVE)
    assert server.call("fastcgi").body == b"served"


# ---- what threads and calls need

DEEP = """
import threading
threading.stack_size(64 * 1024)
def application(environ, start_response):
    deep = []
    for _ in range(900):
        deep = [deep]
    repr(deep)
    sizes = str(threading.stack_size())
    start_response("200 OK", [])
    return [sizes.encode()]
"""


def test_the_small_stack_that_an_application_wants_for_its_threads_is_not_the_pools(serve, protocol):
    server = serve(DEEP)
    assert server.call(protocol).body == b"65536"
    assert server.find_events(("worker.died", "worker.exited")) == []


def test_the_switch_interval_of_the_application_holds(serve):
    server = serve("""
import sys
sys.setswitchinterval(0.25)
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(sys.getswitchinterval()).encode()]
""")
    assert server.call("uwsgi").body == b"0.25"


# ---- signals

NO_PIPES = """
import os, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
def application(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/file":
        file = open(os.environ["PROBE_DIR"] + "/big", "wb+")
        file.truncate(50_000_000)
        return environ["wsgi.file_wrapper"](file)
    return [b"served"]
"""


def test_a_client_that_goes_away_does_not_kill_who_wants_sigpipe(serve):
    server = serve(NO_PIPES)
    pid = server.only_worker()
    for _ in range(5):
        front = wire.begin("uwsgi", server.address, wire.variables(path="/file"))
        assert front.socket.recv(10)
        front.close()
        assert server.call("fastcgi").body == b"served"
    assert server.only_worker() == pid and not server.find_events(("worker.died", "worker.exited"))
    (event,) = [event for event in server.events() if "SIGPIPE" in event.text]
    assert (event.name, event.level, event.role) == ("import.signals", "warn", "worker 1")


MASKED = """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1)
    start_response("200 OK", [])
    return [str(signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, [])).encode()]
"""


def test_signals_that_appd_needs_reach_it_through_the_mask_of_an_import(serve):
    server = serve(MASKED, "--slow-request", "200ms", "--log-level", "debug")
    assert server.call("fastcgi", "/slow").body == b"True", "the others stay blocked"
    assert "in application" in server.wait_event("request.slow", "--slow-request").text
    pid = server.only_worker()
    os.kill(pid, signal.SIGTERM)
    server.wait_event("worker.asked_to_end", rf"^worker 1 \(pid {pid}\) .*\bSIGTERM\b")
    assert server.find_events("worker.draining", "SIGTERM")


def test_a_start_that_hangs_with_all_signals_blocked_tells_where(installed, place):
    ended = run(installed, place, MASKED + "\ntime.sleep(1000)\n", "--start-timeout", "1s")
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "worker.died", r"^worker \d \(pid \d+\) .*\(--start-timeout\)")


def test_a_handler_for_sigterm_that_will_not_be_called_is_told(serve):
    server = serve("import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('called'))\n" + SERVE)
    (event,) = server.find_events("import.signals", "SIGTERM")
    assert event.level == "warn" and "atexit" in event.text
    os.kill(server.only_worker(), signal.SIGTERM)
    server.wait_event("worker.ready")


GAMES = """
import os, resource, signal, socket, sys, threading
for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
left, right = socket.socketpair()
left.setblocking(False)
signal.set_wakeup_fd(left.fileno())
trace = lambda *_: None
sys.settrace(trace), sys.setprofile(trace), threading.settrace(trace), threading.setprofile(trace)
sys.setrecursionlimit(80)
os.chdir("/")
os.environ.clear()
os.umask(0o777)
sys.stdin = sys.stdout = sys.stderr = None
"""


@pytest.mark.parametrize("option", [(), ("--preload=force",)], ids=["start", "preload"])
def test_other_games_with_the_process_do_no_harm(serve, place, protocol, option):
    control = place / "control"
    server = serve(GAMES + SERVE, "--control", control, *option, workers=2)
    assert server.call(protocol).body == b"served"
    for verb in ("reload", "stop"):
        asked = server.installed.run(verb, "--control", control, within=60)
        assert (asked.returncode, asked.stderr) == (0, "")
    assert server.wait_exit() == 0


# ---- folders and descriptors


def test_a_relative_spool_folder_is_not_the_applications_to_move(serve, place):
    text = "import os\nos.chdir('/')\n" + """
def application(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [])
    return [str(size).encode()]
"""
    place.folder("spool")
    server = serve(text, "--chdir", place.path, "--spool-dir", "spool", "--spool-bodies", "--body-buffer", "1K")
    assert server.call("uwsgi", method="POST", body=bytes(100_000)).body == b"100000"


@pytest.mark.parametrize("lowest", [3, 0])
@pytest.mark.parametrize("option", [(), ("--preload",), ("--check",)], ids=["start", "preload", "check"])
def test_an_import_that_closes_what_is_not_its_own_is_told(installed, place, option, lowest):
    ended = run(installed, place, f"import os\nos.closerange({lowest}, 1000)\n", *option)
    assert ended.returncode == (EXIT_CLOSED if option == ("--check",) else EXIT_START)
    who = {"--preload": "zygote", "--check": "check"}.get("".join(option), "worker 1")
    if lowest == 3:
        event = only_error(ended, who)
        assert event.name == "import.closed_descriptors" and event.text.startswith("hard: ")
    if option != ("--check",):
        assert select_events(parse_log(ended.stderr), ("worker.died", "worker.exited"),
                             rf"^{who} \(pid \d+\) .*the application has closed descriptors of appd's")
    assert "std::terminate" not in ended.stderr


def test_a_check_whose_log_is_a_file_tells_it_too(installed, place):
    """Only to a log that is a pipe appd has a descriptor of its own."""
    place.write("hard.py", "import os\nos.closerange(3, 1000)\n" + SERVE)
    with open(place / "log", "w") as log:
        ended = subprocess.run([installed.binary, "--socket", place / "app.sock", "--pythonpath", place.path,
                                "--module", "hard", "--check"], stderr=log, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == EXIT_CLOSED
    assert select_events(parse_log((place / "log").read_text()), "import.closed_descriptors", "^hard: ")
