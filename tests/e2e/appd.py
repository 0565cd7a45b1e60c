"""The server under test: the binary named by APPD_BINARY, as an operator would start it."""

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import wire
from processes import (AS_ROOT, DEADLINE, Gate, Place, Process, children, clean_environment, give_away,
                       unprivileged, wait_until)

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "tests" / "apps"
PYTHON = os.environ.get("APPD_PYTHON", "/usr/bin/python3")  # that appd was built for
BY_MODULE = os.environ.get("APPD_WORKERS") == "module"  # that Python itself runs the workers
SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "runtime error:",
                     "ERROR: LeakSanitizer", "AddressSanitizer:DEADLYSIGNAL")

READY = " server.ready: "  # the event that the master logs once all workers accept
EVENT_NAMES = frozenset(re.findall(r'^    {E::\w+, "([a-z]+\.[a-z_]+)"',
                                   (ROOT / "src/runtime/gateway/log_event.cpp").read_text(), re.MULTILINE))

_EVENT = re.compile(r"^(\S+)Z (debug|info |warn |error) \[(\d+) ([^\]]+)\] ([a-z]+\.[a-z_]+): (.*)$")


@dataclass
class Event:
    """One entry of the log. `name` is as in docs/events.md; `text` includes its further lines."""

    level: str
    pid: int
    role: str
    name: str
    text: str
    when: float  # seconds since the epoch


def parse_log(text: str) -> list:
    events = []
    for line in text.splitlines():
        found = _EVENT.match(line)
        if found:
            when, level, pid, role, name, rest = found.groups()
            when = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
            events.append(Event(level.strip(), int(pid), role, name, rest, when))
        elif line.startswith("  ") and events:
            events[-1].text += "\n" + line[2:]
    return events


def select_events(events, names, *fields) -> list:
    """Those that have the name, or one of them, and in whose texts each of the patterns `fields` is found."""
    names = {names} if isinstance(names, str) else set(names)
    assert names <= EVENT_NAMES, f"no event is called {' or '.join(sorted(names - EVENT_NAMES))}"
    return [event for event in events
            if event.name in names and all(re.search(field, event.text) for field in fields)]


def workers_option(arguments) -> tuple:
    """What makes it so, where a test does not choose itself."""
    chooses = {"--python", "--virtualenv"} & {str(argument) for argument in arguments}
    return ("--python", PYTHON) if BY_MODULE and not chooses else ()


class Installation:
    """Binary and applications, copied to where an unprivileged user can read them."""

    def __init__(self, binary: Path):
        self.place = Place()
        self.place.path.chmod(0o755)
        self.binary = self.place.copy(binary, "appd")
        self.libexec = self.place.copy(binary.parent / "libexec", "libexec")
        self.apps = self.place.copy(APPS, "apps")
        self.configs = self.place.copy(ROOT / "configs", "configs")
        # Memory that CPython keeps until the process ends is not a leak of appd (see the file).
        suppressions = self.place.copy(ROOT / "tests" / "lsan.supp", "lsan.supp")
        os.environ["LSAN_OPTIONS"] = f"suppressions={suppressions}:print_suppressions=0"

    def run(self, *arguments, env=None, cwd=None, as_root=False, within=DEADLINE) -> subprocess.CompletedProcess:
        """Runs the binary and waits for its end."""
        if "--module" in arguments:
            arguments += workers_option(arguments)
        return subprocess.run(
            [str(self.binary), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", env=clean_environment(env), cwd=cwd or self.place.path,
            timeout=within, start_new_session=True, **(AS_ROOT if as_root else unprivileged()),
        )

    def remove(self):
        self.place.remove()


class Appd(Process):
    """A running appd with the probe, or another application of tests/apps. Owns its folder.

    With `http` it has a socket for HTTP clients, too."""

    def __init__(self, installed: Installation, *options, module="wsgi_probe:application", workers=1,
                 threads=4, socket_option=None, http=False, env=None, umask=-1, as_root=False, wait=True):
        self.installed = installed
        self.place = place = Place()
        self.gates = place.folder("probe")
        self.address = str(place / "app.sock")
        self._mark = 0
        arguments = [
            installed.binary, "--socket", socket_option or self.address, "--module", module,
            "--pythonpath", installed.apps, *(["--workers", workers] if workers else []), "--threads", threads,
            *(["--http", wire.http_address(self.address)] if http else []), *workers_option(options), *options,
        ]
        environment = {"PROBE_DIR": self.gates, **(env or {})}
        super().__init__("appd", self.command(arguments, environment), place, environment, umask=umask, as_root=as_root)
        if wait:
            self.wait_ready(lambda: READY in self.log())

    def command(self, arguments, environment) -> list:
        """The command that starts it."""
        return arguments

    # ---- requests

    def call(self, protocol, path="/", **rest) -> wire.Response:
        return wire.call(protocol, self.address, path, **rest)

    def accepts(self, address=None) -> bool:
        try:
            wire.connect(address or self.address, timeout=5).close()
            return True
        except OSError:
            return False

    def gate(self, name) -> Gate:
        return Gate(self.gates, name)

    def counted(self, token) -> dict:
        return self.call("fastcgi", "/counters", query=f"token={token}").json()

    def wait_counted(self, token, what, at_least=1) -> dict:
        """The counters of `token`, once `what` has been counted."""

        def look():
            found = self.counted(token)
            return found if found.get(what, 0) >= at_least else None

        return wait_until(look, f"{what} counted for {token}; counted is {self.counted(token)}")

    # ---- processes

    def worker_pids(self) -> list:
        return children(self.pid)

    def only_worker(self) -> int:
        (pid,) = self.worker_pids()
        return pid

    # ---- log

    def events(self) -> list:
        """Everything logged since `forget_log`."""
        return parse_log(self.log()[self._mark :])

    def forget_log(self):
        self._mark = len(self.log())

    def find_events(self, names, *fields) -> list:
        """See select_events()."""
        return select_events(self.events(), names, *fields)

    def wait_event(self, names, *fields, within=10.0) -> Event:
        """Waits for the first of find_events(): other processes write the log, so it may lag."""
        what = f"an event {names} with {fields}"
        try:
            return wait_until(lambda: self.find_events(names, *fields), what, within)[0]
        except AssertionError as error:
            raise AssertionError(f"{error}; the log has:\n{self.log()[self._mark :]}") from None

    # ---- end

    def stop(self) -> int:
        if not self.place.path.exists():
            return super().stop()
        try:
            code = super().stop()
            reports = [line for line in self.log().splitlines()
                       if any(report in line for report in SANITIZER_REPORTS)]
            assert not reports, "\n".join(reports) + "\n" + self.log()
            return code
        finally:
            self.place.remove()


class FromOwnBinary(Appd):
    """An appd started from a binary that the test may replace."""

    def command(self, arguments, environment):
        self.binary = os.path.join(os.path.dirname(self.address), "appd")
        shutil.copy(arguments[0], self.binary)
        os.symlink(self.installed.libexec, os.path.join(os.path.dirname(self.binary), "libexec"))
        give_away(self.binary)
        return [self.binary, *arguments[1:]]

    def install(self, source=None, text=None):
        """Puts another file in the binary's place, as a package manager does."""
        new = self.binary + ".new"
        if text is None:
            shutil.copy(source or self.installed.binary, new)
        else:
            with open(new, "w") as file:
                file.write(text)
            os.chmod(new, 0o755)
        give_away(new)
        os.rename(new, self.binary)

    def executed(self):
        return os.stat(f"/proc/{self.pid}/exe").st_ino

    def ask(self, verb):
        return self.installed.run(verb, "--control", f"{self.address}.control", within=60)

    def upgrade(self):
        self.install()
        new = os.stat(self.binary).st_ino
        asked = self.ask("upgrade")
        assert (asked.returncode, asked.stderr) == (0, "")
        assert self.executed() == new
        return asked.stdout


def is_sanitized(binary: Path) -> bool:
    content = binary.read_bytes()
    return b"__asan_init" in content or b"__tsan_init" in content


def is_thread_sanitized(binary: Path) -> bool:
    return b"__tsan_init" in binary.read_bytes()


def find_binary() -> Path:
    named = os.environ.get("APPD_BINARY")
    if not named:
        raise RuntimeError("APPD_BINARY must name the appd binary to test (ctest sets it)")
    return Path(named).resolve(strict=True)


def peer_of(path) -> socket.socket:
    """A listening socket of another program at `path`."""
    other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    other.bind(str(path))
    other.listen()
    return other
