"""The temporary folder with all that takes part.

An unprivileged user can read it. It has the binaries, the applications, and what these need."""

import resource
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness import BENCH, ROOT
from processes import Place, clean_environment, give_away, unprivileged

PYTHON = "/usr/bin/python3"
DESCRIPTORS = 20_000  # scenario 18 needs 10,000 in a worker, and as many in the load generator
PIP_WITHIN = 60.0
FILE_SIZES = {"64k": 1 << 16, "1m": 1 << 20}


@dataclass(frozen=True)
class Application:
    """What the servers are to run, and how its response is recognised.

    `prepare`: makes what it needs, given the stage, and returns the environment that names it."""

    module: str
    path: str = "/"
    contains: bytes = b""
    length: int | None = None  # of the response's body; None takes that of the first response
    body: int = 0  # bytes to send
    prepare: Callable | None = None

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


class Stage:
    """The folder; made once for a run of the bench."""

    def __init__(self, binary: Path, load: Path, floor: Path):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        soft = DESCRIPTORS if limit == resource.RLIM_INFINITY else min(DESCRIPTORS, limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limit))
        self.place = Place()
        self.place.path.chmod(0o755)
        self.appd = self.place.copy(binary, "appd")
        self.place.copy(binary.parent / "libexec", "libexec")
        self.floor = self.place.copy(floor, "appd_floor")
        self.load = load
        self.apps = self.place.copy(BENCH / "apps", "apps")
        self.place.copy(ROOT / "tests" / "apps" / "django_site", "apps/django_site")
        self.configs = self.place.copy(ROOT / "configs", "configs")
        self.left_out = set()  # names of contenders that cannot take part
        self._environments = {}
        self._from_pip = {}  # folders by package

    def environment(self, application: Application) -> dict:
        """What `application` finds in its environment; prepared at the first call."""
        if application.prepare is None:
            return {}
        if application not in self._environments:
            self._environments[application] = application.prepare(self)
        return self._environments[application]

    def from_pip(self, package):
        """The folder with a package as pip gets it, or None where it cannot be had."""
        if package not in self._from_pip:
            self._from_pip[package] = self._install(package)
        return self._from_pip[package]

    def installed_by_pip(self) -> list:
        """(package, folder) of all that `from_pip` has got."""
        return [(package, folder) for package, folder in self._from_pip.items() if folder]

    def _install(self, package):
        tools, target = self.place / "pip", self.place / package
        try:
            if not tools.exists():
                subprocess.run([PYTHON, "-m", "venv", tools], check=True, capture_output=True, timeout=PIP_WITHIN)
            subprocess.run([tools / "bin" / "pip", "install", "--quiet", "--retries", "0", "--timeout", "10",
                            "--target", target, package], check=True, capture_output=True, timeout=PIP_WITHIN)
        except (subprocess.SubprocessError, OSError):
            return None
        give_away(target)
        return target

    @cached_property
    def files(self) -> Path:
        """A folder called static, with a file of each size."""
        folder = self.place.folder("static")
        for name, size in FILE_SIZES.items():
            self.place.write(f"static/{name}", bytes(range(256)) * (size // 256))
        return folder

    def remove(self):
        self.place.remove()


def fill_library(stage: Stage) -> dict:
    """The database of the sample Django project."""
    environment = {"DJANGO_DB": stage.place / "library.sqlite3", "PYTHONPATH": stage.apps}
    subprocess.run([PYTHON, stage.apps / "fill_library.py"], env=clean_environment(environment), check=True,
                   capture_output=True, timeout=120, **unprivileged())
    return {"DJANGO_DB": environment["DJANGO_DB"]}


def share_progress(stage: Stage) -> dict:
    """The numbers that a client and the streaming application share. Until the client says otherwise, all
    blocks have reached it."""
    return {"BENCH_PROGRESS": stage.place.write("progress", struct.pack("=QQ", 1 << 32, 0))}
