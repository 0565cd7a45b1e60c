"""A stand-in for systemd that receives sd_notify messages."""

import socket
import time

from processes import give_away, wait_until


class Manager:
    """The notify socket of a service with Type=notify."""

    def __init__(self, place):
        self.path = place / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        give_away(self.path)
        self.told = []

    def environment(self, watchdog=None) -> dict:
        return {"NOTIFY_SOCKET": self.path, **({"WATCHDOG_USEC": int(watchdog * 1e6)} if watchdog else {})}

    def listen(self, within):
        """The next message; None if none came."""
        self.socket.settimeout(within)
        try:
            self.told.append(self.socket.recv(4096).decode())
        except TimeoutError:
            return None
        return self.told[-1]

    def wait(self, part):
        """The first message from now on that contains this."""
        found = wait_until(lambda: (told := self.listen(1)) and part in told and told, f"{part!r} among {self.told}")
        return found

    def is_told_within(self, part, seconds) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if part in (self.listen(left) or ""):
                return True
        return False
