"""Networks that a test makes itself: namespaces of the kernel, joined by a bridge. They end with the test."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _open_own() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Namespace:
    """A network without links, except for lo. It has no name and lives while this object, or a process in it, does."""

    def __init__(self):
        home = _open_own()
        try:
            _checked(_libc.unshare(CLONE_NEWNET))
            self._fd = _open_own()
        finally:
            _checked(_libc.setns(home, CLONE_NEWNET))
            os.close(home)
        self.run("ip", "link", "set", "lo", "up")

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes, and processes that it starts, belong to this network."""
        home = _open_own()
        _checked(_libc.setns(self._fd, CLONE_NEWNET))
        try:
            yield
        finally:
            _checked(_libc.setns(home, CLONE_NEWNET))
            os.close(home)

    def run(self, *command):
        with self.entered():
            subprocess.run(command, check=True, timeout=10)

    @property
    def path(self) -> str:
        """Names it for `ip`."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def close(self):
        os.close(self._fd)


class Lan:
    """A switch in a namespace of its own. Each member has an interface eth0."""

    def __init__(self):
        self._switch = Namespace()
        self._members = []
        self._switch.run("ip", "link", "add", "lan", "type", "bridge")
        self._switch.run("ip", "link", "set", "lan", "up")

    def join(self, name, address) -> Namespace:
        """A new member. `name` is its port of the switch, `address` has a prefix."""
        member = Namespace()
        self._members.append(member)
        self._switch.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", member.path)
        self._switch.run("ip", "link", "set", name, "master", "lan", "up")
        member.run("ip", "address", "add", address, "dev", "eth0")
        member.run("ip", "link", "set", "eth0", "up")
        return member

    def pull(self, name):
        """Pulls the plug of a member."""
        self._switch.run("ip", "link", "set", name, "down")

    def plug(self, name):
        self._switch.run("ip", "link", "set", name, "up")

    def close(self):
        for each in [*self._members, self._switch]:
            each.close()
