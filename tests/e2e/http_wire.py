"""A client that speaks HTTP as a browser does, and reads responses by the letter of RFC 9112."""

import re

from wire_base import TIMEOUT, Address, Body, Connection, Response, as_bytes, variables

_NO_CLIENT_SENDS = {"SCRIPT_NAME", "REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT"}


def http_head(named) -> bytes:
    """The request of an HTTP client for which a front would send these variables. ValueError for what only a front
    can say: tests that need it do without HTTP."""
    named = [(name, as_bytes(value)) for name, value in named]
    found, usual = dict(named), {name: as_bytes(value) for name, value in variables()}
    target = found.pop("REQUEST_URI")
    path, question, query = target.partition(b"?")
    if (found.pop("PATH_INFO"), found.pop("QUERY_STRING")) != (path, query) or question and not query:
        raise ValueError(f"PATH_INFO and QUERY_STRING are not those of {target!r}")
    fields = []
    for name, value in named:
        if name.startswith("HTTP_"):
            fields.append((as_bytes(name[5:].replace("_", "-").title()), value))
        elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            fields += [(as_bytes(name.replace("_", "-").title()), value)] if value else []
        elif name in _NO_CLIENT_SENDS:
            if value != usual[name]:
                raise ValueError(f"no client can say that {name} is {value!r}")
        elif name not in usual:
            raise ValueError(f"no client can send {name}")
    lines = [found["REQUEST_METHOD"] + b" " + target + b" " + found["SERVER_PROTOCOL"]]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Http(Connection):
    """An HTTP connection, kept if the server keeps it. ValueError for a response that is not strictly one."""

    STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t -~\x80-\xff]*)")
    FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t -~\x80-\xff]*)")

    def __init__(self, address: Address, timeout: float = TIMEOUT):
        super().__init__(address, timeout)
        self.continues = 0  # how often "100 Continue" came
        self._response = None  # whose body is being read
        self._chunked = False
        self._left = None  # bytes of the body, or of its chunk; None: until the connection ends

    @property
    def started(self) -> bool:
        """The head of a response has been read, and not all of its body."""
        return self._response is not None

    def request(self, named, body: Body = b"") -> Response:
        self.send(http_head(named))
        self.send_body(body)
        return self.read_response(dict(named)["REQUEST_METHOD"])

    def read_response(self, method="GET") -> Response:
        """The next response; it is incomplete if the connection ends within its body."""
        response = self._response or self.read_head(method)
        response.body = b"".join(iter(self.read_part, b""))
        return response

    def read_head(self, method="GET") -> Response:
        """The head of the next response; read_part() gives its body."""
        while True:
            response = self._parse_head()
            if response.status != 100:
                break
            self.continues += 1
        self._response = response
        self._frame(response, method)
        return response

    def read_part(self) -> bytes:
        """Bytes of the body; b"" once it has ended, which `complete` of the response tells more of."""
        if self._response is None:
            return b""
        if self._chunked and self._left == 0 and not self._start_chunk():
            return b""
        if not self._chunked and self._left == 0:
            return self._end(True)
        data = self.read_some()
        if not data:
            return self._end(self._left is None and not self.was_reset)
        if self._left is not None:
            data, self.pending = data[: self._left], data[self._left :]
            self._left -= len(data)
        if self._chunked and self._left == 0 and self._read_line():
            raise ValueError("no line end after a chunk")
        return data

    def _read_line(self) -> bytes:
        """Without its end; None if the connection ends before."""
        line = b""
        while b"\n" not in line:
            data = self.read_some()
            if not data:
                return None
            line += data
        line, _, self.pending = line.partition(b"\n")
        if not line.endswith(b"\r"):
            raise ValueError(f"a line that ends in LF alone: {line!r}")
        return line[:-1]

    def _parse_head(self) -> Response:
        status = self._match(self.STATUS_LINE)
        fields = []
        while True:
            line = self._read_line()
            if line == b"":
                return Response(int(status[1]), status[2].decode("latin-1"), fields, b"")
            found = self.FIELD.fullmatch(line or b"")
            if not found:
                raise ValueError(f"no field: {line!r}")
            fields.append(tuple(part.decode("latin-1") for part in found.groups()))

    def _match(self, pattern):
        line = self._read_line()
        found = pattern.fullmatch(line or b"")
        if not found:
            raise ValueError(f"no complete head: {line!r}")
        return found

    def _frame(self, response, method):
        length, coding = response.field("Content-Length"), response.field("Transfer-Encoding")
        if coding not in (None, "chunked") or coding and length is not None:
            raise ValueError(f"a body of length {length!r} and coding {coding!r}")
        if (response.status < 200 or response.status == 204) and (length is not None or coding):
            raise ValueError(f"{response.status} with the length of a body")
        bodiless = method == "HEAD" or response.status < 200 or response.status in (204, 304)
        self._chunked = bool(coding) and not bodiless
        self._left = 0 if bodiless or coding else None if length is None else int(length)

    def _start_chunk(self) -> bool:
        line = self._read_line()
        if line is None:
            self._end(False)
            return False
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
            raise ValueError(f"no chunk size: {line!r}")
        self._left = int(line, 16)
        if self._left > 0:
            return True
        if self._read_line() != b"":
            raise ValueError("no empty line after the last chunk")
        self._end(True)
        return False

    def _end(self, complete) -> bytes:
        self._response.complete = complete
        self._response = None
        return b""
