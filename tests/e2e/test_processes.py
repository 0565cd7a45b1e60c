"""Life among other processes: as process 1, with children of the application's own, and after a sudden death."""

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

import wire
from appd import Appd
from applications import application, with_and_without_preload
from processes import alive, children, stop_process, wait_until


def processes() -> dict:
    """All that are there: pid → (parent, state)."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(stat.parent.name)] = (int(parent), state)
    return found


def below(pid) -> dict:
    """All descendants of a process: pid → state."""
    everyone, found, level = processes(), {}, {pid}
    while level:
        level = {child for child, (parent, _) in everyone.items() if parent in level}
        found.update({child: everyone[child][1] for child in level})
    return found


def no_zombie_below(pid):
    wait_until(lambda: "Z" not in below(pid).values(), f"no zombie below {pid}: {below(pid)}", 10)


# ---- as process 1, as in a container


def has_own_namespace() -> bool:
    tool = shutil.which("unshare")
    return bool(tool) and os.geteuid() == 0 and subprocess.run(
        [tool, "--pid", "--fork", "--mount-proc", "true"], capture_output=True).returncode == 0


needs_namespace = pytest.mark.skipif(not has_own_namespace(), reason="no namespace of process ids can be had")


class Contained(Appd):
    """An appd that is process 1 of a namespace of its own. What is asked of the master is asked by its number
    outside; workers name themselves by their number inside."""

    def __init__(self, installed, *options, **rest):
        super().__init__(installed, *options, as_root=True, **rest)

    def command(self, arguments, environment) -> list:
        return ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *arguments]

    @property
    def master(self) -> int:
        (pid,) = children(self.pid)
        return pid

    def worker_pids(self) -> list:
        return children(self.master)

    def send_signal(self, number):
        os.kill(self.master, number)


@pytest.fixture
def contain(installed):
    with ExitStack() as ends:

        def contain_one(*options, **rest) -> Contained:
            server = Contained(installed, *options, **rest)
            ends.callback(server.stop)
            return server

        yield contain_one


CHILDREN = """
import os, subprocess

def orphan():
    "A process whose parent ends before it."
    return str(subprocess.run(["sh", "-c", "sleep 1000 & exit 0"], check=True).returncode)

def forsaken():
    "A child that nobody waits for."
    return str(subprocess.Popen(["true"]).pid)

def application(environ, start_response):
    answer = {"/pid": lambda: "%d %d" % (os.getpid(), os.getppid()), "/orphan": orphan, "/forsaken": forsaken,
              "/die": lambda: os._exit(9)}[environ["PATH_INFO"]]()
    start_response("200 OK", [])
    return [answer.encode()]
"""


@needs_namespace
@with_and_without_preload
def test_as_process_1_it_serves_replaces_and_drains(contain, preload):
    server = contain(*preload, workers=2, threads=2)
    assert {event.pid for event in server.find_events("server.ready")} == {1}
    assert server.call("fastcgi", "/hello").status == 200
    first = next(pid for pid in reversed(server.worker_pids()))
    os.kill(first, signal.SIGKILL)
    server.wait_event("worker.died", r"^worker \d+ \(pid \d+\)", "SIGKILL")
    wait_until(lambda: len(server.worker_pids()) == (3 if preload else 2), "it is replaced")
    no_zombie_below(server.master)

    gate = server.gate("held")
    running = wire.begin("fastcgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    server.send_signal(signal.SIGTERM)
    wait_until(lambda: not server.accepts(), "new connections are refused")
    gate.open()
    assert running.read_response().status == 200
    running.close()
    assert server.wait_exit() == 0
    assert not os.path.exists(server.address)


@needs_namespace
@with_and_without_preload
def test_as_process_1_it_reaps_what_the_application_leaves_behind(contain, place, preload):
    options, module = application(place, CHILDREN)
    server = contain(*preload, *options, module=module)
    worker, master = map(int, server.call("fastcgi", "/pid").body.split())
    assert master == 1 and worker > 1
    own = set(below(server.master))
    assert len(own) == (2 if preload else 1)
    for _ in range(3):
        assert server.call("fastcgi", "/orphan").status == 200
    orphans = set(below(server.master)) - own
    assert {processes()[pid][0] for pid in orphans} == {server.master} and len(orphans) == 3
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: set(below(server.master)) == own, "the orphans are reaped")
    server.call("fastcgi", "/forsaken")
    with wire.begin("fastcgi", server.address, wire.variables(path="/die")) as connection:
        connection.read_to_end()
    server.wait_event("worker.died", r"\bcode 9\b")
    assert server.call("fastcgi", "/pid").status == 200
    no_zombie_below(server.master)
    assert len(below(server.master)) == (2 if preload else 1)


@needs_namespace
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_process_1_obeys_the_other_signals_of_a_stop_too(contain, number):
    """The kernel keeps from process 1 every signal that it has no handler for."""
    server = contain()
    server.send_signal(number)
    assert server.wait_exit(within=10) == 0


# ---- programs that the application starts


DESCRIPTORS = """
import os, subprocess, sys, tempfile
LIST = "import os; print(*[fd for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)])"
own = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(own, True)

def in_popen():
    return subprocess.run([sys.executable, "-c", LIST], close_fds=False, stdout=subprocess.PIPE, check=True).stdout

def in_system():
    with tempfile.NamedTemporaryFile() as listed:
        assert os.system("%s -c \\"%s\\" > %s" % (sys.executable, LIST, listed.name)) == 0
        return listed.read()

def in_forked_program():
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        os.dup2(write, 1)
        os.execv(sys.executable, [sys.executable, "-c", LIST])
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        listed = pipe.read()
    os.waitpid(pid, 0)
    return listed

def unknown():
    "What programs have that is neither standard nor the application's."
    return [sorted(set(map(int, each().split())) - {0, 1, 2, own}) for each in (in_popen, in_system, in_forked_program)]

at_import = unknown()

def application(environ, start_response):
    while environ["wsgi.input"].read(65536):
        pass
    start_response("200 OK", [])
    return [repr([at_import, unknown()]).encode()]
"""


@with_and_without_preload
def test_programs_inherit_no_descriptor_of_appd(start, place, preload):
    """With every kind open that appd has: sockets, a kept connection, a body on disk, files of its own."""
    options, module = application(place, DESCRIPTORS)
    server = start("--socket", "127.0.0.1:0", "--access-log", place / "access.log", "--pidfile", place / "pid",
                   "--spool-bodies", "--spool-dir", place.path, "--body-buffer", "64K", *preload, *options, module=module,
                   workers=2)
    with wire.FastCgi(server.address) as kept:
        assert kept.request(wire.variables()).status == 200
        for _ in range(2):
            response = server.call("fastcgi", method="POST", body=b"x" * 300_000)
            assert response.body == repr([[[], [], []]] * 2).encode()


# ---- kill -9 of the master


def family_of(server) -> list:
    return list(below(server.pid))


@with_and_without_preload
def test_the_next_start_takes_the_place_of_a_killed_master_while_its_workers_finish(start, place, preload):
    """Socket and pid file are the next one's from the first moment; what was running is answered."""
    address, pid_file = place / "app.sock", place / "appd.pid"
    options = ("--pidfile", pid_file, *preload)
    first = start(*options, socket_option=address, workers=2, threads=2)
    family = family_of(first)
    gate = first.gate("held")
    running = wire.begin("fastcgi", str(address), wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    first.send_signal(signal.SIGKILL)
    first.wait_exit()
    assert address.exists() and pid_file.exists(), "nobody could tidy up"

    second = start(*options, socket_option=address, workers=1)
    assert pid_file.read_text() == f"{second.pid}\n"
    for _ in range(20):
        response = wire.call("fastcgi", str(address), "/whoami").json()
        assert response["pid"] in below(second.pid)
    wait_until(lambda: sum(map(alive, family)) == 1, "only the worker with the request is left of the first")
    gate.open()
    assert running.read_response().status == 200
    running.close()
    wait_until(lambda: not any(map(alive, family)), "all of the first are gone")
    assert wire.call("fastcgi", str(address), "/hello").status == 200, "none of them removed the second's socket"
    assert pid_file.read_text() == f"{second.pid}\n"


@with_and_without_preload
def test_nothing_outlives_a_killed_master_not_even_who_is_starting(start, place, preload):
    options, module = application(place, """
import os, time
if os.path.exists(os.environ["PROBE_DIR"] + "/slow"):
    open(os.environ["PROBE_DIR"] + "/imports", "w").close()
    time.sleep(2)
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
""")
    server = start(*preload, *options, module=module, workers=2)
    (server.gates / "slow").touch()
    os.kill(min(family_of(server)), signal.SIGKILL)  # a worker, or the zygote: it is the oldest
    wait_until((server.gates / "imports").exists, "another one starts")
    family = family_of(server)
    server.send_signal(signal.SIGKILL)
    server.wait_exit()
    wait_until(lambda: not any(map(alive, family)), "all are gone")


def test_a_worker_that_stood_still_when_its_master_died_ends_when_it_goes_on(start):
    server = start(workers=2)
    still, other = server.worker_pids()
    stop_process(still)
    server.send_signal(signal.SIGKILL)
    server.wait_exit()
    wait_until(lambda: not alive(other), "the other has ended")
    assert alive(still)
    os.kill(still, signal.SIGCONT)
    wait_until(lambda: not alive(still), "it has ended too")
