"""What a server makes of the bytes of an HTTP client, to be compared with what another makes of them."""

import json
import re
import socket
from dataclasses import dataclass

from wire import Address

LONGEST = 60.0
_HEAD = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")


@dataclass(frozen=True)
class Answer:
    """`arrived`: the request as the application has seen it, or "" where the server has answered itself."""

    status: int
    arrived: str = ""

    def __str__(self):
        return f"{self.status} {self.arrived}".rstrip()

    def part(self, name):
        return json.loads(self.arrived)[name]


NOTHING = Answer(0)  # the connection is over: no answer at this place
NO_HEAD = Answer(-1)  # bytes that are no response with a head (HTTP/0.9)
RESET = Answer(-2)


def outcome(address: Address, data: bytes) -> list:
    """The answers to `data` until the server closes the connection, which it does some time."""
    with socket.create_connection(address, LONGEST) as connection:
        received, was_reset = bytearray(), False
        try:
            connection.sendall(data)
            while part := connection.recv(1 << 16):
                received += part
        except (BrokenPipeError, ConnectionResetError):
            was_reset = True
    return _answers(bytes(received)) + [RESET] * was_reset


def _answers(received: bytes) -> list:
    found = []
    while received:
        head = _HEAD.match(received)
        if not head:
            return [*found, NO_HEAD]
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(b":") for line in head[2].split(b"\r\n"))}
        status = int(head[1])
        received = received[head.end():]
        if status == 100:
            continue
        record = fields.get(b"x-record", b"").decode()
        is_head = record and json.loads(record)["method"] == "HEAD"
        if not is_head and status not in (204, 304):
            received = received[int(fields[b"content-length"]):]
        found.append(Answer(status, record))
    return found


def first_difference(ours: list, theirs: list):
    """(our answer, their answer) at the first place where they are not the same; None if they all are."""
    for place in range(max(len(ours), len(theirs))):
        pair = tuple(each[place] if place < len(each) else NOTHING for each in (ours, theirs))
        if pair[0] != pair[1]:
            return pair
    return None
