"""Makes system calls fail in a running appd and checks the consequences.

Every request is answered or visibly refused, appd does not spin, and afterwards everything is as before."""

import errno
import mmap
import os
import signal
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import wire
from appd import Appd, find_binary, is_sanitized
from processes import give_away, unique, wait_until

# The layout of `Order` in fault_injector.cpp.
ORDER = struct.Struct("24siiiiqq")
FAR = 2**31 - 1

LOADED = 0.3  # seconds during which an order is given while requests come
FAILING = 1.0  # seconds that a lasting failure lasts
PATIENCE = 20.0  # seconds, for each request
MOST_CALLS = 20_000  # of one kind, in a second in which all of them fail
GROWTH = 12  # largest number of descriptors that a worker may have gained

SOCKET_ERRORS = ("ENOBUFS", "ENOMEM", "EINTR", "ECONNRESET", "EPIPE")
FILE_ERRORS = ("EIO", "ENOSPC", "EINTR", "EDQUOT")
OF_WORKERS = {
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR", "EINVAL"),
    "accept4": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "ECONNABORTED", "EINTR", "EINVAL"),
    "recv": SOCKET_ERRORS,
    "recvmsg": SOCKET_ERRORS,
    "send": SOCKET_ERRORS,
    "sendmsg": SOCKET_ERRORS,
    "sendfile": ("EINVAL", "EIO", "ENOMEM", "ENOSYS", "EOVERFLOW", "EINTR"),
    "pread": ("EIO", "EINTR"),
    "pwrite": FILE_ERRORS,
    "read": ("EIO", "EINTR"),
    "write": ("EIO", "EAGAIN", "ENOSPC", "EINTR"),
    "poll": ("ENOMEM", "EINTR"),
    "shutdown": ("ENOTCONN",),
    "setsockopt": ("EINVAL", "ENOBUFS"),
    "getsockopt": ("ENOBUFS",),
    "ftruncate": ("EIO",),
    "new": ("ENOMEM",),
}
OF_MASTER = {
    "poll": ("ENOMEM", "EINTR"),
    "recvmsg": ("ENOBUFS", "ENOMEM", "EINTR"),
    "sendmsg": ("ENOBUFS", "EAGAIN", "EINTR"),
    "send": ("ENOBUFS", "EAGAIN", "EINTR"),
    "recv": ("ENOMEM", "EINTR"),
    "read": ("EIO", "EINTR"),
    "write": ("EIO", "EAGAIN", "ENOSPC"),
    "accept4": ("EMFILE", "ENOMEM", "ECONNABORTED"),
    "fork": ("EAGAIN", "ENOMEM"),
}
PASSING = ("EINTR", "ECONNABORTED")
# Calls whose failure for a second must end the worker, or would make that second meaningless.
ONLY_ONCE = {("workers", "new")}


def all_pairs():
    for role, calls in (("workers", OF_WORKERS), ("master", OF_MASTER)):
        for call, errors in calls.items():
            for error in errors:
                for lasts in (False, True):
                    # These errors mean an interruption, or concern one connection: appd tries again at once.
                    if not lasts or (error not in PASSING and (role, call) not in ONLY_ONCE):
                        yield role, call, error, lasts


class Injector:
    """A library and a file that make calls fail in the appd that is started with `environment`."""

    def __init__(self, installed):
        # Every server has its own: another one may still have the last ones mapped.
        library = installed.place.copy(Path(os.environ["APPD_FAULT_INJECTOR"]), unique("fault_injector.so"))
        orders = installed.place.write(unique("faults"), bytes(ORDER.size))
        orders.chmod(0o666)
        with open(orders, "r+b") as file:
            self._order = mmap.mmap(file.fileno(), ORDER.size)
        self.environment = {"LD_PRELOAD": str(library), "APPD_FAULTS": str(orders)}

    @staticmethod
    def is_there() -> bool:
        """A sanitizer must be the first library."""
        return "APPD_FAULT_INJECTOR" in os.environ and not is_sanitized(find_binary())

    def order(self, master, role, call, error, count):
        """Makes so many calls fail, in the process `master` or in those that it has started."""
        self._order[:] = ORDER.pack(call.encode(), getattr(errno, error), master, role == "master", 0, 0, 0)
        struct.pack_into("i", self._order, ORDER.size - 20, count)

    def failed(self) -> int:
        """How many calls have failed by the present order."""
        return ORDER.unpack(self._order[:])[-1]

    def end_order(self) -> tuple:
        """The number of calls, and of those that failed."""
        struct.pack_into("i", self._order, ORDER.size - 20, 0)
        return ORDER.unpack(self._order[:])[-2:]


class FaultyAppd(Appd):
    """An appd with the injector loaded."""

    def __init__(self, installed, *options, env=None, **rest):
        self.injector = Injector(installed)
        self.control = installed.place / unique("control")
        # The heartbeat would find a worker that no longer reacts, but nothing must make one so.
        super().__init__(installed, "--control", self.control, "--heartbeat", "5m", *options,
                         env={**self.injector.environment, **(env or {})}, **rest)
        (Path(self.gates) / "download").write_bytes(DOWNLOAD)
        give_away(Path(self.gates) / "download")

    def trouble_master(self):
        """Gives the master something to do: a worker to replace, a caller on the control socket."""
        os.kill(self.worker_pids()[0], signal.SIGKILL)
        asking = threading.Thread(target=self.installed.run, args=("status", "--control", self.control))
        asking.start()
        return asking


class Load:
    """Clients with all kinds of requests, and the outcome of each."""

    def __init__(self, server, clients=4):
        self.server = server
        self.outcomes = Counter()
        self.hung = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number):
        for turn in range(number, 1_000_000):
            if self._ended.is_set():
                return
            what, ask = KINDS[turn % len(KINDS)]
            began = time.monotonic()
            try:
                outcome = ask(self.server)
            except TimeoutError:
                outcome = "hung"
            except (OSError, EOFError, ValueError, AssertionError):
                outcome = "broken off"
            with self._lock:
                self.outcomes[outcome] += 1
                if outcome == "hung":
                    self.hung.append(f"{what} after {time.monotonic() - began:.1f} s")


def verdict(response, body=None) -> str:
    if not response.complete or response.status is None:
        return "broken off"
    if response.status == 200:
        return "right" if body is None or response.body == body else "broken off"
    return "refused"


def ask_plainly(protocol):
    return lambda server: verdict(wire.call(protocol, server.address, "/hello", timeout=PATIENCE))


UPLOAD = os.urandom(300_000)
DOWNLOAD = os.urandom(1_000_000)


def ask_upload(protocol):
    return lambda server: verdict(wire.call(protocol, server.address, "/echo", method="POST", body=UPLOAD,
                                            timeout=PATIENCE), UPLOAD)


def ask_file(protocol):
    return lambda server: verdict(wire.call(protocol, server.address, "/file", query="name=download",
                                            timeout=PATIENCE), DOWNLOAD)


def ask_kept(server):
    with wire.FastCgi(server.address, timeout=PATIENCE) as connection:
        outcomes = [verdict(connection.request(wire.variables(path="/hello"))) for _ in range(3)]
    return next((each for each in outcomes if each != "right"), "right")


KINDS = (
    ("hello over uwsgi", ask_plainly("uwsgi")),
    ("hello over SCGI", ask_plainly("scgi")),
    ("kept FastCGI", ask_kept),
    ("an upload over FastCGI", ask_upload("fastcgi")),
    ("an upload over uwsgi", ask_upload("uwsgi")),
    ("a file over uwsgi", ask_file("uwsgi")),
    ("a file over FastCGI", ask_file("fastcgi")),
)


def descriptors(pid) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_well(server) -> bool:
    try:
        return all(ask(server) == "right" for _, ask in KINDS)
    except (OSError, EOFError, ValueError, AssertionError):
        return False


@contextmanager
def under_load(server):
    load = Load(server)
    try:
        yield load
    finally:
        load.end()


def try_fault(server, role, call, error, lasts) -> tuple:
    """Makes the call fail under load. Returns what is wrong with the outcome, and a line that reports it."""
    before = {pid: descriptors(pid) for pid in server.worker_pids()}
    master_before = descriptors(server.pid)
    with under_load(server) as load:
        time.sleep(LOADED)
        server.injector.order(server.pid, role, call, error, FAR if lasts else 1)
        asking = server.trouble_master() if role == "master" else None
        time.sleep(FAILING if lasts else LOADED)
        seen, failed = server.injector.end_order()
        time.sleep(LOADED)
        if asking is not None:
            asking.join()
    wrong = [f"hung: {each}" for each in load.hung]
    if lasts and seen > MOST_CALLS:
        wrong.append(f"{seen} calls in {FAILING} s")
    if not server.running():
        return [*wrong, "the master is gone"], ""
    try:
        wait_until(lambda: is_well(server), "it answers all again", PATIENCE)
        wait_until(lambda: len(server.worker_pids()) == len(before), "all workers are there", PATIENCE)
        wait_until(lambda: all(descriptors(pid) <= before[pid] + GROWTH
                               for pid in server.worker_pids() if pid in before)
                   and descriptors(server.pid) <= master_before + 2, "descriptors are back", PATIENCE)
    except AssertionError as problem:
        wrong.append(str(problem))
    replaced = len(set(before) - set(server.worker_pids()))
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(load.outcomes.items()))
    return wrong, f"{failed} of {seen} failed; {told}" + (f"; {replaced} workers replaced" if replaced else "")
