"""A stream of 100 blocks of 1,000 bytes, without a Content-Length.

With BENCH_PROGRESS the application also notes how prompt the server is. The variable names a file of two
numbers that a client shares: it counts in the first one the blocks that have reached it. When block i + 2
is asked for, block i must have reached the client; where it has not within DEADLINE, the stream is counted
as late in the second number, which is the application's.
"""

import mmap
import os
import struct
import time

BLOCKS = 100
BLOCK = b"x" * 999 + b"\n"
HEADERS = [("Content-Type", "text/plain")]
DEADLINE = 1.0


class Progress:
    """The shared file: blocks of the running stream that the client has, streams that were late."""

    FORMAT = struct.Struct("=QQ")

    def __init__(self, path):
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), self.FORMAT.size)

    def received(self) -> int:
        return self.FORMAT.unpack(self._map)[0]

    def late(self) -> int:
        return self.FORMAT.unpack(self._map)[1]

    def note_received(self, count):
        struct.pack_into("=Q", self._map, 0, count)

    def note_late(self):
        struct.pack_into("=Q", self._map, 8, self.late() + 1)

    def wait_received(self, count) -> bool:
        end = time.monotonic() + DEADLINE
        while self.received() < count:
            if time.monotonic() > end:
                return False
            time.sleep(0.0002)
        return True


def watched_blocks(progress):
    late = False
    for number in range(BLOCKS):
        if number >= 2 and not late and not progress.wait_received(number - 1):
            late = True
            progress.note_late()
        yield BLOCK


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    path = os.environ.get("BENCH_PROGRESS")
    return watched_blocks(Progress(path)) if path else (BLOCK for _ in range(BLOCKS))
