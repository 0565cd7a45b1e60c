"""Runs the services of a Compose file as a container runtime does: a root of its own, namespaces, and no rights."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import yaml

from containerfile import ENTER, NAMESPACES, Builder, Image, seconds
from processes import Process, children

SERVICE_KEYS = {"build", "read_only", "tmpfs", "cap_drop", "security_opt", "volumes", "restart", "cpus",
                "stop_grace_period", "depends_on", "ports"}
# What a runtime gives a tmpfs.
TMPFS_OPTIONS = "nosuid,nodev,noexec,mode=1777"


class Compose:
    """The images of a Compose file, and folders for its volumes."""

    def __init__(self, file: Path, bases: Path, work: Path):
        read = yaml.safe_load(file.read_text())
        assert {key for key in read if not key.startswith("x-")} == {"services", "volumes"}
        self.services = read["services"]
        self._volumes = {name: work / f"volume-{name}" for name in read["volumes"]}
        self.images = {}
        for name, service in self.services.items():
            assert set(service) <= SERVICE_KEYS, name
            (work / name).mkdir()
            context = file.parent / service["build"]["context"]
            text = (context / service["build"]["dockerfile"]).read_text()
            self.images[name] = Builder(context, bases, work / name).obey(text)

    def new_volumes(self):
        for folder in self._volumes.values():
            shutil.rmtree(folder, ignore_errors=True)

    def volume(self, name, path, image: Image) -> Path:
        """A new one becomes what the image has at its place."""
        folder, found = self._volumes[name], image.root / path.lstrip("/")
        if not folder.exists():
            found.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", found, folder], check=True)
        return folder

    def mounts(self, name) -> list:
        """Arguments of mount, with the target's path in the root."""
        service = self.services[name]
        found = []
        for each in service.get("tmpfs", []):
            path, _, options = each.partition(":")
            found.append(f"-t tmpfs -o {TMPFS_OPTIONS},{options or 'rw'} tmpfs {path}")
        for each in service.get("volumes", []):
            volume, path = each.split(":")
            found.append(f"--bind {self.volume(volume, path, self.images[name])} {path}")
        if service.get("read_only"):
            found.append("-o remount,bind,ro /")
        return found

    def rights(self, name) -> list:
        """Arguments of setpriv."""
        service, image = self.services[name], self.images[name]
        found = [f"--reuid={image.user}", f"--regid={image.group}", "--clear-groups"]
        if service.get("cap_drop") == ["ALL"]:
            found += ["--bounding-set=-all", "--inh-caps=-all"]
        if "no-new-privileges:true" in service.get("security_opt", []):
            found.append("--no-new-privs")
        return found


class Container(Process):
    """A service that runs. Its command is process 1."""

    def __init__(self, compose: Compose, name, logs: Path):
        self.image = compose.images[name]
        self._rights = compose.rights(name)
        self.stop_signal = signal.Signals[self.image.stop_signal]
        self.stop_within = seconds(compose.services[name]["stop_grace_period"])
        super().__init__(name, [*NAMESPACES, "--net", "--ipc", "--uts", ENTER, "container", self.image.root,
                                *compose.mounts(name), "--", *self._with_rights(self.image.command)],
                         logs, cwd=logs, as_root=True)
        self.wait_ready(self._is_executed)
        (self.init,) = children(self.pid)

    def _with_rights(self, words) -> list:
        return self.image.in_folder(["setpriv", *self._rights, *words])

    def _is_executed(self) -> bool:
        """Whether the command has taken the place of what prepares its root."""
        programs = [os.path.realpath(f"/proc/{each}/exe") for each in children(self.pid)]
        return [Path(each).name for each in programs] == [Path(self.image.command[0]).name]

    def run(self, *words) -> subprocess.CompletedProcess:
        """Runs another command in this container, with the same rights."""
        inside = ("nsenter", "-t", str(self.init), "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd")
        return subprocess.run([*inside, *self._with_rights(words)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def health(self) -> int:
        """The exit code of the health check: 0 if healthy. One that takes longer than it may is ended."""
        check = self.image.health_check
        return self.run("timeout", "-s", "KILL", str(check.timeout), *check.command).returncode

    def wait_healthy(self):
        self.wait_ready(lambda: self.health() == 0)

    def send_signal(self, number):
        """To process 1, as a runtime does: what it does not handle has no effect."""
        os.kill(self.init, number)

    def everything(self) -> str:
        return self.output() + self.log()
