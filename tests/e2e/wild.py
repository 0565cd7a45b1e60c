"""Real applications on appd: what each must answer (`Kind`, in wild_*.py), and what holds for all of them (`Life`).

The applications are in tests/apps/wild. Those that Debian has the packages of run with all other tests
(test_wild.py); all of them by hand, with packages from PyPI (tests/apps/wild/run).
"""

import json
import os
import re
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import wire
from appd import APPS, Appd
from processes import Place, clean_environment, unprivileged, wait_until

EXIT_START = 4
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
VENV = os.environ.get("APPD_WILD_VENV")  # made by tests/apps/wild/run; without it, Debian's packages
PACKAGES = ("--virtualenv", VENV) if VENV else ()
THREADS = 4
WORKERS = 2
VISITS = 24
RELOADS = 2


def dumped(value) -> bytes:
    return json.dumps(value).encode()


class Kind:
    """One application. Each test makes its own object, so that a kind may remember what it has seen."""

    module = None  # in tests/apps/wild
    options = ()
    refused_at_preload = None  # what the log says then; None if it starts
    expected = ()  # patterns of warnings and errors that are expected

    def surroundings(self, place: Place, ends: ExitStack) -> dict:
        """Starts what the application needs; `ends` ends it. Returns environment variables for the application."""
        return {}

    def visit(self, site: "Site", number: int):
        """Sends requests as a user would and checks the responses. Called by several threads, and while appd reloads."""
        raise NotImplementedError

    def look_once(self, site: "Site"):
        """Checks that need no repetition."""

    def after_stop(self, site: "Site"):
        """Checks what must have happened once appd has ended."""


class Site(Appd):
    """appd with an application of tests/apps/wild."""

    def __init__(self, installed, kind, *options, environment):
        self.visited = 0
        self._lock = threading.Lock()
        super().__init__(
            installed, "--pythonpath", installed.apps / "wild", *PACKAGES,
            *kind.options, *options, module=kind.module, workers=WORKERS, threads=THREADS, env=environment)

    def get(self, path, query="", fields=(), status=200) -> wire.Response:
        return self._checked(status, wire.variables("GET", path, query, headers=fields))

    def post(self, path, body: bytes, content_type, query="", fields=(), status=200) -> wire.Response:
        return self._checked(status, wire.variables("POST", path, query, len(body), fields,
                                                    extra=[("CONTENT_TYPE", content_type)]), body)

    def head(self, path) -> wire.Response:
        return self._checked(200, wire.variables("HEAD", path))

    def _checked(self, status, named, body=b"") -> wire.Response:
        with self._lock:
            self.visited += 1
            protocol = wire.WIRES[self.visited % len(wire.WIRES)]
        with wire.begin(protocol, self.address, named, body) as connection:
            response = connection.read_response(dict(named)["REQUEST_METHOD"])
        assert (response.status, response.complete) == (status, True), f"{protocol} {named}: {response}"
        return response


def manage(*arguments, environment):
    """Runs Python with the applications and their packages, as for the installation of a site."""
    python = f"{VENV}/bin/python" if VENV else "/usr/bin/python3"
    done = subprocess.run([python, *arguments], cwd=APPS / "wild", env=clean_environment(environment),
                          capture_output=True, text=True, timeout=120, **unprivileged())
    assert done.returncode == 0, done.stderr


def troubles(log: str, expected) -> list:
    """Entries at warn or error, or not from appd, with their further lines, except those `expected`."""
    entries = []
    for line in log.splitlines():
        if line.startswith("  ") and entries:
            entries[-1] += "\n" + line
        else:
            entries.append(line)
    found = [entry for entry in entries if not re.match(r"\S+Z (debug|info ) \[", entry)]
    return [entry for entry in found if not any(re.search(pattern, entry) for pattern in expected)]


class Life:
    """Starts an application with all it needs. Checks its end: exit code 0, no process killed, a clean log."""

    def __init__(self, installed, kind: Kind, *options):
        self.kind = kind
        self._installed = installed
        self._options = options
        self._ends = ExitStack()

    def __enter__(self) -> Site:
        with self._ends:
            place = Place()
            self._ends.callback(place.remove)
            environment = self.kind.surroundings(place, self._ends)
            self.site = Site(self._installed, self.kind, *self._options, environment=environment)
            self._ends.callback(self.site.stop)
            self._ends = self._ends.pop_all()
        return self.site

    def __exit__(self, failed, *_):
        with self._ends:
            if failed:
                print(self.site.log())  # for the report, which is made after the server has gone
            else:
                self._stop()

    def _stop(self):
        self.site.send_signal(signal.SIGTERM)
        assert self.site.wait_exit() == 0
        assert troubles(self.site.log(), self.kind.expected) == [], self.site.log()
        self.kind.after_stop(self.site)


def visit_many(kind, site):
    """As many visits at once as the site has threads, and more that wait for one."""
    with ThreadPoolExecutor(WORKERS * THREADS + 2) as visitors:
        for result in [visitors.submit(kind.visit, site, number) for number in range(VISITS)]:
            result.result()


def reload_under_traffic(kind, site):
    """Visits go on all the time, and each must succeed."""
    done, counts = threading.Event(), [0] * WORKERS * 2

    def visit_on(which):
        while not done.is_set():
            kind.visit(site, which + counts[which] * len(counts))
            counts[which] += 1

    def visited_again(before):
        return not all_running() or all(now > then for now, then in zip(counts, before))

    def all_running():
        return not any(visitor.done() for visitor in running)

    with ThreadPoolExecutor(len(counts)) as visitors:
        running = [visitors.submit(visit_on, which) for which in range(len(counts))]
        try:
            for _ in range(RELOADS):
                before = list(counts)
                wait_until(lambda: visited_again(before), "each visitor is busy")
                site.forget_log()
                site.send_signal(signal.SIGHUP)
                site.wait_event("reload.finished", within=60)
            before = list(counts)
            wait_until(lambda: visited_again(before), "each visitor goes on")
        finally:
            done.set()
    for visitor in running:
        visitor.result()


def refused_start(installed, kind, *options) -> str:
    """The log of a start that appd refuses."""
    place = Place()
    with ExitStack() as ends:
        ends.callback(place.remove)
        environment = kind.surroundings(place, ends)
        ended = installed.run("--socket", place / "app.sock", "--pythonpath", installed.apps / "wild",
                              *PACKAGES, "--module", kind.module,
                              *kind.options, *options, env=environment)
        assert ended.returncode == EXIT_START, ended.stderr
        return ended.stderr


def visits_concurrently(installed, kind):
    with Life(installed, kind) as site:
        kind.visit(site, 1)
        kind.look_once(site)
        visit_many(kind, site)


def visits_during_reloads(installed, kind):
    with Life(installed, kind) as site:
        reload_under_traffic(kind, site)


def visits_preloaded(installed, kind):
    if kind.refused_at_preload:
        assert re.search(kind.refused_at_preload, refused_start(installed, kind, "--preload"))
        return
    with Life(installed, kind, "--preload") as site:
        visit_many(kind, site)
        reload_under_traffic(kind, site)
