"""What the log says of a process that dies by a signal."""

import os
import re
import signal
from pathlib import Path

import pytest

import wire
from appd import Appd, parse_log, select_events
from applications import with_and_without_preload
from processes import alive, give_away, unique, wait_until

EXIT_START = 4
EXIT_CRASHES = 5

CRASHES = """
import ctypes, faulthandler, multiprocessing, os, signal, subprocess, sys, threading, time

def wait_in_peace():
    threading.Event().wait()

def read_nowhere():
    ctypes.string_at(0)

def give_up():
    os.abort()

def use_up_the_stack():
    faulthandler._stack_overflow()  # as C code without a limit does

def fork_and_crash():
    pid = os.fork()
    if pid == 0:
        read_nowhere()
    return os.WTERMSIG(os.waitpid(pid, 0)[1])

def run_program(crash):
    code = crash and "import faulthandler; faulthandler.enable(); import ctypes; ctypes.string_at(0)" or ""
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE).returncode

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/thread":
        threading.Thread(target=wait_in_peace, daemon=True).start()
    result = {
        "/segv": read_nowhere,
        "/abort": give_up,
        "/overflow": use_up_the_stack,
        "/signal": lambda: os.kill(os.getpid(), int(query)),
        "/fork": fork_and_crash,
        "/program": lambda: run_program(True),
        "/eat": lambda: b"".join(bytes(1_000_000) for _ in range(10**6)),
        "/own": lambda: faulthandler.enable(open(os.environ["PROBE_DIR"] + "/own", "w")),
    }.get(path, lambda: "fine")()
    start_response("200 OK", [])
    return [str(result).encode()]
"""


@pytest.fixture
def crashes(start, place):
    """crashes(*options): a server with an application that dies when asked to."""

    def start_one(*options, text=CRASHES, **rest) -> Appd:
        name = unique("crashes").replace("-", "_")
        place.write(f"{name}.py", text)
        return start("--pythonpath", place.path, *options, module=f"{name}:application", **rest)

    return start_one


def die(server, path, query=""):
    query = str(query)
    with wire.begin("fastcgi", server.address, wire.variables(path=path, query=query)) as connection:
        connection.read_to_end()


def death(server, signal_name):
    """The entry on the death of a worker; the next worker serves."""
    event = server.wait_event("worker.died", rf"^worker \d+ \(pid \d+\) .*\b{signal_name}\b")
    assert (event.level, event.role) == ("error", "master")
    assert server.call("fastcgi", "/fine").status == 200
    return event


@with_and_without_preload
@pytest.mark.parametrize("path, signal_name, what, function", [
    ("/segv", "SIGSEGV", "Segmentation fault", "read_nowhere"),
    ("/abort", "SIGABRT", "Aborted", "give_up"),
    ("/overflow", "SIGSEGV", "Segmentation fault", "use_up_the_stack"),
], ids=["segv", "abort", "overflow"])
def test_a_crash_tells_where_the_python_code_was(crashes, preload, path, signal_name, what, function):
    server = crashes(*preload)
    die(server, path)
    first, title, current, *frames = death(server, signal_name).text.split("\n")
    assert f"while serving GET {path} (thread " in first
    assert title == f"Fatal Python error: {what}"
    assert current.startswith("Current thread 0x")
    stack = "\n".join(frames).split("Thread 0x")[0]
    assert re.search(rf"File \".*crashes_\d+.py\", line \d+ in {function}\n.* in application\n", stack)


@pytest.mark.parametrize("number, what", [
    (signal.SIGBUS, "Bus error"), (signal.SIGFPE, "Floating.point exception"), (signal.SIGILL, "Illegal instruction"),
], ids=lambda value: getattr(value, "name", ""))
def test_so_does_each_signal_of_a_broken_program(crashes, number, what):
    server = crashes()
    die(server, "/signal", int(number))
    assert re.search(f"\nFatal Python error: {what}\n", death(server, number.name).text)


@with_and_without_preload
def test_the_other_threads_are_shown_after_the_one_that_crashed(crashes, preload):
    server = crashes(*preload)
    assert server.call("fastcgi", "/thread").status == 200
    die(server, "/segv")
    text = death(server, "SIGSEGV").text
    assert 0 < text.index("in read_nowhere") < text.index("in wait_in_peace")


@with_and_without_preload
def test_the_next_death_tells_of_itself_alone(crashes, preload):
    server = crashes(*preload)
    die(server, "/segv")
    death(server, "SIGSEGV")
    server.forget_log()
    die(server, "/abort")
    text = death(server, "SIGABRT").text
    assert "give_up" in text and "read_nowhere" not in text
    server.forget_log()
    die(server, "/signal", int(signal.SIGXCPU))
    assert "\n" not in death(server, "SIGXCPU").text
    server.forget_log()
    die(server, "/signal", int(signal.SIGKILL))
    event = death(server, "SIGKILL")
    assert "\n" not in event.text and "memory" not in event.text


@with_and_without_preload
def test_where_the_application_has_its_own_file_the_stacks_are_there(crashes, preload):
    server = crashes(*preload)
    assert server.call("fastcgi", "/own").status == 200
    die(server, "/segv")
    assert "\n" not in death(server, "SIGSEGV").text
    assert "read_nowhere" in (server.gates / "own").read_text()


@with_and_without_preload
def test_where_the_import_has_set_its_own_file_the_stacks_are_there(crashes, preload):
    own = CRASHES + '\nfaulthandler.enable(open(os.environ["PROBE_DIR"] + "/own", "a"))\n'
    server = crashes(*preload, text=own)
    die(server, "/segv")
    assert "\n" not in death(server, "SIGSEGV").text
    assert "read_nowhere" in (server.gates / "own").read_text()


@with_and_without_preload
def test_a_process_that_the_application_forks_tells_on_stderr_and_the_worker_lives(crashes, preload):
    server = crashes(*preload)
    response = server.call("fastcgi", "/fork")
    assert response.body == str(signal.SIGSEGV.value).encode()
    wait_until(lambda: "in read_nowhere" in server.log(), "the stack of the forked process")
    die(server, "/abort")
    assert "read_nowhere" not in death(server, "SIGABRT").text


def test_a_program_that_crashes_is_the_applications_business(crashes):
    server = crashes()
    assert server.call("fastcgi", "/program").body == str(-signal.SIGSEGV).encode()
    die(server, "/abort")
    assert "string_at" not in death(server, "SIGABRT").text


@pytest.mark.parametrize("preload, who", [((), "worker 1"), (("--preload",), "zygote")], ids=["", "preload"])
def test_an_import_that_crashes_is_shown_before_the_start_is_given_up(installed, place, preload, who):
    place.write("broken.py", "import ctypes\ndef crash():\n    ctypes.string_at(0)\ncrash()\n")
    ended = installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", "broken",
                          "--workers", 1, *preload)
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "worker.died", rf"^{who} \(pid \d+\)",
                         "SIGSEGV.* at import_application "), ended.stderr
    assert re.search(r"\n  .*broken.py\", line 3 in crash\n", ended.stderr)


def test_a_hook_at_fork_that_crashes_is_shown_too(installed, place):
    place.write("hooked.py", "import ctypes, os\ndef crash():\n    ctypes.string_at(0)\n"
                             "os.register_at_fork(after_in_child=crash)\ndef application(e, s): pass\n")
    ended = installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", "hooked",
                          "--workers", 1, "--preload")
    assert ended.returncode == EXIT_START
    assert re.search(r" worker\.died: worker 1 \(pid \d+\) .*SIGSEGV.* at run_fork_hooks.*\n"
                     r"(  .*\n)*.*hooked.py\", line 3 in crash\n", ended.stderr)


def test_a_zygote_that_dies_later_tells_what_ended_it(crashes):
    server = crashes("--preload", "--log-level", "debug")
    zygote = int(re.search(r"\(pid (\d+)\)", server.wait_event("worker.prepared", "^zygote").text).group(1))
    os.kill(zygote, signal.SIGSEGV)
    event = server.wait_event("worker.died", rf"^zygote \(pid {zygote}\)", "SIGSEGV")
    assert "\nFatal Python error: Segmentation fault" in event.text
    wait_until(lambda: not alive(zygote), "it is gone")
    assert server.call("fastcgi", "/fine").status == 200


@with_and_without_preload
def test_workers_of_a_new_generation_tell_too(crashes, preload):
    server = crashes(*preload)
    old = server.worker_pids()
    server.send_signal(signal.SIGHUP)
    server.wait_event("reload.finished")
    wait_until(lambda: not any(map(alive, old)), "the old generation has ended")
    die(server, "/segv")
    assert "in read_nowhere" in death(server, "SIGSEGV").text


# ---- --max-crashes


@with_and_without_preload
def test_more_deaths_than_are_borne_stop_it_and_what_runs_is_finished(start, preload):
    server = start("--max-crashes", "2/1h", *preload, workers=2, threads=2)
    gate = server.gate("held")
    running = wire.begin("fastcgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()

    busy = wait_until(lambda: next((pid for pid in server.worker_pids() if has_open(pid, gate.path)), None), "who holds it")

    # One that dies while it is being forked does not count.
    first, spared = set(server.worker_pids()), {busy}
    for _ in range(3):
        assert not server.find_events("server.crash_limit")
        pid = wait_until(lambda: next(iter((first | ready_later(server)) - spared), None), "another process")
        spared.add(pid)
        os.kill(pid, signal.SIGKILL)
    event = server.wait_event("server.crash_limit", "--max-crashes")
    assert (event.level, event.role) == ("error", "master")
    wait_until(lambda: not server.accepts(), "new connections are refused")
    gate.open()
    assert running.read_response().status == 200
    running.close()
    assert server.wait_exit() == EXIT_CRASHES
    assert not os.path.exists(server.address)


def ready_later(server) -> set:
    """The processes that were started after the first ones, and are ready."""
    return {int(re.search(r"\(pid (\d+)\)", event.text).group(1)) for event in server.find_events("worker.ready")}


def has_open(pid, path) -> bool:
    folder = f"/proc/{pid}/fd"
    return str(path) in {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder) if os.path.lexists(f"{folder}/{fd}")}


# ---- for lack of memory


class MemoryGroup:
    """A control group of the test's own, of version 1 or 2, with so much memory and no swap."""

    MEMORY = 200_000_000  # bytes

    def __init__(self):
        first = Path("/sys/fs/cgroup/memory")
        self.path = (first if first.is_dir() else Path("/sys/fs/cgroup")) / unique("appd-e2e")
        self.path.mkdir()
        try:
            if first.is_dir():
                (self.path / "memory.swappiness").write_text("0")
                (self.path / "memory.limit_in_bytes").write_text(str(self.MEMORY))
            else:
                (self.path / "memory.swap.max").write_text("0")
                (self.path / "memory.max").write_text(str(self.MEMORY))
            give_away(self.path)
        except OSError:
            self.remove()
            raise

    def remove(self):
        wait_until(self._try_remove, "the group is empty")

    def _try_remove(self):
        try:
            self.path.rmdir()
            return True
        except OSError:
            return False

    @classmethod
    def can_be_had(cls) -> bool:
        try:
            cls().remove()
            return True
        except OSError:
            return False


class InMemoryGroup(Appd):
    def __init__(self, installed, group, *options, **rest):
        self.group = group
        super().__init__(installed, *options, **rest)

    def command(self, arguments, environment):
        return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.group.path,
                *super().command(arguments, environment)]


@pytest.mark.skipif(not MemoryGroup.can_be_had(), reason="no control group for memory can be had")
def test_a_worker_that_the_kernel_kills_for_lack_of_memory_is_replaced_and_the_reason_said(installed, place):
    place.write("crashes.py", CRASHES)
    group = MemoryGroup()
    server = None
    try:
        server = InMemoryGroup(installed, group, "--pythonpath", place.path, module="crashes:application", workers=2)
        before = set(server.worker_pids())
        die(server, "/eat")
        said = death(server, "SIGKILL").text
        assert "while serving GET /eat (thread " in said
        assert "; the kernel may have killed it for lack of memory" in said
        wait_until(lambda: len(server.worker_pids()) == 2, "there is another")
        assert len(before & set(server.worker_pids())) == 1
    finally:
        if server:
            server.stop()
        group.remove()
