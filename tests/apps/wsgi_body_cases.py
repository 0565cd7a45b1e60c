"""Small applications for PEP 3333 that return bodies, right and wrong, and see what is done with them.

wsgi_probe.py serves them under /case/<name of the function>.
"""

import sys

from probe_state import TEXT, Cases, Chunks, count, options, respond, token, wait_gate

CASES = Cases()
case = CASES.add
_kept = {}


# ---- the iterable


@case
def returns_none(environ, start_response):
    start_response("200 OK", list(TEXT))


@case
def returns_int(environ, start_response):
    start_response("200 OK", list(TEXT))
    return 7


@case
def returns_str(environ, start_response):
    start_response("200 OK", list(TEXT))
    return "text"


@case
def returns_bytes(environ, start_response):
    start_response("200 OK", list(TEXT))
    return b"plain bytes"


@case
def start_in_first_next(environ, start_response):
    start_response("201 Late", list(TEXT))
    yield b"late"


@case
def never_started(environ, start_response):
    return [b"no head"]


@case
def never_started_empty(environ, start_response):
    return []


@case
def started_after_chunk(environ, start_response):
    yield b"too early"
    start_response("200 OK", list(TEXT))


@case
def chunk_str(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Chunks(token(environ), ["text"])


@case
def chunk_bytearray(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Chunks(token(environ), [bytearray(b"text")])


@case
def chunk_str_later(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    return Chunks(token(environ), [b"fine", "text"])


@case
def empty_chunks(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Chunks(token(environ), [b"", b"a", b"", b"", b"b", b""])


@case
def empty_chunk_before_head(environ, start_response):
    """An empty chunk leaves the head unsent: it can still be replaced."""
    start_response("200 OK", list(TEXT))
    yield b""
    try:
        raise ValueError("case: replaced")
    except ValueError:
        start_response("202 Replaced", list(TEXT), sys.exc_info())
    yield b"replaced"


@case
def chunk_then_wait(environ, start_response):
    start_response("200 OK", list(TEXT))
    yield b"before,"
    wait_gate(environ)
    yield b"after"


@case
def chunks_then_wait(environ, start_response):
    start_response("200 OK", list(TEXT))
    for number in range(int(options(environ)["count"])):
        yield b"%d," % number
    wait_gate(environ)
    yield b"after"


@case
def one_chunk(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [b"exactly this"]


@case
def no_chunk(environ, start_response):
    start_response("200 OK", list(TEXT))
    return []


@case
def two_chunks(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [b"one,", b"two"]


@case
def one_chunk_generated(environ, start_response):
    start_response("200 OK", list(TEXT))
    return iter([b"no length"])


class Watched:
    """Notes every attribute that is asked of the instance."""

    def __init__(self):
        self.names = set()
        self.chunks = [b"watched"]

    def __getattribute__(self, name):
        if name not in ("names", "chunks"):
            object.__getattribute__(self, "names").add(name)
        return object.__getattribute__(self, name)

    def __iter__(self):
        return iter(self.chunks)

    def __len__(self):
        return len(self.chunks)

    def close(self):
        _kept["attributes"] = sorted(self.names)

    fileno = read = seek = None


@case
def watched(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Watched()


@case
def attributes(environ, start_response):
    return respond(start_response, _kept.pop("attributes"))


class Apart:
    """An iterable whose iterator is another object; both can be closed."""

    def __init__(self, name):
        self.name = name

    def __iter__(self):
        return IteratorApart(self.name)

    def close(self):
        count(self.name, "close")


class IteratorApart:
    def __init__(self, name):
        self.name = name
        self.chunks = iter([b"one,", b"two"])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.chunks)

    def close(self):
        count(self.name, "iterator closed")


@case
def close_of_returned(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Apart(token(environ))


@case
def close_normal(environ, start_response):
    start_response("200 OK", list(TEXT))
    return Chunks(token(environ), [b"one,", b"two"])


@case
def close_after_error(environ, start_response):
    def chunks():
        yield b"one"
        raise ValueError("case: raised in next")

    start_response("200 OK", TEXT + [("Content-Length", "100")])
    return Chunks(token(environ), chunks())


@case
def close_without_body(environ, start_response):
    start_response("204 No Content", [])
    return Chunks(token(environ), [])


class CloseRaises(Chunks):
    def close(self):
        super().close()
        raise ValueError("case: raised in close")


@case
def close_raises(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "4")])
    return CloseRaises(token(environ), [b"sent"])


@case
def close_raises_before_head(environ, start_response):
    return CloseRaises(token(environ), [])


@case
def generator_closed(environ, start_response):
    """A generator that is left early, because Content-Length is reached, and ends as it should."""
    start_response("200 OK", TEXT + [("Content-Length", "3")])
    try:
        yield b"abc"
        yield b"more"
    finally:
        count(token(environ), "finished")


@case
def generator_resists(environ, start_response):
    """A generator that yields in reaction to its close()."""
    start_response("200 OK", TEXT + [("Content-Length", "3")])
    try:
        yield b"abc"
        yield b"more"
    except GeneratorExit:
        yield b"resisting"


@case
def too_long(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "6")])
    return Chunks(token(environ), [b"abc", b"defghi", b"jkl", b"mno"])


@case
def too_short(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    return Chunks(token(environ), [b"abc", b"def"])


@case
def raises_after_head(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    yield b"half"
    raise ValueError("case: raised after the head")


@case
def raises_after_start(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Head", "never sent")])
    raise ValueError("case: raised after start_response")


@case
def raises_system_exit(environ, start_response):
    raise SystemExit(3)


@case
def raises_keyboard_interrupt(environ, start_response):
    raise KeyboardInterrupt


# ---- status and method


@case
def length_for_head(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "12")])
    return Chunks(token(environ), [b"Hello, ", b"HEAD!"])


@case
def status_with_body(environ, start_response):
    """A body where none may be: the status by `code`."""
    status = options(environ)["code"] + " Bodiless"
    start_response(status, [("X-Probe", "kept"), ("Content-Length", "4")])
    return Chunks(token(environ), [b"body"])


@case
def status_with_listed_body(environ, start_response):
    """The same with a body that is there without being asked for."""
    status = options(environ)["code"] + " Bodiless"
    start_response(status, [("X-Probe", "kept"), ("Content-Length", "4")])
    return [b"body"]


@case
def status_without_body(environ, start_response):
    start_response(options(environ)["code"] + " Bodiless", [("X-Probe", "kept")])
    return []


# ---- the client goes away


@case
def endless(environ, start_response):
    """Chunks without end; a hand break stops it where the server does not."""
    name = token(environ)

    def chunks():
        for _ in range(200_000):
            yield b"x" * 65536
        count(name, "never stopped")

    start_response("200 OK", list(TEXT))
    return Chunks(name, chunks())


@case
def endless_write(environ, start_response):
    name = token(environ)
    count(name, "called")
    write = start_response("200 OK", list(TEXT))
    for _ in range(200_000):
        try:
            write(b"x" * 65536)
        except OSError:
            count(name, "OSError")
            raise
    count(name, "never stopped")
    return []
