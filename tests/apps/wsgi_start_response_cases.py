"""Small applications for PEP 3333 that call start_response and write, rightly and wrongly.

wsgi_probe.py serves them under /case/<name of the function>.
"""

import gc
import json
import sys
import weakref

from probe_state import TEXT, Cases, count, raised_by, respond, token, wait_gate

CASES = Cases()
case = CASES.add
_kept = {}


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
