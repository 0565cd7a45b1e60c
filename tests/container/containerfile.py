"""Obeys a Containerfile: makes a folder with the root of its image, and says what runs in it.

It knows the instructions and forms that those of deploy/container have; anything else is an error. The images that
they begin with are folders too. RUN works in the namespaces of tests/roots/enter, so this needs root.
"""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ENTER = Path(__file__).resolve().parents[1] / "roots" / "enter"
NAMESPACES = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
LINE = re.compile(r"(?P<word>[A-Z]+)\s+(?P<rest>.+)")
OPTION = re.compile(r"--([a-z-]+)=(\S+)\s+")
SECONDS = {"s": 1, "m": 60}
# That of python's image. nginx's has the same in another order.
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


class Mistake(Exception):
    """Of a Containerfile: what is wrong, or unknown here."""


@dataclass
class HealthCheck:
    command: list
    timeout: int  # seconds


@dataclass
class Image:
    root: Path
    folder: str = "/"
    user: int = 0
    group: int = 0
    entrypoint: list = field(default_factory=list)
    arguments: list = field(default_factory=list)
    health_check: HealthCheck | None = None
    stop_signal: str = "SIGTERM"
    ports: list = field(default_factory=list)

    @property
    def command(self) -> list:
        return [*self.entrypoint, *self.arguments]

    def in_folder(self, words) -> list:
        """The command that runs another in the image's folder and environment. A user without a name has no home."""
        return ["env", "-i", "-C", self.folder, f"PATH={PATH}", f"HOME={'/' if self.user else '/root'}", *words]


def instructions(text: str) -> list:
    """Each with its word and what follows, without comments and with the lines joined that belong together."""
    kept = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", "", kept).splitlines()
    found = [LINE.fullmatch(line.strip()) for line in lines]
    if None in found:
        raise Mistake(f"no instruction: {lines[found.index(None)]}")
    return [(each["word"], each["rest"]) for each in found]


def split_options(rest: str, known: set) -> tuple:
    """Options by name, and what follows them."""
    options = {}
    while found := OPTION.match(rest):
        options[found[1]] = found[2]
        rest = rest[found.end():]
    if rest.startswith("--") or set(options) - known:
        raise Mistake(f"unknown option: {sorted(set(options) - known) or rest}")
    return options, rest


def command_of(rest: str) -> list:
    """The words of a command in brackets; else the shell that it needs."""
    return json.loads(rest) if rest.startswith("[") else ["/bin/sh", "-c", rest]


def seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


class Builder:
    """Obeys the instructions of one file, each with the method of its name."""

    def __init__(self, context: Path, bases: Path, work: Path):
        self._context = context
        self._bases = bases
        self._work = work
        self._stages = {}
        self.image = None

    def obey(self, text: str) -> Image:
        for word, rest in instructions(text):
            method = getattr(self, f"_{word.lower()}", None)
            if not method or (self.image is None and word != "FROM"):
                raise Mistake(f"not known here: {word} {rest}")
            method(rest)
        return self.image

    def _from(self, rest):
        name, _, stage = rest.partition(" AS ")
        root = self._work / f"stage-{len(self._stages)}"
        subprocess.run(["cp", "-a", "--reflink=auto", self._bases / name, root], check=True)
        self.image = self._stages[stage or len(self._stages)] = Image(root)

    def _run(self, rest):
        if self.image.user:
            raise Mistake(f"not known here: RUN {rest} after USER")
        words = self.image.in_folder(command_of(rest))
        ended = subprocess.run([*NAMESPACES, ENTER, "build", self.image.root, *words], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
        if ended.returncode:
            raise Mistake(f"RUN {rest} ended with {ended.returncode}:\n{ended.stdout}")

    def _copy(self, rest):
        options, rest = split_options(rest, {"from"})
        source_root = self._stages[options["from"]].root if options else self._context
        *sources, target = shlex.split(rest)
        if not target.endswith("/"):
            raise Mistake(f"not known here: COPY to {target}, which is no folder")
        folder = self._inside(target)
        folder.mkdir(parents=True, exist_ok=True)
        for source in [source_root / each.lstrip("/") for each in sources]:
            if source.is_dir():
                shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(source, folder)

    def _workdir(self, rest):
        self.image.folder = rest
        self._inside(rest).mkdir(parents=True, exist_ok=True)

    def _user(self, rest):
        """A number without a group has the group of root."""
        user, _, group = rest.partition(":")
        self.image.user, self.image.group = int(user), int(group or 0)

    def _expose(self, rest):
        self.image.ports += map(int, rest.split())

    def _stopsignal(self, rest):
        self.image.stop_signal = rest

    def _healthcheck(self, rest):
        options, rest = split_options(rest, {"interval", "timeout", "start-period"})
        word, rest = rest.split(None, 1)
        if word != "CMD":
            raise Mistake(f"not known here: HEALTHCHECK {word}")
        self.image.health_check = HealthCheck(command_of(rest), seconds(options["timeout"]))

    def _entrypoint(self, rest):
        self.image.entrypoint, self.image.arguments = command_of(rest), []

    def _cmd(self, rest):
        self.image.arguments = command_of(rest)

    def _inside(self, path: str) -> Path:
        return self.image.root / str(Path(self.image.folder, path)).lstrip("/")
