"""Measurements of the server's processes during a soak."""

import os
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from processes import below, children, wait_until
from soak_trouble import WORKERS

ZOMBIE_AFTER = 1.0  # a child that has just died is a zombie until the master's next turn
CALM_WITHIN = 60.0
_WORKER = re.compile(r"  worker \d+ \(pid (\d+)\): ready.*?, (\d+) requests answered\b", re.MULTILINE)


def stat(pid) -> list:
    """Fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory(pid) -> tuple:
    """The proportional set size and the anonymous memory (which does not depend on sharing), in KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) for name in ("Pss", "Anonymous"))


def descriptors(pid) -> Counter:
    """The number of open descriptors, by kind."""
    kinds = Counter()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            kinds[re.sub(r"\[\d+\]|/tmp/\S*/|#\d+ ", "", os.readlink(f"/proc/{pid}/fd/{fd}")).rstrip(":")] += 1
        except FileNotFoundError:
            pass
    return kinds


def left_over(server) -> list:
    """Processes with the environment of this server, whoever their parent is."""
    mark, found = f"PROBE_DIR={server.gates}".encode(), []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                if mark in (each / "environ").read_bytes().split(b"\0"):
                    found.append(int(each.name))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                pass
    return found


@dataclass
class WorkerSample:
    pid: int
    answered: int
    pss: int
    anonymous: int
    descriptors: Counter


@dataclass
class Sample:
    """The server while there is no reload or upgrade and no worker ends."""

    when: float
    pss: int
    anonymous: int
    descriptors: Counter
    workers: list


def take_sample(server, descriptors_of_master=None) -> Sample:
    """Waits until the server is calm and the master has these descriptors (it has more while a worker is about to be
    forked). If it never has exactly them, the sample shows those that it has."""
    calm = None

    def look():
        nonlocal calm
        if len(children(server.pid)) != WORKERS + (1 if server.preload else 0):
            return None
        status = server.installed.run("status", "--control", server.control).stdout
        workers = _WORKER.findall(status)
        if status.count("\ngeneration ") != 1 or len(workers) != WORKERS:
            return None
        try:
            found = [WorkerSample(int(pid), int(answered), *memory(pid), descriptors(pid)) for pid, answered in workers]
        except (FileNotFoundError, ProcessLookupError):  # it has been replaced meanwhile
            return None
        calm = Sample(time.monotonic(), *memory(server.pid), descriptors(server.pid), found)
        return calm if descriptors_of_master in (None, calm.descriptors) else None

    try:
        return wait_until(look, "only the present workers are left", CALM_WITHIN)
    except AssertionError as error:
        if calm:
            return calm
        status = server.installed.run("status", "--control", server.control).stdout
        raise AssertionError(f"{error}; children are {children(server.pid)}; status:\n{status}") from None


class Watch:
    """A thread that looks for zombies, except while the server is frozen (`frozen` is a lock)."""

    def __init__(self, server, frozen):
        self.failures = []
        self.looks = 0
        self._server = server
        self._frozen = frozen
        self._dead_since = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._ended.set()
        self._thread.join()

    def _run(self):
        while not self._ended.wait(0.2):
            self.looks += 1
            if self._frozen.locked():
                self._dead_since.clear()
            else:
                self._look(time.monotonic())

    def _look(self, now):
        dead = set()
        for pid in below(self._server.pid):
            try:
                if stat(pid)[0] == "Z":
                    dead.add(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        self._dead_since = {pid: self._dead_since.get(pid, now) for pid in dead}
        for pid, since in self._dead_since.items():
            if now - since > ZOMBIE_AFTER:
                self.failures.append((since, f"process {pid} is a zombie"))
                self._dead_since[pid] = float("inf")
