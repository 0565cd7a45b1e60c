"""A WSGI application that shows a test what it was given, and answers in every shape that PEP 3333 allows.

The first segment of the path names the route; the query string its options. What the tests of PEP 3333
need, right and wrong, is in wsgi_*_cases.py and reached the same way. `validated` is the same application
inside wsgiref.validate, which raises wherever server or application breaks the rules.
"""

import hashlib
import os
import resource
import signal
import threading
import time
from urllib.parse import parse_qsl
from wsgiref.validate import validator

import wsgi_body_cases
import wsgi_file_cases
import wsgi_request_cases
import wsgi_start_response_cases
from probe_state import Chunks, respond, counted, options, probe_path, token, wait_gate

CASES = {**wsgi_request_cases.CASES, **wsgi_start_response_cases.CASES, **wsgi_body_cases.CASES,
         **wsgi_file_cases.CASES}
BLOCK = 1 << 16
PATTERN = bytes(range(256)) * (BLOCK // 256)


def body_blocks(environ):
    while block := environ["wsgi.input"].read(BLOCK):
        yield block


def patterned(size):
    """`size` bytes, made as they are asked for."""
    while size > 0:
        chunk = PATTERN[: min(size, BLOCK)]
        size -= len(chunk)
        yield chunk


# ---- what came in


def environ_route(environ, start_response):
    shown = {key: value if isinstance(value, str) else repr(value) for key, value in environ.items()}
    return respond(start_response, shown)


def echo(environ, start_response):
    """The body as it came."""
    body = b"".join(body_blocks(environ))
    return respond(start_response, body, "application/octet-stream")


def digest(environ, start_response):
    """Length and SHA-256 of the body, whatever its size, and the length announced."""
    found, length = hashlib.sha256(), 0
    for block in body_blocks(environ):
        found.update(block)
        length += len(block)
    announced = environ.get("CONTENT_LENGTH")
    return respond(start_response, {"length": length, "sha256": found.hexdigest(), "announced": announced})


def swallow(environ, start_response):
    """Length of the body alone: for sizes where a digest takes too long."""
    length = sum(len(block) for block in body_blocks(environ))
    return respond(start_response, {"length": length})


def ignore(environ, start_response):
    """Answers without reading the body."""
    return respond(start_response, {"read": 0})


def whoami(environ, start_response):
    thread = threading.current_thread()
    return respond(start_response, {"pid": os.getpid(), "thread": thread.ident, "name": thread.name})


# ---- what goes out


def hello(environ, start_response):
    return respond(start_response, b"Hello, world!\n", "text/plain")


def status(environ, start_response):
    """A response of any status, without a body."""
    code = options(environ)["code"]
    bodiless = code in ("204", "304")
    fields = [("X-Probe", "kept")] if bodiless else [("Content-Type", "text/plain"), ("Content-Length", "0")]
    start_response(f"{code} Probed", fields)
    return []


def fields(environ, start_response):
    """The query's pairs as response header fields, in their order."""
    asked = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, encoding="latin-1")
    return respond(start_response, b"fields\n", "text/plain", fields=asked)


def sized(environ, start_response):
    """`size` bytes of a known pattern, streamed; `length=no` leaves Content-Length out."""
    asked = options(environ)
    size = int(asked["size"])
    found = [("Content-Type", "application/octet-stream")]
    if asked.get("length") != "no":
        found.append(("Content-Length", str(size)))
    start_response("200 OK", found)
    return Chunks(token(environ), patterned(size))


def parts(environ, start_response):
    """One part, the gate, another part: what is sent before the gate opens is streamed."""

    def chunks():
        time.sleep(0.001)  # slow enough that no block is held for the next one
        yield b"first,"
        wait_gate(environ)
        yield b"second"

    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Accel-Buffering", "no")])
    return Chunks(token(environ), chunks())


def write(environ, start_response):
    """Through the write callable, then one more part by the iterable."""
    send = start_response("200 OK", [("Content-Type", "text/plain")])
    send(b"written,")
    send(b"twice,")
    return [b"returned"]


def file(environ, start_response):
    """A file of PROBE_DIR by wsgi.file_wrapper, from position `at`."""
    asked = options(environ)
    opened = open(probe_path(asked["name"]), "rb")
    opened.seek(int(asked.get("at", "0")))
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ["wsgi.file_wrapper"](opened, BLOCK)


# ---- time, failure, state


def hold(environ, start_response):
    wait_gate(environ)
    return respond(start_response, {"held": True, "pid": os.getpid()})


def sleep(environ, start_response):
    time.sleep(float(options(environ)["seconds"]))
    return respond(start_response, {"pid": os.getpid()})


def no_descriptors(environ, start_response):
    """For some `seconds` this process can open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    threading.Timer(float(options(environ)["seconds"]), resource.setrlimit,
                    (resource.RLIMIT_NOFILE, limits)).start()
    return respond(start_response, {"pid": os.getpid()})


def die(environ, start_response):
    """Ends the process: by `signal`, or with the exit code `code`."""
    asked = options(environ)
    if "signal" in asked:
        os.kill(os.getpid(), getattr(signal, asked["signal"]))
        time.sleep(60)
    os._exit(int(asked["code"]))


def fail(environ, start_response):
    """Raises before the head is out."""
    raise ValueError("probe: failed before the head")


def fail_later(environ, start_response):
    """Raises after part of the body is out; `length=no` leaves Content-Length out."""
    asked = options(environ)

    def chunks():
        yield b"half of it"
        raise ValueError("probe: failed after the head")

    found = [("Content-Type", "text/plain")]
    if asked.get("length") != "no":
        found.append(("Content-Length", "1000"))
    start_response("200 OK", found)
    return Chunks(token(environ), chunks())


def returns(environ, start_response):
    """Something that is no iterable of bytes."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return {"None": None, "str": "text", "int": 7}[options(environ)["what"]]


def log(environ, start_response):
    environ["wsgi.errors"].write(options(environ)["text"] + "\n")
    environ["wsgi.errors"].flush()
    return respond(start_response, {})


def counters(environ, start_response):
    return respond(start_response, counted(token(environ)))


ROUTES = {
    "environ": environ_route,
    "echo": echo,
    "digest": digest,
    "swallow": swallow,
    "ignore": ignore,
    "whoami": whoami,
    "": hello,
    "hello": hello,
    "status": status,
    "fields": fields,
    "sized": sized,
    "parts": parts,
    "write": write,
    "file": file,
    "hold": hold,
    "sleep": sleep,
    "no_descriptors": no_descriptors,
    "die": die,
    "fail": fail,
    "fail_later": fail_later,
    "returns": returns,
    "log": log,
    "counters": counters,
}


def application(environ, start_response):
    name, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
    if name == "case":
        return CASES[rest](environ, start_response)
    route = ROUTES.get(name)
    if route is None:
        return respond(start_response, {"no route": name}, status="404 Not Found")
    return route(environ, start_response)


validated = validator(application)
