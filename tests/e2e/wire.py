"""Clients that speak FastCGI, uwsgi and SCGI to appd as a front does, and HTTP as a browser does, byte by byte.

`call` makes one request over a given wire. `FastCgi`, `Uwsgi`, `Scgi` and `Http` are the connections that it uses,
also for tests that make records themselves.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from http_wire import Http, http_head
from wire_base import TIMEOUT, Address, Body, Connection, Response, as_bytes, blocks, parse_response, variables
from wire_base import connect  # noqa: F401 (for tests)

WIRES = ("fastcgi", "uwsgi", "scgi")  # of fronts
ALL_WIRES = (*WIRES, "http")  # HTTP clients have their own socket, beside that of the fronts: see http_address()


def http_address(address: str) -> str:
    """The socket for HTTP of the server whose fronts use `address`."""
    return f"{address}.http"


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

    name, value = as_bytes(name), as_bytes(value)
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
                size = (size & 0x7F) << 24 | int.fromas_bytes(content[at : at + 3], "big")
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
            for block in blocks(body):
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
        for name, value in ((as_bytes(name), as_bytes(value)) for name, value in named)
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
    named = [(as_bytes(name), as_bytes(value)) for name, value in named]
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


CLIENTS = {"fastcgi": FastCgi, "uwsgi": Uwsgi, "scgi": Scgi, "http": Http}
PACKETS = {"uwsgi": uwsgi_packet, "scgi": scgi_packet, "http": http_head}


def open_client(wire: str, address: Address, timeout=TIMEOUT):
    """A connection to the server whose fronts use `address`."""
    return CLIENTS[wire](http_address(address) if wire == "http" else address, timeout)


def begin(wire: str, address: Address, named, body: Body = b"", end_body=True, timeout=TIMEOUT):
    """Sends a request. Returns the connection, whose `read_response` reads the response later."""
    connection = open_client(wire, address, timeout)
    if wire == "fastcgi":
        connection.begin(1, keep=False)
        connection.params(named)
        connection.stdin(body, end=end_body)
    else:
        connection.send(PACKETS[wire](named))
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
