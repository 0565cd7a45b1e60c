"""Small applications, right and wrong, one for each thing that PEP 3333 says of a server.

wsgi_probe.py serves them under /case/<name of the function>.
"""

import gc
import io
import json
import sys
import weakref

from probe_state import Chunks, respond, count, options, probe_path, token, wait_gate

TEXT = [("Content-Type", "text/plain")]
CASES = {}
_kept = {}


def case(function):
    CASES[function.__name__] = function
    return function


def raised_by(function, *arguments):
    """The name of the exception that a call raises, or "nothing"."""
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__
    return "nothing"


# ---- environ


@case
def environ_kind(environ, start_response):
    marked = "case.marker" in environ
    environ["case.marker"] = "set by the last request"
    return respond(start_response, {"plain": type(environ) is dict, "marked": marked})


@case
def environ_text(environ, start_response):
    """Keys and values of the CGI part that are no str of code points up to 0xFF."""
    wrong = [
        repr((key, value))
        for key, value in environ.items()
        if type(key) is not str
        or ("." not in key and (type(value) is not str or any(ord(letter) > 0xFF for letter in key + value)))
    ]
    return respond(start_response, {"wrong": wrong})


@case
def flags(environ, start_response):
    names = ("wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
    return respond(start_response, {name: repr(environ[name]) for name in names})


# ---- the call


def call_shape(*arguments, **named):
    environ, start_response = arguments
    count(token(environ), "called")
    shape = {"positional": len(arguments), "named": sorted(named), "start": callable(start_response)}
    return respond(start_response, shape)


case(call_shape)


@case
def raise_in_first_next(environ, start_response):
    def chunks():
        raise ValueError("case: raised in the first next")
        yield b""

    start_response("200 OK", TEXT)
    return Chunks(token(environ), chunks())


# ---- start_response


@case
def start_arguments(environ, start_response):
    two = start_response("200 OK", list(TEXT))
    try:
        raise ValueError("case: replaced")
    except ValueError:
        three = start_response("202 Accepted", list(TEXT), sys.exc_info())
    return [json.dumps([callable(two), callable(three)]).encode()]


@case
def start_then_wait(environ, start_response):
    start_response("200 OK", list(TEXT))
    wait_gate(environ)
    return [b"after the gate"]


@case
def start_twice(environ, start_response):
    start_response("201 First", [("Content-Type", "text/plain"), ("X-Head", "first")])
    raised = raised_by(start_response, "202 Second", [("X-Head", "second")])
    return [raised.encode()]


@case
def start_replaced(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Head", "first"), ("Content-Length", "1000")])
    try:
        raise ValueError("case: replaced")
    except ValueError:
        start_response("503 Replaced", [("X-Head", "second")], sys.exc_info())
    return [b"replaced"]


class Original(Exception):
    pass


@case
def start_after_head(environ, start_response):
    """Counts whether the very exception came back; keeps only a weak reference to it."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    name = token(environ)

    def chunks():
        yield b"abc"
        try:
            raise Original("case: after the head")
        except Original as original:
            _kept[name] = weakref.ref(original)
            try:
                start_response("500 Too Late", [], sys.exc_info())
                count(name, "nothing raised")
            except Original as raised:
                count(name, "same" if raised is original else "another")
                frames = []
                trace = raised.__traceback__
                while trace:
                    frames.append(trace.tb_frame.f_code.co_name)
                    trace = trace.tb_next
                count(name, "traceback" if "chunks" in frames else "no traceback")
                del trace, raised
        yield b"def"

    return chunks()


@case
def kept_exception(environ, start_response):
    """Whether the exception of start_after_head is still alive."""
    return respond(start_response, {"alive": _kept[token(environ)]() is not None, "collecting": gc.isenabled()})


STATUSES = {
    "bytes": b"200 OK",
    "none": None,
    "number": 200,
    "two digits": "20 OK",
    "four digits": "2000 OK",
    "no space": "200OK",
    "letters": "abc OK",
    "zero": "099 Low",
    "line feed": "200 OK\nX-Injected: 1",
    "carriage return": "200 OK\rX-Injected: 1",
    "nul": "200 O\0K",
    "control": "200 O\x01K",
    "trailing space": "200 OK ",
    "two spaces": "200  OK",
    "not latin-1": "200 \u2603",
    "informational": "100 Continue",
    "early hints": "103 Early Hints",
    "switching": "101 Switching Protocols",
}


@case
def bad_statuses(environ, start_response):
    found = {name: raised_by(start_response, value, list(TEXT)) for name, value in STATUSES.items()}
    return respond(start_response, found)


@case
def bare_status(environ, start_response):
    start_response("200", list(TEXT))
    return [b"bare"]


class ListOfItsOwn(list):
    pass


FIELDS = {
    "tuple": (("X-A", "1"),),
    "dict": {"X-A": "1"},
    "none": None,
    "subclass": ListOfItsOwn([("X-A", "1")]),
    "item list": [["X-A", "1"]],
    "item of three": [("X-A", "1", "2")],
    "item str": ["X-A"],
    "name bytes": [(b"X-A", "1")],
    "value bytes": [("X-A", b"1")],
    "value number": [("X-A", 1)],
    "value none": [("X-A", None)],
    "name empty": [("", "1")],
    "name space": [("X A", "1")],
    "name colon": [("X-A:", "1")],
    "name line feed": [("X-A\n", "1")],
    "name not ascii": [("X-\xe9", "1")],
    "status": [("Status", "201 Created")],
    "value line feed": [("X-A", "1\nX-Injected: 1")],
    "value carriage return": [("X-A", "1\rX-Injected: 1")],
    "value both": [("X-A", "1\r\nX-Injected: 1")],
    "value nul": [("X-A", "1\x002")],
    "value control": [("X-A", "1\x012")],
    "value delete": [("X-A", "1\x7f2")],
}


@case
def bad_fields(environ, start_response):
    found = {name: raised_by(start_response, "200 OK", value) for name, value in FIELDS.items()}
    return respond(start_response, found)


@case
def wide_letters(environ, start_response):
    found = {
        "value": raised_by(start_response, "200 OK", [("X-A", "\u20ac")]),
        "emoji": raised_by(start_response, "200 OK", [("X-A", "\U0001f600")]),
        "surrogate": raised_by(start_response, "200 OK", [("X-A", "\udce9")]),
        "name": raised_by(start_response, "200 OK", [("X-\u20ac", "1")]),
        "reason": raised_by(start_response, "200 \u20ac", []),
    }
    return respond(start_response, found)


HOP_BY_HOP = (
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Trailers",
    "Transfer-Encoding", "Upgrade", "Proxy-Connection", "transfer-encoding", "CONNECTION",
)


@case
def hop_by_hop(environ, start_response):
    found = {name: raised_by(start_response, "200 OK", [(name, "x")]) for name in HOP_BY_HOP}
    return respond(start_response, found)


@case
def repeated_fields(environ, start_response):
    head = [("set-cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Other", "between"), ("SET-COOKIE", "c=3")]
    start_response("200 OK", TEXT + head)
    return [b"cookies"]


@case
def bad_lengths(environ, start_response):
    found = {}
    for name, head in {
        "twice, equal": [("Content-Length", "3"), ("content-length", "3")],
        "twice, different": [("Content-Length", "3"), ("Content-Length", "4")],
        "letters": [("Content-Length", "abc")],
        "negative": [("Content-Length", "-1")],
        "sign": [("Content-Length", "+1")],
        "empty": [("Content-Length", "")],
        "list": [("CONTENT-LENGTH", "3, 3")],
        "huge": [("Content-Length", "9" * 30)],
    }.items():
        found[name] = raised_by(start_response, "200 OK", head)
    return respond(start_response, found)


@case
def changed_list(environ, start_response):
    head = [("Content-Type", "text/plain"), ("X-Head", "given")]
    start_response("200 OK", head)
    head[1] = ("X-Head", "changed")
    head.append(("X-Late", "1"))
    return [b"list"]


@case
def bare_response(environ, start_response):
    """A streamed response with one header field."""
    start_response("200 OK", [("X-Only", "this")])
    return iter([b"no content type"])


# ---- write


@case
def write_types(environ, start_response):
    write = start_response("200 OK", list(TEXT))
    values = {"str": "text", "bytearray": bytearray(b"x"), "memoryview": memoryview(b"x"), "none": None}
    found = {name: raised_by(write, value) for name, value in values.items()}
    return [json.dumps(found).encode()]


@case
def write_nothing(environ, start_response):
    """An empty write leaves the head unsent: it can still be replaced."""
    start_response("200 OK", list(TEXT))(b"")
    try:
        raise ValueError("case: replaced")
    except ValueError:
        start_response("202 Replaced", list(TEXT), sys.exc_info())
    return [b"replaced"]


@case
def write_then_replace(environ, start_response):
    """A write with content sends the head: it cannot be replaced any more."""
    write = start_response("200 OK", list(TEXT))
    write(b"sent,")
    try:
        raise ValueError("case: too late")
    except ValueError:
        raised = raised_by(start_response, "202 Replaced", list(TEXT), sys.exc_info())
    return [raised.encode()]


@case
def write_then_wait(environ, start_response):
    write = start_response("200 OK", list(TEXT))
    write(b"before,")
    wait_gate(environ)
    return [b"after"]


@case
def write_too_much(environ, start_response):
    write = start_response("200 OK", TEXT + [("Content-Length", "4")])
    write(b"abcde")
    write(b"f")
    return []


@case
def write_and_return(environ, start_response):
    start_response("200 OK", list(TEXT))(b"written,")
    return [b"returned"]


@case
def write_and_return_nothing(environ, start_response):
    start_response("200 OK", list(TEXT))(b"written")
    return []


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


# ---- wsgi.input


@case
def read_sizes(environ, start_response):
    stream = environ["wsgi.input"]
    found = [stream.read(0), stream.read(3), stream.read(4), stream.read(-1), stream.read(), stream.read(5)]
    return respond(start_response, [part.decode() for part in found])


@case
def read_all(environ, start_response):
    stream = environ["wsgi.input"]
    how = options(environ)["how"]
    read = {"none": lambda: stream.read(None), "minus": lambda: stream.read(-1), "bare": stream.read}[how]
    body = read()
    return respond(start_response, {"exact": type(body) is bytes, "length": len(body)})


@case
def read_filled(environ, start_response):
    """read(n) fills n bytes though they come in pieces."""
    part = environ["wsgi.input"].read(10)
    return respond(start_response, part.decode())


@case
def read_lines(environ, start_response):
    stream = environ["wsgi.input"]
    found = {
        "readline": stream.readline().decode(),
        "readline 2": stream.readline(2).decode(),
        "readline rest": stream.readline().decode(),
        "readline 0": stream.readline(0).decode(),
        "readline -1": stream.readline(-1).decode(),
        "readlines hint": [line.decode() for line in stream.readlines(4)],
        "iterated": [line.decode() for line in stream][:2],
        "readlines": [line.decode() for line in stream.readlines()],
        "at the end": [stream.readline().decode(), stream.read().decode(), stream.read(1).decode()],
        "iterated at the end": list(stream),
    }
    return respond(start_response, found)


@case
def read_iterated(environ, start_response):
    stream = environ["wsgi.input"]
    lines = list(stream)
    again = iter(stream)
    return respond(start_response, {
        "lines": [line.decode() for line in lines],
        "next": raised_by(next, again),
        "next again": raised_by(next, again),
    })


@case
def read_nothing(environ, start_response):
    stream = environ["wsgi.input"]
    found = [stream.read(), stream.read(1), stream.readline(), *stream.readlines(), *stream]
    return respond(start_response, [part.decode() for part in found])


@case
def read_cut(environ, start_response):
    name = token(environ)
    count(name, "called")
    if "gate" in options(environ):
        wait_gate(environ)
    length = 0
    try:
        while block := environ["wsgi.input"].read(65536):
            length += len(block)
    except OSError:
        count(name, "OSError")
        raise
    count(name, "complete" if length == int(environ["CONTENT_LENGTH"]) else "end of file")
    return respond(start_response, {"length": length})


@case
def close_input(environ, start_response):
    stream = environ["wsgi.input"]
    close = getattr(stream, "close", None)
    if close:
        close()
    return respond(start_response, {"read": stream.read(4).decode()})


# ---- wsgi.errors


@case
def errors_stream(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("case: plain\n")
    errors.writelines(["case: line one\n", "case: line two\n"])
    errors.write("case: snowman \u2603 and half a pair \udc80\n")
    errors.flush()
    print("case: printed", file=errors)
    return respond(start_response, {"bytes": raised_by(errors.write, b"bytes")})


# ---- wsgi.file_wrapper


class ReadOnlyFile:
    """Like a file, but without fileno or close."""

    def __init__(self, content):
        self.content = io.BytesIO(content)
        self.sizes = []

    def read(self, size):
        self.sizes.append(size)
        return self.content.read(size)


class CountedFile(io.BytesIO):
    def __init__(self, name, content):
        super().__init__(content)
        self.count_as = name

    def read(self, *size):
        count(self.count_as, "read")
        return super().read(*size)

    def close(self):
        if not self.closed:
            count(self.count_as, "close")
        super().close()


@case
def wrapper_shape(environ, start_response):
    wrapper = environ["wsgi.file_wrapper"]
    plain, closing = wrapper(ReadOnlyFile(b"abcdef")), wrapper(CountedFile(token(environ), b"abcdef"), 4)
    closing_has = hasattr(closing, "close")
    chunks = [chunk.decode() for chunk in closing]
    if closing_has:
        closing.close()
    return respond(start_response, {
        "plain has close": hasattr(plain, "close"),
        "plain": [chunk.decode() for chunk in plain],
        "closing has close": closing_has,
        "closing": chunks,
    })


@case
def wrapper_waits(environ, start_response):
    """The wrapper alone sends nothing: the head can still be replaced."""
    start_response("200 OK", list(TEXT))
    wrapped = environ["wsgi.file_wrapper"](CountedFile(token(environ), b"wrapped"))
    try:
        raise ValueError("case: replaced")
    except ValueError:
        start_response("202 Replaced", list(TEXT), sys.exc_info())
    return wrapped


@case
def wrapper_of_file(environ, start_response):
    """A real file: `at` its position; `buffered` reads a little first; `length` announces less of it."""
    want = options(environ)
    opened = open(probe_path(want["name"]), "rb")
    opened.seek(int(want.get("at", "0")))
    if "buffered" in want:
        opened.read(int(want["buffered"]))
    head = list(TEXT)
    if "length" in want:
        head.append(("Content-Length", want["length"]))
    start_response("200 OK", head)
    return environ["wsgi.file_wrapper"](opened)


@case
def wrapper_of_memory(environ, start_response):
    start_response("200 OK", list(TEXT))
    return environ["wsgi.file_wrapper"](CountedFile(token(environ), b"in memory " * 1000), 1000)


@case
def wrapper_iterated(environ, start_response):
    """The wrapper handed on inside another iterable."""
    start_response("200 OK", list(TEXT))
    return Chunks(token(environ), environ["wsgi.file_wrapper"](ReadOnlyFile(b"iterated"), 3))


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
