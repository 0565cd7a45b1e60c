"""Requests of HTTP/1.x, valid and broken in many ways: the same ones for the same seed."""

import random
from dataclasses import dataclass, field

# Sent after each case. Its answer shows that the connection was kept, and that the case ended where it should.
LAST = b"GET /last HTTP/1.1\r\nHost: last.test\r\nConnection: close\r\n\r\n"

METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND"]
TARGETS = [b"/", b"/a/b", b"/a?b=c&d=%20", b"/%41%2f", b"/?", b"/a//b", b"/a;p=1", b"/~x/-_.!$'()*+,=:@",
           b"/%E2%82%AC"]
BODIES = [b"", b"a", b"0123456789", b"\0\r\n\r\n\xff" * 5, b"GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n"]


@dataclass
class Message:
    """One request in parts, each of which a mutation may change."""

    method: bytes = b"GET"
    target: bytes = b"/"
    version: bytes = b"HTTP/1.1"
    fields: list = field(default_factory=lambda: [b"Host: example.test"])
    chunks: list | None = None  # raw, with their sizes and ends
    body: bytes = b""
    blanks: tuple = (b" ", b" ")  # in the request line
    end: bytes = b"\r\n"
    before: bytes = b""

    def encode(self) -> bytes:
        line = self.method + self.blanks[0] + self.target + self.blanks[1] + self.version
        head = b"".join(part + self.end for part in [line, *self.fields, b""])
        return self.before + head + (b"".join(self.chunks) if self.chunks is not None else self.body)


@dataclass(frozen=True)
class Case:
    number: int
    data: bytes
    tags: frozenset  # the mutations in it

    def __str__(self):
        return f"case {self.number} {sorted(self.tags)}: {self.data[:1000]!r}"


def chunk(data: bytes, extension=b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def plain(rng) -> Message:
    message = Message(rng.choice(METHODS), rng.choice(TARGETS))
    for number in range(rng.randrange(3)):
        message.fields.append(b"X-Field-%d: %s" % (number, rng.choice([b"value", b"", b"a, b", b"\xe4\xff", b"a\tb"])))
    kind = rng.randrange(4)
    if kind == 1:
        message.body = rng.choice(BODIES)
        message.fields.append(b"Content-Length: %d" % len(message.body))
    elif kind == 2:
        message.chunks = [chunk(part) for part in rng.sample(BODIES[1:], rng.randrange(4))] + [b"0\r\n\r\n"]
        message.fields.append(b"Transfer-Encoding: chunked")
    rng.shuffle(message.fields)
    return message


def needs_chunks(change):
    def changed(rng, message):
        if message.chunks is None:
            message.fields = [each for each in message.fields if not each.lower().startswith(b"content-length")]
            message.fields.append(b"Transfer-Encoding: chunked")
            message.chunks = [chunk(b"abc"), b"0\r\n\r\n"]
        change(rng, message)
    return changed


def set_part(name, values):
    return lambda rng, message: setattr(message, name, rng.choice(values))


def add_field(values):
    return lambda rng, message: message.fields.insert(rng.randrange(len(message.fields) + 1), rng.choice(values))


def set_host(values):
    def change(rng, message):
        message.fields = [each for each in message.fields if not each.lower().startswith(b"host")]
        message.fields += rng.choice(values)
    return change


def set_chunk(values):
    def change(rng, message):
        message.chunks[rng.randrange(len(message.chunks))] = rng.choice(values)
    return needs_chunks(change)


def one_line_end(rng, message):
    """A single line of the head has another end than all others."""
    at = rng.randrange(len(message.fields))
    message.fields[at] += rng.choice([b"\nX-More: 1", b"\rX-More: 1", b"\r\r\nX-More: 1"])


def put_byte(rng, message):
    """A byte that no field may have, somewhere in one."""
    at = rng.randrange(len(message.fields))
    line = message.fields[at]
    place = rng.randrange(len(line) + 1)
    message.fields[at] = line[:place] + rng.choice([b"\0", b"\x01", b"\x7f", b"\x0b", b"\x80"]) + line[place:]


def both_lengths(rng, message):
    needs_chunks(lambda *_: None)(rng, message)
    message.fields.insert(rng.randrange(len(message.fields) + 1), b"Content-Length: %d" % rng.choice([0, 3, 5, 40]))


def set_length(values):
    def change(rng, message):
        message.fields = [each for each in message.fields
                          if not each.lower().startswith((b"content-length", b"transfer-encoding"))]
        message.chunks, message.body = None, rng.choice([b"", b"abc"])
        message.fields += rng.choice(values)
    return change


def codings(values):
    def change(rng, message):
        message.fields = [each for each in message.fields if not each.lower().startswith(b"content-length")]
        needs_chunks(lambda *_: None)(rng, message)
        message.fields = [each for each in message.fields if not each.lower().startswith(b"transfer-encoding")]
        message.fields += rng.choice(values)
    return change


def long_text(size):
    return b"x" * size


MUTATIONS = {
    "method": set_part("method", [b"FOO", b"get", b"M-SEARCH", b"G@T", b"G\0T", b"", b"X" * 31, b"_X", b"A1"]),
    "long method": set_part("method", [b"X" * 33, b"X" * 200]),
    "connect": set_part("method", [b"CONNECT"]),
    "trace": set_part("method", [b"TRACE"]),
    "absolute": set_part("target", [b"http://other.test/x", b"http://other.test:81/x?y", b"HTTP://other.test/",
                                    b"https://other.test/x", b"http://other.test", b"http://other.test?q"]),
    "odd absolute": set_part("target", [b"http://", b"http:///x", b"http://a@b/x", b"ftp://other.test/x", b"http:/x",
                                        b"urn:x", b"http://[::1]/x", b"http://a b/x", b"//other.test/x"]),
    "asterisk": set_part("target", [b"*"]),
    "target": set_part("target", [b"x", b"", b"?q", b"..", b"other.test:80", b"\\x"]),
    "escape": set_part("target", [b"/%", b"/%4", b"/%zz", b"/%00", b"/?%zz", b"/a%2", b"/%u0041"]),
    "climbing": set_part("target", [b"/../x", b"/a/../../x", b"/%2e%2e/x", b"/a/..", b"/./x"]),
    "fragment": set_part("target", [b"/x#y", b"/x?q#y", b"/#"]),
    "target byte": set_part("target", [b"/\0", b"/\x01", b"/\x7f", b"/\xe4", b"/a\tb", b'/"<>^`{|}', b"/\x80\xff"]),
    "blank in target": set_part("target", [b"/a b", b"/a HTTP/1.1", b"/ "]),
    "blanks": set_part("blanks", [(b"  ", b" "), (b" ", b"  "), (b"\t", b" "), (b" ", b"\t"), (b"", b" ")]),
    "version": set_part("version", [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/0.9", b"HTTP/1.10"]),
    "no version": set_part("version", [b"http/1.1", b"HTTP/1", b"HTTP/1.", b"HTTP/1.x", b"HTTP", b"HTP/1.1",
                                       b"HTTP/1.1x", b"HTTP/1.1 ", b"HTTP /1.1", b"HTTP/01.1", b"HTTP/11"]),
    "old": set_part("version", [b"HTTP/1.0"]),
    "bare LF": set_part("end", [b"\n"]),
    "bare CR": set_part("end", [b"\r"]),
    "one line end": one_line_end,
    "byte": put_byte,
    "fold": add_field([b"X-Fold: a\r\n b", b"X-Fold: a\r\n\tb", b"X-Fold:\r\n b", b" X-Fold: a", b"\tX: a"]),
    "colon": add_field([b"X-Blank : a", b"X-None", b": a", b"X\tTab: a", b"X-Tab\t: a", b"X Y: a", b"X:Y: a"]),
    "field name": add_field([b"X_Under: a", b"X(Y): a", b"X\xe4: a", b"X/Y: a", b"X@: a", b"X\"Y\": a"]),
    "token name": add_field([b"X!#$%&'*+.^`|~: a", b"1: a", b"-: a", b"X.Y: a"]),
    "value": add_field([b"X-Value:a", b"X-Value:   a", b"X-Value: a \t ", b"X-Value:\ta", b"X-Value:", b"X-Value: \xfc",
                        b"X-Value: :", b"X-Value: \"a\\\"\"", b"X-Value: " + long_text(2000)]),
    "twice": add_field([b"X-Field-0: second", b"Cookie: a=b\r\nCookie: c=d", b"Accept: a\r\nAccept: b"]),
    "type twice": add_field([b"Content-Type: a/b\r\nContent-Type: c/d"]),
    "type": add_field([b"Content-Type: text/plain", b"Content-Type:"]),
    "proxy": add_field([b"Proxy: http://evil.test", b"Forwarded: for=x", b"X-Forwarded-For: 192.0.2.1"]),
    "no host": set_host([[]]),
    "two hosts": set_host([[b"Host: a", b"Host: b"], [b"Host: a", b"Host: a"], [b"Host: a", b"host:"]]),
    "host": set_host([[b"Host: a.test:81"], [b"Host: [::1]:80"], [b"Host: A.Test"], [b"Host: 192.0.2.1"], [b"HOST:  a "]]),
    "odd host": set_host([[b"Host: a b"], [b"Host: a/b"], [b"Host: a@b"], [b"Host: a,b"], [b"Host: a:x"], [b"Host: [::1"],
                          [b"Host: .."], [b"Host: a\\b"], [b"Host: a..b"], [b"Host: ]"], [b"Host: a?b"], [b"Host: a#b"],
                          [b"Host: \xe4"], [b"Host: %41"], [b"Host: :80"], [b"Host: a.test."]]),
    "empty host": set_host([[b"Host:"], [b"Host: "]]),
    "length": set_length([[b"Content-Length: abc"], [b"Content-Length: -1"], [b"Content-Length: +3"],
                          [b"Content-Length: 3 "], [b"Content-Length: 0x3"], [b"Content-Length: 3,3"],
                          [b"Content-Length: 3 3"], [b"Content-Length: 3.0"], [b"Content-Length:"],
                          [b"Content-Length: 99999999999999999999"], [b"Content-Length: 003"]]),
    "two lengths": set_length([[b"Content-Length: 3"] * 2, [b"Content-Length: 3", b"Content-Length: 4"],
                               [b"Content-Length: 0", b"content-length: 3"]]),
    "short body": set_length([[b"Content-Length: 30"], [b"Content-Length: 90"]]),
    "large body": set_length([[b"Content-Length: 1073741825"], [b"Content-Length: 9223372036854775807"]]),
    "blank before length's colon": set_length([[b"Content-Length : 3"]]),
    "both lengths": both_lengths,
    "coding": codings([[b"Transfer-Encoding: CHUNKED"], [b"transfer-encoding:chunked"], [b"Transfer-Encoding: \tchunked "]]),
    "other coding": codings([[b"Transfer-Encoding: gzip, chunked"], [b"Transfer-Encoding: gzip"],
                             [b"Transfer-Encoding: identity"], [b"Transfer-Encoding: chunked, gzip"],
                             [b"Transfer-Encoding: xchunked"], [b"Transfer-Encoding: chunked;q=1"],
                             [b"Transfer-Encoding:"], [b"Transfer-Encoding: ,chunked"], [b"Transfer-Encoding: chun ked"]]),
    "two codings": codings([[b"Transfer-Encoding: chunked"] * 2, [b"Transfer-Encoding: chunked, chunked"],
                            [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
                            [b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"]]),
    "blank before coding's colon": codings([[b"Transfer-Encoding : chunked"]]),
    "odd coding byte": codings([[b"Transfer-Encoding: chunked\x0b"], [b"Transfer-Encoding: \x0bchunked"],
                                [b"Transfer-Encoding: chunked\0"]]),
    "underscore length": add_field([b"Content_Length: 3", b"Transfer_Encoding: chunked"]),
    "chunk extension": set_chunk([b"3;a\r\nabc\r\n", b"3;a=b\r\nabc\r\n", b'3;a="b c"\r\nabc\r\n', b"3 ;a\r\nabc\r\n",
                                  b"3;\r\nabc\r\n", b"3;" + long_text(300) + b"\r\nabc\r\n"]),
    "chunk extension byte": set_chunk([b"3;a\nabc\r\n", b"3;a\0\r\nabc\r\n", b"3;a\r\r\nabc\r\n"]),
    "chunk size": set_chunk([b"003\r\nabc\r\n", b"A\r\n0123456789\r\n", b"a\r\n0123456789\r\n", b"0000000000003\r\nabc\r\n"]),
    "odd chunk size": set_chunk([b"3 \r\nabc\r\n", b" 3\r\nabc\r\n", b"0x3\r\nabc\r\n", b"-3\r\nabc\r\n", b"+3\r\nabc\r\n",
                                 b"\r\nabc\r\n", b"g\r\nabc\r\n", b"3\t\r\nabc\r\n", b"3_\r\nabc\r\n"]),
    "huge chunk": set_chunk([b"fffffffffffffffff\r\nabc\r\n", b"8000000000000000\r\nabc\r\n", b"10000000000000003\r\nabc\r\n"]),
    "large chunk": set_chunk([b"ffffffff\r\nabc\r\n"]),
    "chunk end": set_chunk([b"3\nabc\r\n", b"3\r\nabc\n", b"3\r\nabc", b"3\r\nabcd\r\n", b"3\r\nab\r\n", b"3\rabc\r\n",
                            b"3\r\nabc\r", b"3\r\nabcX\n"]),
    "last chunk": needs_chunks(lambda rng, message: message.chunks.__setitem__(
        -1, rng.choice([b"0\n\n", b"0\r\n\n", b"0\r\n", b"000\r\n\r\n", b"0;a=b\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n\r"]))),
    "trailer": needs_chunks(lambda rng, message: message.chunks.__setitem__(
        -1, rng.choice([b"0\r\nX-Trailer: a\r\n\r\n", b"0\r\nHost: evil\r\nContent-Length: 3\r\n\r\n"]))),
    "odd trailer": needs_chunks(lambda rng, message: message.chunks.__setitem__(
        -1, rng.choice([b"0\r\nX-Trailer: a\n\r\n", b"0\r\nX-Trailer\0: a\r\n\r\n", b"0\r\n folded\r\n\r\n"]))),
    "expect": add_field([b"Expect: 100-continue", b"expect: 100-Continue"]),
    "other expectation": add_field([b"Expect: wonders", b"Expect: 100-continue, x", b"Expect:"]),
    "close": add_field([b"Connection: close", b"Connection: Close", b"Connection: x, close", b"Connection: close, x"]),
    "keep": add_field([b"Connection: keep-alive", b"Connection: Keep-Alive, x", b"Connection: x", b"Connection:"]),
    "close and keep": add_field([b"Connection: keep-alive, close", b"Connection: close\r\nConnection: keep-alive",
                                 b"Connection: keep-alive\r\nConnection: close"]),
    "upgrade": add_field([b"Connection: Upgrade\r\nUpgrade: websocket", b"Upgrade: h2c"]),
    "line ends before": set_part("before", [b"\r\n"]),
    "many line ends before": set_part("before", [b"\r\n\r\n", b"\n", b"\n\n", b"\r\n\r\n\r\n"]),
    "bytes before": set_part("before", [b" ", b"\r", b"\0", b"\xef\xbb\xbf", b"\t\r\n"]),
    "long target": set_part("target", [b"/" + long_text(9000)]),
    "long field": add_field([b"X-Long: " + long_text(9000)]),
    "range": add_field([b"Range: bytes=0-1", b"If-Modified-Since: x", b"Accept-Encoding: gzip", b"TE: trailers"]),
}

FOREIGN = {
    "HTTP/0.9": [b"GET /\r\n", b"GET /old\n", b"GET\r\n", b"GET / \r\n", b"POST /\r\n"],
    "HTTP/2": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)],
    "TLS": [bytes.fromhex("16030100c8010000c40303") + bytes(194)],
    "noise": [b"\r\n\r\n", b"\0" * 40, b"SSH-2.0-x\r\n", b"\xff\xfe\r\n\r\n", b"{}\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
              b"EHLO x\r\n", b":\r\n\r\n"],
}


def make_case(rng, number) -> Case:
    if rng.random() < 0.02:
        tag = rng.choice(sorted(FOREIGN))
        return Case(number, rng.choice(FOREIGN[tag]) + LAST, frozenset([tag]))
    messages = [plain(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    tags = rng.sample(sorted(MUTATIONS), rng.choice([0, 1, 1, 1, 1, 2]))
    changed = rng.choice(messages)
    for tag in tags:
        MUTATIONS[tag](rng, changed)
    twice = ["two mutations"] if len(tags) > 1 else []
    return Case(number, b"".join(message.encode() for message in messages) + LAST, frozenset(tags + twice))


def make_cases(count, seed) -> list:
    rng = random.Random(seed)
    return [make_case(rng, number) for number in range(count)]
