"""The trouble of the soak: random actions on the server, and what must follow from each."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

from appd import FromOwnBinary, parse_log, select_events
from faults import Injector
from processes import below, children, give_away, stop_process, wait_until
from soak_request import FILE_SIZE, MAX_BODY, pattern

WORKERS = 4
HEARTBEAT = 2
EXIT_START = 4
RESPONSE_WITHIN = 120.0  # seconds, for an order to appd
# System calls that fail, and in which process. Those of the second group may cost a request, or an idle connection.
FAULTS = (("workers", "accept4", "ENOMEM"), ("workers", "recv", "ENOBUFS"),
          ("workers", "recv", "EINTR"), ("workers", "recvmsg", "ENOMEM"), ("workers", "sendmsg", "ENOBUFS"),
          ("workers", "sendmsg", "EINTR"), ("workers", "sendfile", "EINVAL"), ("workers", "epoll_wait", "EINTR"),
          ("master", "recvmsg", "ENOMEM"), ("master", "sendmsg", "EAGAIN"), ("master", "poll", "ENOMEM"))
COSTLY_FAULTS = (("workers", "accept4", "EMFILE"), ("workers", "epoll_ctl", "ENOMEM"), ("workers", "pwrite", "ENOSPC"),
                 ("workers", "recv", "ECONNRESET"))
MANY = 2**31 - 1
ENDS = ("reload.finished", "reload.refused")


class SoakedAppd(FromOwnBinary):
    """appd with the application of the soak. Its binary, configuration and code are files that may change.

    `injector` makes its system calls fail; None if they must not."""

    def __init__(self, installed, *options):
        self.injector = Injector(installed) if Injector.is_there() else None
        super().__init__(installed, *options, env=self.injector and self.injector.environment)

    def command(self, arguments, environment):
        (binary, *_), options = super().command(arguments, environment), arguments[1:]
        self.control = f"{self.address}.control"
        self.preload = "--preload" in options
        self.site = self.place.folder("site")
        self.write_version("1")
        self.place.write("probe/file", pattern("file", FILE_SIZE))
        self.configure("overlap")
        return [binary, "--config", self.place / "appd.ini"]

    def configure(self, strategy):
        lines = ["[appd]", f"socket = {self.address}", "module = soak_site", f"pythonpath = {self.site}",
                 f"pythonpath = {self.installed.apps}", f"workers = {WORKERS}", "threads = 4",
                 f"heartbeat = {HEARTBEAT}s", "max-requests = 30", "max-requests-jitter = 30", f"max-body = {MAX_BODY}",
                 f"control = {self.control}", f"preload = {'yes' if self.preload else 'no'}",
                 f"reload-strategy = {strategy}", "log-level = debug"]
        self._replace(self.place / "appd.ini", "\n".join(lines) + "\n")

    def write_version(self, version):
        """`version` is a number, or any other Python expression."""
        self._replace(self.site / "soak_version.py", f"VERSION = {version}\n")

    @staticmethod
    def _replace(path, text):
        """Replaces the file in one step, since workers may read it at any time."""
        new = path.with_suffix(".new")
        new.write_text(text)
        give_away(new)
        os.rename(new, path)


@dataclass
class Deed:
    """An action on the server, with its begin and end (CLOCK_MONOTONIC)."""

    what: str
    began: float
    pid: int = 0
    ended: float = float("inf")
    outcome: str = ""

    def may_harm_a_start(self) -> bool:
        """The master tells a zygote by sendmsg to fork."""
        return self.what in ("kill", "stop", "tell to end", "fault of fork") or \
            any(call in self.outcome for call in ("epoll_ctl", "master sendmsg"))

    def __str__(self):
        whom = f" {self.pid}" if self.pid else ""
        return f"{self.what}{whom}{': ' if self.outcome else ''}{self.outcome}"


class Trouble:
    """Two threads: one does what operators do, the other harms processes meanwhile."""

    def __init__(self, server, clients, seed):
        self.deeds = []
        self.failures = []
        self.serves_since = [(0.0, 1)]  # (time, version): from then on no request may begin in an older one
        self.upgrades_allowed = True
        self._server = server
        self._clients = clients
        self._version = 1
        self.frozen = threading.Lock()  # held while no process runs
        self._ended = threading.Event()
        self._turns = {"operator": threading.Lock(), "harm": threading.Lock()}
        operator = {self.reload: 6, self.reload_by_signal: 3, self.reload_broken: 3, self.reload_rolling: 3,
                    self.upgrade: 3}
        harm = {self.kill_one: 5, self.stop_one: 2, self.pause_one: 3, self.end_one: 2,
                self.freeze_all: 2}
        if server.injector:
            harm |= {self.fault: 3, self.costly_fault: 2, self.fault_of_fork: 1}
        self._threads = [
            threading.Thread(target=self._run, daemon=True, args=(self._turns[name], deeds, longest,
                                                                 random.Random(f"{seed}/{name}")))
            for name, deeds, longest in (("operator", operator, 4.0), ("harm", harm, 3.0))]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self):
        """Holds both threads: no action is in progress, and none begins."""
        for turn in self._turns.values():
            turn.acquire()

    def __exit__(self, *_):
        for turn in self._turns.values():
            turn.release()

    def killed(self) -> set:
        return {deed.pid for deed in self.deeds if deed.what == "kill"}

    def stopped(self) -> set:
        return {deed.pid for deed in self.deeds if deed.what == "stop"}

    def _run(self, turn, deeds, longest, chance):
        while not self._ended.wait(chance.uniform(0.2, longest)):
            with turn:
                deed = chance.choices(list(deeds), deeds.values())[0]
                try:
                    if not self._ended.is_set():
                        deed(chance)
                except Exception as error:
                    self.failures.append((time.monotonic(), f"{deed.__name__}: {type(error).__name__}: {error}"))

    def _begin(self, what, pid=0):
        deed = Deed(what, time.monotonic(), pid)
        self.deeds.append(deed)
        return deed

    # ---- what operators do

    def reload(self, _):
        self._expect_new_version(self._begin("reload"), lambda: self._order("reload"))

    def reload_by_signal(self, _):
        def signalled():
            seen = len(self._server.log())
            self._server.send_signal(signal.SIGHUP)

            def ends():
                return select_events(parse_log(self._server.log()[seen:]), ENDS)

            (end, *_) = wait_until(ends, "an end of the reload", RESPONSE_WITHIN)
            return end.name == "reload.finished", ""

        self._expect_new_version(self._begin("reload by signal"), signalled)

    def reload_rolling(self, _):
        self._server.configure("rolling")
        self._expect_new_version(self._begin("rolling reload"), lambda: self._order("reload"))
        self._server.configure("overlap")

    def upgrade(self, chance):
        if not self.upgrades_allowed:
            return self.reload(chance)

        def upgraded():
            self._server.install()
            new = os.stat(self._server.binary).st_ino
            done, said = self._order("upgrade")
            assert not done or self._server.executed() == new, "the process has not become the new binary"
            return done, said

        self._expect_new_version(self._begin("upgrade"), upgraded)

    def reload_broken(self, _):
        deed = self._begin("reload to broken code")
        self._server.write_version("1 / 0")
        done, said = self._order("reload")
        self._server.write_version(self._version)
        self._end(deed, said)
        if done:
            self.failures.append((deed.ended, "a reload to broken code has succeeded"))

    def _expect_new_version(self, deed, order):
        self._version += 1
        self._server.write_version(self._version)
        done, said = order()
        self._end(deed, f"done, version {self._version}" if done else f"failed: {said}")
        if done:
            self.serves_since.append((deed.ended, self._version))
        elif not any(harm.began <= deed.ended and harm.ended >= deed.began
                     for harm in self.deeds if harm.may_harm_a_start()):
            self.failures.append((deed.ended, f"{deed.what} has failed for no reason: {said}"))

    def _order(self, verb):
        try:
            asked = self._server.installed.run(verb, "--control", self._server.control, within=RESPONSE_WITHIN)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"appd {verb} has no end") from None
        assert asked.returncode in (0, EXIT_START), f"appd {verb}: code {asked.returncode}: {asked.stderr}"
        return asked.returncode == 0, asked.stderr.strip().split("\n")[0]

    @staticmethod
    def _end(deed, outcome=""):
        deed.outcome, deed.ended = outcome, time.monotonic()

    # ---- harm

    def kill_one(self, chance):
        """Kills any process below the master, even one that starts or ends, or the zygote."""
        self._to_one(chance, "kill", children(self._server.pid), signal.SIGKILL)

    def end_one(self, chance):
        self._to_one(chance, "tell to end", self._serving(), signal.SIGTERM)

    def stop_one(self, chance):
        """Stops a worker for good: the master must notice."""
        self._to_one(chance, "stop", self._serving(), signal.SIGSTOP)

    def pause_one(self, chance):
        """Stops a worker too briefly for the master to lose patience, so no request may be lost."""
        deed = self._to_one(chance, "pause", self._serving(), signal.SIGSTOP)
        if deed:
            time.sleep(chance.uniform(0.1, HEARTBEAT / 3))
            with contextlib.suppress(ProcessLookupError):  # it was about to end
                os.kill(deed.pid, signal.SIGCONT)
            self._end(deed)

    def fault(self, chance):
        """No request may be lost because of this."""
        self._fail("fault", chance.choice(FAULTS), chance)

    def costly_fault(self, chance):
        self._fail("costly fault", chance.choice(COSTLY_FAULTS), chance)

    def fault_of_fork(self, chance):
        self._fail("fault of fork", ("master", "fork", "EAGAIN"), chance)

    def _fail(self, what, fault, chance):
        deed = self._begin(what)
        deed.outcome = " ".join(fault)
        self._server.injector.order(self._server.pid, *fault, chance.choice((1, 10, MANY)))
        time.sleep(chance.uniform(0.1, 0.6))
        self._server.injector.end_order()
        deed.ended = time.monotonic()

    def freeze_all(self, chance):
        """Freezes everything, like a suspended container or machine, for longer than a heartbeat. No request may be lost."""
        deed = self._begin("freeze")
        frozen = []
        with self.frozen:
            try:
                self._freeze(frozen)
                time.sleep(chance.uniform(1.2, 2) * HEARTBEAT)
            finally:
                for pid in chance.sample(frozen, len(frozen)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
        self._end(deed)

    def _freeze(self, frozen):
        """The master first, so that only the zygote can make new ones."""
        frozen.append(self._server.pid)
        stop_process(self._server.pid)
        while born := set(below(self._server.pid)) - {*frozen, *self.stopped()}:
            for pid in born:
                frozen.append(pid)
                stop_process(pid)

    def _to_one(self, chance, what, pids, number):
        if not pids:
            return None
        deed = self._begin(what, chance.choice(sorted(pids)))
        try:
            os.kill(deed.pid, number)
        except ProcessLookupError:
            self.deeds.remove(deed)
            return None
        if what != "pause":
            self._end(deed)
        return deed

    def _serving(self):
        """Workers that have answered."""
        asked = {request.pid for request in self._clients.requests[-300:]}
        return asked & set(children(self._server.pid)) - self.stopped()
