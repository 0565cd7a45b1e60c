"""What the clients of wire.py have in common: connections, the variables of a request, CGI responses."""

import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass

TIMEOUT = 60.0
BLOCK = 1 << 18

# A path, "@name" for the abstract namespace, or (host, port), or (host, port, own address).
Address = str | tuple
Body = bytes | Iterable[bytes]


def connect(address: Address, timeout: float = TIMEOUT) -> socket.socket:
    if isinstance(address, tuple):
        host, port, *own = address
        return socket.create_connection((host, port), timeout, (own[0], 0) if own else None)
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(timeout)
    peer.connect("\0" + address[1:] if address.startswith("@") else address)
    return peer


@dataclass
class Response:
    """A CGI response as received, and how it ended."""

    status: int
    reason: str
    fields: list  # (name, value) in order, latin-1
    body: bytes
    complete: bool = True  # with FastCGI: END_REQUEST came; else: all bytes of Content-Length came, if announced
    errors: bytes = b""  # FastCGI STDERR

    def field(self, name: str):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name: str) -> list:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)


def parse_response(raw: bytes, complete=None, errors: bytes = b"", method="GET") -> Response:
    """Splits head and body. Without `complete`, the body's length decides. Raises ValueError if `raw` has no
    complete head."""
    head, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        raise ValueError(f"no complete head in {raw[:200]!r}")
    lines = head.decode("latin-1").split("\r\n")
    status_line = None
    if lines[0].startswith("HTTP/"):
        status_line = lines.pop(0).split(" ", 1)[1]
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"head line without colon: {line!r}")
        if name.lower() == "status":
            if status_line is not None:
                raise ValueError(f"two statuses in {head!r}")
            status_line = value.strip()
        else:
            fields.append((name, value.strip()))
    if status_line is None:
        raise ValueError(f"no status in {head!r}")
    code, _, reason = status_line.partition(" ")
    response = Response(int(code), reason, fields, body, True, errors)
    if complete is None:
        announced = None if method == "HEAD" or response.status == 304 else response.field("Content-Length")
        complete = announced is None or len(body) == int(announced)
    response.complete = complete
    return response


def variables(method="GET", path="/", query="", length=None, headers=(), extra=()) -> list:
    """CGI variables as nginx's stock parameter files name them. An `extra` of None removes one."""
    found = {
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "" if length is None else str(length),
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "REQUEST_URI": path + ("?" + query if query else ""),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "40000",
        "SERVER_NAME": "example.test",
        "SERVER_PORT": "80",
        "HTTP_HOST": "example.test",
    }
    pairs = list(found.items())
    for name, value in headers:
        pairs.append(("HTTP_" + name.upper().replace("-", "_"), value))
    extra = list(extra)
    replaced = {name for name, _ in extra}
    pairs = [(name, value) for name, value in pairs if name not in replaced]
    return pairs + [(name, value) for name, value in extra if value is not None]


def as_bytes(text) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("latin-1")


def blocks(body: Body):
    if isinstance(body, bytes):
        return [body[at : at + BLOCK] for at in range(0, len(body), BLOCK)]
    return body


class Connection:
    """A connected socket with exact reads."""

    def __init__(self, address: Address, timeout: float = TIMEOUT):
        self.socket = connect(address, timeout)
        self.pending = b""
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data: bytes):
        self.socket.sendall(data)

    def send_body(self, body: Body):
        """Sends everything, or as much as the other side takes before it hangs up."""
        try:
            for block in blocks(body):
                self._send_block(block)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _send_block(self, block: bytes):
        self.send(block)

    def read_some(self) -> bytes:
        """Available bytes, at least one; b"" at the end or after a reset."""
        if self.pending:
            data, self.pending = self.pending, b""
            return data
        try:
            return self.socket.recv(1 << 18)
        except ConnectionResetError:
            self.was_reset = True
            return b""

    def read_exactly(self, size: int) -> bytes:
        """`size` bytes, or fewer if the connection ends before."""
        parts = []
        while size > 0:
            data = self.read_some()
            if not data:
                break
            data, self.pending = data[:size], data[size:]
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def read_to_end(self) -> bytes:
        parts = []
        while data := self.read_some():
            parts.append(data)
        return b"".join(parts)

    def closed_by_peer(self, within: float = TIMEOUT) -> bool:
        """True if the other side closes without sending anything more."""
        self.socket.settimeout(within)
        try:
            return self.read_some() == b""
        except TimeoutError:
            return False
