"""--workers auto: one for each CPU that appd may use, by its affinity and by its control group's quota."""

import math
import os
import re
import subprocess
from pathlib import Path

import pytest

from processes import wait_until

CPUS = len(os.sched_getaffinity(0))
PERIOD = 100_000


class ControlGroup:
    """A control group with a quota of CPU time. Version 1 or 2, as the machine has it."""

    def __init__(self, folder: Path, version):
        self._version = version
        self._folder = folder
        self._below = None
        self._folder.mkdir()

    def grant(self, cpus):
        quota = round(cpus * PERIOD)
        if self._version == 2:
            (self._folder / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota))

    def make_below(self) -> "ControlGroup":
        """A group below this one, which has no quota of its own."""
        self._below = ControlGroup(self._folder / "below", self._version)
        return self._below

    @property
    def members(self) -> Path:
        return self._folder / "cgroup.procs"

    def remove(self):
        if self._below:
            self._below.remove()
        wait_until(lambda: not self.members.read_text(), "no process is left in the control group")
        self._folder.rmdir()


def is_version_1(kind, controllers, options) -> bool:
    return kind == "cgroup" and "cpu" in controllers.split(",") and "cpu" in options.split(",")


def is_version_2(kind, controllers, folder) -> bool:
    """Whether groups in this folder have a quota. That is up to the folder above them."""
    given = Path(folder) / "cgroup.subtree_control"
    return kind == "cgroup2" and not controllers and "cpu" in given.read_text().split()


def find_parent() -> tuple | None:
    """(folder, version) where groups with a quota can be made; None if nowhere."""
    groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    for _, controllers, path in groups:
        for _, mounted, kind, options, *_ in mounts:
            folder = mounted + path
            if is_version_1(kind, controllers, options):
                return Path(folder), 1
            if is_version_2(kind, controllers, folder):
                return Path(folder), 2
    return None


@pytest.fixture
def group():
    parent = find_parent()
    if not parent or not os.access(parent[0], os.W_OK):
        pytest.skip("no control group with a quota of CPU time can be made here")
    made = ControlGroup(parent[0] / f"appd-e2e-{os.getpid()}", parent[1])
    yield made
    made.remove()


def printed_workers(installed, workers, *runner) -> str:
    """The number of workers that --print-config shows when `runner` starts appd."""
    ended = subprocess.run([*map(str, runner), installed.binary, "--print-config", "--socket=/s", "--module=m",
                            f"--workers={workers}"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return re.search("^workers = (.*)$", ended.stdout, re.MULTILINE).group(1)


def test_workers_are_as_many_as_cpus_by_default(start):
    server = start(workers=None)
    assert len(server.worker_pids()) == CPUS


def test_affinity_counts(installed):
    one = min(os.sched_getaffinity(0))
    assert printed_workers(installed, "auto") == str(CPUS)
    assert printed_workers(installed, "auto", "taskset", "-c", one) == "1"
    assert printed_workers(installed, "3..auto", "taskset", "-c", one) == "3"


@pytest.mark.parametrize("granted", [0.5, 1, 1.5, 100])
def test_the_quota_counts_rounded_up(installed, group, granted):
    group.grant(granted)
    workers = min(CPUS, math.ceil(granted))
    runner = ("sh", "-c", 'echo $$ > "$0" && exec "$@"', group.members)
    assert printed_workers(installed, "auto", *runner) == str(workers)
    assert printed_workers(installed, "1..auto", *runner) == (f"1..{workers}" if workers > 1 else "1")


def test_the_quota_of_a_group_above_counts(installed, group):
    group.grant(1)
    below = group.make_below()
    runner = ("sh", "-c", 'echo $$ > "$0" && exec "$@"', below.members)
    assert printed_workers(installed, "auto", *runner) == "1"


def test_a_reload_counts_again(group, place, start):
    control = place / "control"
    server = start("--control", control, workers="auto")
    assert len(server.worker_pids()) == CPUS
    group.members.write_text(str(server.pid))
    for granted in (1, CPUS):
        group.grant(granted)
        ended = server.installed.run("reload", "--control", control)
        assert ended.returncode == 0, ended.stderr
        wait_until(lambda: len(server.worker_pids()) == granted, f"{granted} workers")
