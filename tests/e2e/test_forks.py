"""Processes that the application forks: what they have of appd, how they end, and who answers."""

import contextlib
import os
import signal

import pytest

import wire
from applications import with_and_without_preload
from processes import alive, children, unique, wait_until

HANDLED = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}

FORKS = """
import ctypes, json, multiprocessing, os, pty, signal, sys, time

def look(out):
    "What a forked process has; then it waits for its end."
    open("%s/child-%d" % (os.environ["PROBE_DIR"], os.getpid()), "w").close()
    links = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            links[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass
    own = links[str(out)]
    links = {name: link for name, link in links.items() if link != own}
    with open("/proc/self/status") as status:
        sets = dict(line.strip().split(":\\t") for line in status if line.startswith("Sig"))
    os.write(out, json.dumps({"pid": os.getpid(), "links": links, **sets}).encode())
    os.close(out)
    while True:
        signal.pause()

def by_os(out):
    if os.fork() == 0:
        look(out)

def by_pty(out):
    if pty.fork()[0] == 0:
        look(out)

def by_multiprocessing(out):
    multiprocessing.get_context("fork").Process(target=look, args=(out,), daemon=True).start()

def by_c_library(out):
    if ctypes.PyDLL(None).fork() == 0:
        look(out)

def run(how):
    back, out = os.pipe()
    globals()["by_" + how](out)
    os.close(out)
    with os.fdopen(back, "rb") as pipe:
        return pipe.read()

{at_import}

def application(environ, start_response):
    how = environ["QUERY_STRING"]
    body = at_import if how == "import" else run(how) if how else b"fine"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def site(start, place):
    """Starts a server with an application of the test's own."""

    def start_site(text, *options, **rest):
        name = unique("site").replace("-", "_")
        place.write(f"{name}.py", text)
        return start("--pythonpath", place.path, *options, module=name, **rest)

    return start_site


def signals(text) -> set:
    return {number for number in HANDLED if int(text, 16) >> (number - 1) & 1}


def assert_has_nothing_of_appd(child, log, own_pipes):
    """Only standard streams, the log, to which it may write, and pipes that the application made. libffi keeps its own
    file open."""
    links = {link for link in child["links"].values() if not link.startswith(("/dev/ptmx", "/dev/pts/", "/proc/"))}
    links -= {"/dev/null", log, child["links"]["1"], *(link for link in links if "/libffi.so." in link)}
    pipes = {link for link in links if link.startswith("pipe:")}
    assert links == pipes and len(pipes) in own_pipes, child
    assert not signals(child["SigCgt"]) and not signals(child["SigIgn"]) and int(child["SigBlk"], 16) == 0


@with_and_without_preload
@pytest.mark.parametrize("how", ["os", "pty", "multiprocessing", "c_library"])
def test_a_forked_process_has_default_signals_and_no_descriptor_of_appd(site, place, preload, how):
    """With every kind open that appd has: sockets, a kept connection, a link, a loop, files of its own."""
    server = site(FORKS.replace("{at_import}", f"at_import = run({how!r})"), "--socket", "127.0.0.1:0",
                  "--access-log", place / "access.log", "--pidfile", place / "pid", "--request-timeout", "60s",
                  *preload, workers=2)
    try:
        with wire.FastCgi(server.address) as kept:
            kept.request(wire.variables())
            for number, query in enumerate(("import", how), 1):
                child = server.call("fastcgi", query=query).json()
                own_pipes = {2, 2 * number} if how == "multiprocessing" else {0}  # two for each that is referred to
                assert_has_nothing_of_appd(child, os.readlink(f"/proc/{server.pid}/fd/2"), own_pipes)
                os.kill(child["pid"], signal.SIGTERM)
                wait_until(lambda: not alive(child["pid"]), "SIGTERM ends it", 10)
            assert kept.request(wire.variables()).body == b"fine"
    finally:
        for path in server.gates.glob("child-*"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name.removeprefix("child-")), signal.SIGKILL)


DAEMON = """
import multiprocessing, time
def loop():
    while True:
        time.sleep(1)
child = multiprocessing.get_context("fork").Process(target=loop, daemon=True)
child.start()
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(child.pid).encode()]
"""


def test_a_daemon_child_of_multiprocessing_ends_with_its_worker(site):
    server = site(DAEMON)
    child = int(server.call("fastcgi").body)
    (worker,) = children(server.pid)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=15) == 0
    assert not alive(child) and not alive(worker)
    assert not server.find_events(("worker.killed", "worker.died", "worker.exited"))


# Where the application forks, and what its child does then; `come_back` is what ends the child's part.
RETURNS = """
import os, signal, socket, sys, threading
come_back = {{"return": lambda: None, "raise": lambda: 1 / 0, "exit": lambda: sys.exit(3),
             "quiet": sys.exit, "words": lambda: sys.exit("no more"),
             "exec": lambda: os.execvp("/nowhere/tool", ["tool"])}}["{end}"]
ended = []

def fork(unless_child=None):
    pid = os.fork()
    if pid == 0:
        come_back()
        return b"child"
    ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return b"parent"

def in_call():
    return [fork()]

def in_body():
    yield b"first "
    yield fork()

def in_taken_places():
    "The child puts a socket of its own where its parent's connection was."
    yield b"first "
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        for number in range(3, 200):
            if number != theirs.fileno():
                os.dup2(theirs.fileno(), number)
        yield b"child"
    os.waitpid(pid, 0)
    theirs.close()
    yield repr(ours.recv(1000)).encode()

class Closing(list):
    def close(self):
        fork()

def in_close():
    return Closing([b"parent"])

def application(environ, start_response):
    where = environ["PATH_INFO"][1:]
    if where == "ended":
        start_response("200 OK", [])
        return [repr(ended).encode()]
    if where == "write":
        write = start_response("200 OK", [])
        pid = os.fork()
        write(b"child" if pid == 0 else b"parent")
        if pid:
            ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return []
    if where == "read":
        pid = os.fork()
        if pid:
            ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]
    start_response("200 OK", [])
    return globals()[where]()
"""

CODES = {"return": 1, "raise": 1, "exit": 3, "quiet": 0, "words": 1, "exec": 1}
SAID = {"return": "", "raise": "ZeroDivisionError", "exit": "SystemExit: 3", "quiet": "SystemExit",
        "words": "SystemExit: no more", "exec": "FileNotFoundError"}
CAME_BACK = ("application.forked", r"\(pid \d+\)")


@pytest.mark.parametrize("end", CODES)
@pytest.mark.parametrize("where, body", [("in_call", b"parent"), ("in_body", b"first parent"), ("in_close", b"parent")])
def test_a_child_that_comes_back_from_its_call_is_ended_and_the_parent_answers(site, end, where, body):
    server = site(RETURNS.format(end=end))
    (worker,) = children(server.pid)
    with wire.FastCgi(server.address) as kept:
        for _ in range(2):
            assert kept.request(wire.variables(path=f"/{where}")).body == body
        ended = repr([CODES[end]] * 2).encode()  # a response is out before its close() is called
        wait_until(lambda: kept.request(wire.variables(path="/ended")).body == ended, "both children have ended")
    assert children(server.pid) == [worker] and children(worker) == []
    said = server.find_events(*CAME_BACK)
    assert len(said) == 2
    for event in said:
        assert event.text.startswith(f"GET /{where}: ") and "\n" not in event.text
        assert SAID[end] in event.text
    assert len(server.events()) == len(server.find_events(("server.ready", "application.forked")))


def test_a_child_can_neither_write_to_its_parents_client_nor_read_from_it(site):
    server = site(RETURNS.format(end="return"))
    with wire.FastCgi(server.address) as kept:
        assert kept.request(wire.variables(path="/write")).body == b"parent"
        body = b"x" * 1000
        assert kept.request(wire.variables("POST", path="/read", length=len(body)), body).body == body
        assert kept.request(wire.variables(path="/ended")).body == b"[1, 1]"
    assert len(server.find_events(*CAME_BACK, "RuntimeError: .*belongs to the process that serves the request")) == 2


def test_a_child_writes_no_response_wherever_that_would_go(site):
    server = site(RETURNS.format(end="return"))
    assert server.call("fastcgi", "/in_taken_places").body == b"first b''"
    assert len(server.find_events(*CAME_BACK)) == 1


def test_two_clients_of_one_connection_get_their_own_responses_while_a_child_comes_back(site):
    server = site(RETURNS.format(end="return"), threads=2)
    with wire.FastCgi(server.address) as kept:
        for number in (1, 2):
            kept.expect(number)
            kept.begin(number)
            kept.params(wire.variables(path="/in_call" if number == 1 else "/in_body"), number)
            kept.stdin(b"", number)
        assert kept.read_response(request_id=1).body == b"parent"
        assert kept.read_response(request_id=2).body == b"first parent"
    assert len(server.find_events(*CAME_BACK)) == 2


AT_IMPORT = """
import atexit, os
{fork}
{more}
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%d" % os.getpid()]
"""

FORK = """
if (child := os.fork()) == 0:
    {come_back}
else:
    os.waitpid(child, 0)
"""


@with_and_without_preload
@pytest.mark.parametrize("come_back", ["pass", "1 / 0", "raise SystemExit"])
def test_a_child_that_comes_back_from_the_import_is_ended(site, preload, come_back):
    server = site(AT_IMPORT.format(fork=FORK.format(come_back=come_back), more=""), *preload)
    said = server.wait_event("application.forked")
    assert said.text.startswith("import of site_")
    workers = set(children(server.pid))
    assert int(server.call("fastcgi").body) in workers
    assert len(workers) == (2 if preload else 1) and not any(children(pid) for pid in workers)
    assert len(server.find_events("application.forked")) == 1


def test_a_child_that_comes_back_from_an_exit_handler_is_ended(site):
    server = site(AT_IMPORT.format(fork="", more="atexit.register(os.fork)"))
    assert server.call("fastcgi").status == 200
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=15) == 0
    if "can't fork at interpreter shutdown" not in server.log():  # as CPython 3.12 says
        assert server.wait_event("application.forked").text.startswith("exit handlers: ")


SIGNALS = """
import os, signal, time
caught = []
signal.signal(signal.SIGTERM, lambda number, frame: os._exit(42))
def application(environ, start_response):
    back, out = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(out, b".")
        while True:
            time.sleep(0.01)
    os.read(back, 1)
    ended = status = 0
    for _ in range(5000):  # from CPython 3.13 on no handler runs in such a child unless a call is interrupted
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.001)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
    start_response("200 OK", [])
    return [str(os.waitstatus_to_exitcode(status)).encode()]
"""


def test_a_forked_process_has_the_handlers_that_the_application_set(site):
    server = site(SIGNALS)
    assert server.call("fastcgi").body == b"42"
    assert server.call("fastcgi").body == b"42"


IMMEDIATE = """
import os, signal
def application(environ, start_response):
    codes = set()
    for _ in range(200):
        pid = os.fork()
        if pid == 0:
            while True:
                signal.pause()
        os.kill(pid, signal.SIGTERM)
        codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    start_response("200 OK", [])
    return [repr(codes).encode()]
"""


def test_a_signal_that_reaches_a_child_at_its_birth_is_the_childs(site):
    """The handler of the parent, which is still in force for a moment, would make the parent drain."""
    server = site(IMMEDIATE)
    (worker,) = children(server.pid)
    assert server.call("fastcgi").body == b"{-15}"
    assert server.call("fastcgi").status == 200
    assert children(server.pid) == [worker]
    assert not server.find_events(("worker.exited", "worker.died", "worker.stopped"))
