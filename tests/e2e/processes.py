"""Programs under test: each is started in its own process group, watched with deadlines, and ended by its id."""

import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

DEADLINE = 60.0
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl

# A user as if logged in; for tests that only root can run.
AS_ROOT = {"extra_groups": [0, 4]}
RUNNING = []  # for the report of a failed test


def wait_until(condition, what, within=DEADLINE):
    """Polls `condition()` and returns its first true value; raises if there is none `within` so many seconds."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(0.005)


def unprivileged() -> dict:
    """Arguments of Popen that give up root, so that fronts and appd run the same way for everyone."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def all_threads_are(wanted, pid) -> bool:
    """Whether the kernel shows this state (R, S, T …) for each of them."""
    return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == wanted
               for thread in Path(f"/proc/{pid}/task").iterdir())


def stop_process(pid):
    """Sends SIGSTOP and waits until every thread stands still. Until then the kernel could still wake one of them for
    a new connection, and nobody else would be woken. A thread that has just ended stands still, too."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: not alive(pid) or all_threads_are("T", pid), f"process {pid} stands still")


def give_away(path):
    """Gives a file, or a folder with all its content, to the user that programs under test run as."""
    owner = unprivileged()
    if not owner:
        return
    path = Path(path)
    for each in [path, *(path.rglob("*") if path.is_dir() else ())]:
        os.chown(each, owner["user"], owner["group"], follow_symlinks=False)


_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """A name that no other test of this run gets."""
    return f"{prefix}-{next(_numbers)}"


class Place:
    """A temporary folder for the programs under test. Its path is short enough for Unix sockets."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="appd-e2e-", dir="/tmp"))
        give_away(self.path)

    def __truediv__(self, name) -> Path:
        return self.path / name

    def folder(self, name) -> Path:
        made = self.path / name
        made.mkdir()
        give_away(made)
        return made

    def copy(self, source, name=None) -> Path:
        """A copy that an unprivileged user can read, wherever the original is."""
        target = self.path / (name or Path(source).name)
        if Path(source).is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
        give_away(target)
        return target

    def write(self, name, text) -> Path:
        target = self.path / name
        if isinstance(text, bytes):
            target.write_bytes(text)
        else:
            target.write_text(text)
        give_away(target)
        return target

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Gate:
    """A named pipe that the probe opens for reading. It shows that a request runs, and holds it there."""

    def __init__(self, folder: Path, name: str):
        self.name = name
        self.path = folder / name
        os.mkfifo(self.path, 0o666)
        give_away(self.path)
        self._fd = None

    def wait_entered(self, within=DEADLINE):
        self._fd = wait_until(self._try_open, f"a request entered the gate {self.name}", within)

    def entered(self) -> bool:
        """Whether a request waits at the gate right now."""
        if self._fd is None:
            self._fd = self._try_open()
        return self._fd is not None

    def open(self):
        """Releases the waiting request."""
        if not self.entered():
            self.wait_entered()
        os.close(self._fd)
        self._fd = None

    def _try_open(self):
        try:
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # ENXIO: nobody reads
            return None


class Port:
    """A free loopback port. It is bound without listening, so that no other program gets it meanwhile."""

    def __init__(self, family=socket.AF_INET):
        self._holder = socket.socket(family, socket.SOCK_STREAM)
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.host, self.number = self._holder.getsockname()[:2]

    @property
    def address(self):
        return (self.host, self.number)

    def accepts(self) -> bool:
        try:
            socket.create_connection(self.address, timeout=1).close()
            return True
        except OSError:
            return False

    def release(self):
        self._holder.close()


def children(pid) -> list:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def below(pid) -> list:
    """All its descendants."""
    found = children(pid)
    for each in found:
        found += children(each)
    return found


def alive(pid) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Process:
    """A program under test that runs in the background; stdout and stderr go to files."""

    stop_signal = signal.SIGTERM
    stop_within = DEADLINE

    def __init__(self, name, arguments, place: Place, env=None, cwd=None, umask=-1, as_root=False):
        self.name = name
        self.place = place
        self.out_path = place / f"{name}.out"
        self.log_path = place / f"{name}.log"
        with open(self.out_path, "ab") as out, open(self.log_path, "ab") as log:
            give_away(self.out_path)  # a program may open its /dev/stderr again
            give_away(self.log_path)
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log, cwd=cwd or place.path,
                env=clean_environment(env), start_new_session=True, umask=umask,
                preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGTERM), **(AS_ROOT if as_root else unprivileged()),
            )
        RUNNING.append(self)

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:  # a test has moved it away
            return ""

    def output(self) -> str:
        return self.out_path.read_text(errors="replace")

    def running(self) -> bool:
        return self.process.poll() is None

    def wait_ready(self, ready):
        """Waits for `ready()`. If that never comes true, ends the program and raises with its log."""

        def check():
            assert self.running(), f"{self.name} ended with {self.process.returncode}"
            return ready()

        try:
            wait_until(check, f"{self.name} is ready")
        except AssertionError as error:
            RUNNING.remove(self)
            self._kill_group()
            raise AssertionError(f"{error}; its log:\n{self.log()}") from None

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait_exit(self, within=DEADLINE) -> int:
        """The exit code; if negative, the signal."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {within:g} s") from None

    def stop(self) -> int:
        """Ends it in order and returns the exit code. Raises if it had to be killed."""
        if self not in RUNNING:
            return self.process.returncode
        RUNNING.remove(self)
        offspring = children(self.pid)
        try:
            if self.running():
                self.send_signal(self.stop_signal)
            code = self.wait_exit(self.stop_within)
            wait_until(lambda: not any(map(alive, offspring)), f"{self.name}'s children ended", 10)
            return code
        finally:
            self._kill_group()

    def _kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)  # the group outlives its leader while it has members
        except ProcessLookupError:
            pass
        self.process.wait(DEADLINE)


def clean_environment(changes=None) -> dict:
    """The caller's environment, without variables that change how programs behave. Not even root can put a file into
    this home."""
    kept = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                                "LSAN_OPTIONS") if name in os.environ}
    return {"LANG": "C.UTF-8", "HOME": "/dev/null", "PYTHONDONTWRITEBYTECODE": "1", **kept,
            **{name: str(value) for name, value in (changes or {}).items()}}
