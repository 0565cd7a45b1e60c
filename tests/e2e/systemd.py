"""A real systemd as process 1 of its own namespaces, on a throw-away copy of the machine's folders.

What tests do there stays there: /etc, /srv, /usr/local and /var/lib are overlays, /run and /tmp are empty
file systems in memory, and the network is a loopback device that is down. Everything ends with process 1.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from processes import Process, children, wait_until

INIT = Path("/lib/systemd/systemd")
NAMESPACES = ["--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
# The targets by which the units under test, and all units by default, are ordered.
TARGETS = ["basic", "multi-user", "network", "shutdown", "sockets", "sysinit"]

# $1 is the binary, $2 is deploy/, $3 is a cgroup for all processes
SETUP = """
set -e
echo $$ >"$3/cgroup.procs"
exec unshare %s --fork --kill-child --mount-proc sh -ec '
  mount -t tmpfs -o mode=755 tmpfs /run
  for each in etc srv usr/local var/lib; do
    mkdir -p /run/scratch/$each/upper /run/scratch/$each/work
    mount -t overlay -o lowerdir=/$each,upperdir=/run/scratch/$each/upper,workdir=/run/scratch/$each/work overlay /$each
  done
  install -D -m 755 "$1" /usr/local/bin/appd
  mkdir -p /usr/local/libexec
  cp -r "$(dirname "$1")/libexec" /usr/local/libexec/appd
  cp -r "$2" /srv/deploy
  for each in /etc/systemd/system /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs $each; done
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p /run/systemd/system /run/generators
  for each in %s; do echo "[Unit]\nDefaultDependencies=no" >/run/systemd/system/$each.target; done
  exec env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin container=test SYSTEMD_GENERATOR_PATH=/run/generators \\
    SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system \\
    %s --system --unit=multi-user.target --log-target=console --show-status=no
' sh "$1" "$2"
""" % (" ".join(NAMESPACES), " ".join(TARGETS), INIT)


def cgroup() -> Path | None:
    """This process's cgroup in the unified hierarchy; None if there is no such hierarchy."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 "):
            (path,) = (line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
            return Path(fields.split()[4] + path)
    return None


def why_not() -> str:
    """Why no systemd can be started here; "" if it can."""
    if os.geteuid() != 0:
        return "only root can make namespaces with a systemd in them"
    if not INIT.exists():
        return f"there is no {INIT}"
    if cgroup() is None:
        return "there is no unified cgroup hierarchy"
    tried = subprocess.run(["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True)
    return tried.stderr.strip()


class Systemd(Process):
    """A machine that has booted, with appd in /usr/local/bin and deploy/ in /srv."""

    stop_signal = signal.SIGKILL  # unshare's; process 1 and all others of the namespace end with it

    def __init__(self, place, binary, deploy):
        self.cgroup = cgroup() / place.path.name
        self.cgroup.mkdir()
        command = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", SETUP, "sh", binary, deploy, self.cgroup]
        super().__init__("systemd", command, place, as_root=True)
        try:
            self.wait_ready(lambda: self.init and self.run("systemctl is-active multi-user.target").returncode == 0)
        except AssertionError:
            self._remove_cgroup()
            raise

    @property
    def init(self):
        """The pid of process 1, once that is systemd."""
        for pid in children(self.pid):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe").endswith("/systemd"):
                    return pid
        return None

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self.init}/root")

    def path(self, inside) -> str:
        """The path of a file, or socket, as seen from outside."""
        return f"{self.root}{inside}"

    def run(self, script) -> subprocess.CompletedProcess:
        """Runs shell commands there as root, in /srv. They stop at the first that fails."""
        return subprocess.run(["nsenter", "-t", str(self.init), "--all", "--wd=/", "sh", "-ec", f"cd /srv; {script}"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={"PATH": "/usr/local/bin:/usr/bin:/usr/sbin",
                                   "SYSTEMD_UNIT_PATH": "/etc/systemd/system:/run/systemd/system"})

    def do(self, script) -> str:
        """The same, but they must succeed. Returns the output."""
        ended = self.run(script)
        assert ended.returncode == 0, f"{script}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def write(self, path, text):
        self.do(f"mkdir -p {Path(path).parent}; cat >{path} <<'END'\n{text}\nEND\n")

    def show(self, unit, what) -> str:
        return self.do(f"systemctl show --value --property={what} {unit}").strip()

    def stop(self):
        super().stop()
        self._remove_cgroup()

    def _remove_cgroup(self):
        wait_until(lambda: not self._processes(), "all processes of the machine have ended")
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            os.rmdir(folder)

    def _processes(self) -> list:
        return [line for file in self.cgroup.rglob("cgroup.procs") for line in file.read_text().split()]
