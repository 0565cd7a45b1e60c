"""A shell on a terminal of its own: what its user types, and what it writes."""

import os
import pty
import select
import time

DEADLINE = 30


class Terminal:
    def __init__(self, command: list, folder, environment: dict):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)

    def type(self, keys: str, until: str) -> str:
        """What is written from now on, up to the text `until`."""
        os.write(self.terminal, keys.encode())
        written, end = "", time.monotonic() + DEADLINE
        while until not in written:
            readable, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert readable, f"no {until!r} in {written!r}"
            written += os.read(self.terminal, 65536).decode(errors="replace")
        return written.partition(until)[0]

    def close(self):
        """The shell gets a SIGHUP."""
        os.close(self.terminal)
        os.waitpid(self.pid, 0)
