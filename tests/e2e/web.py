"""An HTTP client for tests: any bytes in target and headers, bodies of any size, early hang-up."""

import hashlib
import http.client
import json
import socket
from dataclasses import dataclass

BLOCK = 1 << 18


@dataclass
class Reply:
    status: int
    fields: list
    body: bytes
    complete: bool  # the whole body came, as far as the client can tell by HTTP

    def field(self, name):
        values = self.all(name)
        return values[0] if values else None

    def all(self, name) -> list:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)


def _bytes(text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def head(method, target, fields=(), length=None, chunked=False) -> bytes:
    lines = [_bytes(method) + b" " + _bytes(target) + b" HTTP/1.1"]
    named = [("Host", "example.test"), *fields]
    if length is not None:
        named.append(("Content-Length", str(length)))
    if chunked:
        named.append(("Transfer-Encoding", "chunked"))
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in named]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


class Client:
    """One keep-alive connection to a front server."""

    def __init__(self, port, timeout=60.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data: bytes):
        self.socket.sendall(data)

    def start_reply(self, method="GET") -> http.client.HTTPResponse:
        """The response with its head read and its body still to come."""
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        return response

    def read_reply(self, method="GET") -> Reply:
        response = self.start_reply(method)
        complete = True
        try:
            body = response.read()
        except (http.client.IncompleteRead, ConnectionResetError) as error:
            body, complete = getattr(error, "partial", b""), False
        return Reply(response.status, response.getheaders(), body, complete)

    def request(self, method, target, fields=(), body=None, length=None, chunked=False) -> Reply:
        """`body` is bytes, or an iterable of bytes with `length` or `chunked`."""
        self.send_request(method, target, fields, body, length, chunked)
        return self.read_reply(method)

    def send_request(self, method, target, fields=(), body=None, length=None, chunked=False):
        if isinstance(body, bytes) and length is None and not chunked:
            length = len(body)
        self.send(head(method, target, fields, length, chunked))
        for block in [body] if isinstance(body, bytes) else body or ():
            if block:
                self.send(chunk(block) if chunked else block)
        if chunked:
            self.send(LAST_CHUNK)


def request(port, method, target, fields=(), **body) -> Reply:
    with Client(port) as client:
        return client.request(method, target, fields, **body)


def get(port, target, fields=()) -> Reply:
    return request(port, "GET", target, fields)


class Upload:
    """A body that is made block by block while it is sent; `sha256` is known afterwards."""

    def __init__(self, size):
        self.size = size
        self._digest = hashlib.sha256()
        self._block = hashlib.sha256(b"upload").digest() * (BLOCK // 32)

    def __iter__(self):
        left, number = self.size, 0
        while left > 0:
            block = (number.to_bytes(8, "big") + self._block[8:])[: min(left, BLOCK)]
            self._digest.update(block)
            yield block
            left -= len(block)
            number += 1

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
