"""Clients that speak FastCGI, uwsgi and SCGI to appd as a front does, byte by byte.

`call` makes one request over a given wire. `FastCgi`, `Uwsgi` and `Scgi` are the connections that it uses,
also for tests that make records themselves.
"""

import json
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

WIRES = ("fastcgi", "uwsgi", "scgi")
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


def _bytes(text) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("latin-1")


def _blocks(body: Body):
    if isinstance(body, bytes):
        return [body[at : at + BLOCK] for at in range(0, len(body), BLOCK)]
    return body


class Connection:
    """A connected socket with exact reads."""

    def __init__(self, address: Address, timeout: float = TIMEOUT):
        self.socket = connect(address, timeout)
        self.pending = b""

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
            for block in _blocks(body):
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


# FastCGI 1.0, section 8
BEGIN_REQUEST = 1
ABORT_REQUEST = 2
END_REQUEST = 3
PARAMS = 4
STDIN = 5
STDOUT = 6
STDERR = 7
DATA = 8
GET_VALUES = 9
GET_VALUES_RESULT = 10
UNKNOWN_TYPE = 11
RESPONDER = 1
AUTHORIZER = 2
FILTER = 3
KEEP_CONN = 1
REQUEST_COMPLETE = 0
CANT_MPX_CONN = 1
OVERLOADED = 2
UNKNOWN_ROLE = 3
MAX_CONTENT = 65535


def record(kind: int, request_id: int, content: bytes = b"", padding: int = 0, version: int = 1) -> bytes:
    head = struct.pack("!BBHHBB", version, kind, request_id, len(content), padding, 0)
    return head + content + bytes(padding)


def pair(name, value) -> bytes:
    def length(text: bytes) -> bytes:
        return bytes([len(text)]) if len(text) < 128 else struct.pack("!I", len(text) | 1 << 31)

    name, value = _bytes(name), _bytes(value)
    return length(name) + length(value) + name + value


def pairs(named: Iterable) -> bytes:
    return b"".join(pair(name, value) for name, value in named)


def parse_pairs(content: bytes) -> dict:
    found, at = {}, 0
    while at < len(content):
        sizes = []
        for _ in range(2):
            size = content[at]
            at += 1
            if size & 0x80:
                size = (size & 0x7F) << 24 | int.from_bytes(content[at : at + 3], "big")
                at += 3
            sizes.append(size)
        name = content[at : at + sizes[0]]
        found[name.decode()] = content[at + sizes[0] : at + sum(sizes)].decode()
        at += sum(sizes)
    return found


@dataclass
class Record:
    version: int
    kind: int
    request_id: int
    content: bytes


@dataclass
class _Request:
    out: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    out_ended: bool = False
    end: bytes = None


class FastCgi(Connection):
    """A FastCGI connection: several requests at once, whole or record by record."""

    def __init__(self, address: Address, timeout: float = TIMEOUT):
        super().__init__(address, timeout)
        self._requests = {}

    def send_record(self, kind, request_id, content=b"", padding=0, version=1):
        self.send(record(kind, request_id, content, padding, version))

    def expect(self, request_id=1):
        """Prepares for the response to a request that a test sends itself."""
        self._requests[request_id] = _Request()

    def begin(self, request_id=1, keep=True, role=RESPONDER):
        self.expect(request_id)
        flags = KEEP_CONN if keep else 0
        self.send_record(BEGIN_REQUEST, request_id, struct.pack("!HB5x", role, flags))

    def params(self, named, request_id=1):
        """Sends all variables in full records, then the stream's end."""
        content = pairs(named)
        for at in range(0, len(content), MAX_CONTENT):
            self.send_record(PARAMS, request_id, content[at : at + MAX_CONTENT])
        self.send_record(PARAMS, request_id)

    def stdin(self, body: Body, request_id=1, end=True):
        try:
            for block in _blocks(body):
                for at in range(0, len(block), 32768):
                    self.send_record(STDIN, request_id, block[at : at + 32768])
            if end:
                self.send_record(STDIN, request_id)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def abort(self, request_id=1):
        self.send_record(ABORT_REQUEST, request_id)

    def read_record(self):
        """The next record; None at the connection's end, even within a record."""
        head = self.read_exactly(8)
        if len(head) < 8:
            return None
        version, kind, request_id, size, padding, _ = struct.unpack("!BBHHBB", head)
        content = self.read_exactly(size)
        rest = self.read_exactly(padding)
        if len(content) < size or len(rest) < padding:
            return None
        return Record(version, kind, request_id, content)

    def read_response(self, method="GET", request_id=1) -> Response:
        """The response to one request. Records for others are kept for them."""
        request = self._requests[request_id]
        while request.end is None and self._take_record():
            pass
        del self._requests[request_id]
        out, errors = b"".join(request.out), b"".join(request.errors)
        return parse_response(out, request.end is not None and request.out_ended, errors)

    def read_end(self, request_id=1) -> tuple:
        """(appStatus, protocolStatus) of a request that gets no response."""
        request = self._requests.pop(request_id)
        while request.end is None:
            self._requests[request_id] = request
            assert self._take_record(), "the connection ended before END_REQUEST"
        self._requests.pop(request_id)
        return struct.unpack("!IB3x", request.end)

    def _take_record(self) -> bool:
        got = self.read_record()
        if got is None or got.version != 1:
            return False
        request = self._requests.get(got.request_id)
        assert request is not None, f"record {got} for a request that is not open"
        assert request.end is None, f"record {got} after END_REQUEST"
        if got.kind == STDOUT:
            assert not request.out_ended, "STDOUT after its end"
            request.out.append(got.content)
            request.out_ended = not got.content
            assert request.out != [b""], "an empty STDOUT before the head"
        elif got.kind == STDERR:
            request.errors.append(got.content)
        elif got.kind == END_REQUEST:
            request.end = got.content
        else:
            raise AssertionError(f"unexpected record {got}")
        return True

    def request(self, named, body: Body = b"", request_id=1, keep=True) -> Response:
        self.begin(request_id, keep)
        self.params(named, request_id)
        self.stdin(body, request_id)
        return self.read_response(request_id=request_id)


def uwsgi_packet(named, modifier1=0, modifier2=0) -> bytes:
    block = b"".join(
        struct.pack("<H", len(name)) + name + struct.pack("<H", len(value)) + value
        for name, value in ((_bytes(name), _bytes(value)) for name, value in named)
    )
    return struct.pack("<BHB", modifier1, len(block), modifier2) + block


class Uwsgi(Connection):
    def request(self, named, body: Body = b"") -> Response:
        self.send(uwsgi_packet(named))
        self.send_body(body)
        return self.read_response()

    def read_response(self, method="GET") -> Response:
        return parse_response(self.read_to_end(), method=method)


def scgi_packet(named) -> bytes:
    named = [(_bytes(name), _bytes(value)) for name, value in named]
    length = dict(named).get(b"CONTENT_LENGTH") or b"0"
    rest = [(name, value) for name, value in named if name != b"CONTENT_LENGTH"]
    ordered = [(b"CONTENT_LENGTH", length), (b"SCGI", b"1")] + rest
    block = b"".join(name + b"\0" + value + b"\0" for name, value in ordered)
    return b"%d:%s," % (len(block), block)


class Scgi(Connection):
    def request(self, named, body: Body = b"") -> Response:
        self.send(scgi_packet(named))
        self.send_body(body)
        return self.read_response()

    def read_response(self, method="GET") -> Response:
        return parse_response(self.read_to_end(), method=method)


CLIENTS = {"fastcgi": FastCgi, "uwsgi": Uwsgi, "scgi": Scgi}


def begin(wire: str, address: Address, named, body: Body = b"", end_body=True, timeout=TIMEOUT):
    """Sends a request. Returns the connection, whose `read_response` reads the response later."""
    connection = CLIENTS[wire](address, timeout)
    if wire == "fastcgi":
        connection.begin(1, keep=False)
        connection.params(named)
        connection.stdin(body, end=end_body)
    else:
        connection.send(uwsgi_packet(named) if wire == "uwsgi" else scgi_packet(named))
        connection.send_body(body)
    return connection


def call(wire: str, address: Address, path="/", *, method=None, query="", headers=(), extra=(),
         body: Body = b"", length=None, timeout=TIMEOUT) -> Response:
    """One request over its own connection. `length` is needed if the body is not bytes."""
    if length is None and isinstance(body, bytes) and (body or method in ("POST", "PUT")):
        length = len(body)
    if method is None:
        method = "GET" if length is None else "POST"
    named = variables(method, path, query, length, headers, extra)
    with begin(wire, address, named, body, timeout=timeout) as connection:
        return connection.read_response(method)
