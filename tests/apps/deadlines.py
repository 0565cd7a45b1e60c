"""A WSGI application that takes its time in the ways that matter to deadlines.

The path names the route, the query its options: `seconds` is how long it takes, `token` the name under which
it counts what happens to it.
"""

import os
import threading
import time

import appd
from probe_state import Chunks, respond, count, counted, options, token, wait_gate

PLAIN = [("Content-Type", "text/plain")]


def seconds(environ):
    return float(options(environ)["seconds"])


def compute(environ):
    """Python code, for as long as it may."""
    end = time.monotonic() + seconds(environ)
    try:
        while time.monotonic() < end:
            time.sleep(0.001)
    finally:
        count(token(environ), "finally")


def loop(environ, start_response):
    compute(environ)
    return respond(start_response, b"looped\n", "text/plain")


def sleep(environ, start_response):
    """In C, without the interpreter."""
    count(token(environ), "asleep")
    time.sleep(seconds(environ))
    count(token(environ), "slept")
    return respond(start_response, b"slept\n", "text/plain")


def hold(environ, start_response):
    """In C, with the interpreter; about as long, and no signal cuts it short."""
    sum(range(int(seconds(environ) * 3e7)))
    return respond(start_response, b"held\n", "text/plain")


def gate(environ, start_response):
    wait_gate(environ)
    return respond(start_response, b"waited\n", "text/plain")


def framework(environ, start_response):
    """As frameworks do: what goes wrong in a view becomes a response."""
    try:
        compute(environ)
    except Exception as error:
        return respond(start_response, repr(error).encode(), "text/plain", "500 Handled")
    return respond(start_response, b"looped\n", "text/plain")


def catch(environ, start_response):
    try:
        compute(environ)
    except appd.RequestTimeout as error:
        return respond(start_response, type(error).__mro__[1].__name__.encode(), "text/plain", "503 Caught")
    return respond(start_response, b"looped\n", "text/plain")


def swallow(environ, start_response):
    """Goes on whatever it is told."""
    end = time.monotonic() + seconds(environ)
    while time.monotonic() < end:
        try:
            while time.monotonic() < end:
                time.sleep(0.001)
        except BaseException:
            count(token(environ), "swallowed")
    return respond(start_response, b"went on\n", "text/plain")


def blocks(environ, start_response):
    """Ten blocks, with a pause before each but the first."""

    def chunks():
        for number in range(10):
            if number:
                time.sleep(seconds(environ))
            yield b"block,"

    start_response("200 OK", PLAIN)
    return Chunks(token(environ), chunks())


def stall(environ, start_response):
    """A block, then nothing for long."""

    def chunks():
        yield b"first,"
        compute(environ)
        yield b"second"

    start_response("200 OK", PLAIN)
    return Chunks(token(environ), chunks())


def read(environ, start_response):
    body = environ["wsgi.input"].read()
    return respond(start_response, {"length": len(body)})


def big(environ, start_response):
    """More than any socket holds, in blocks."""
    start_response("200 OK", PLAIN)
    return Chunks(token(environ), (bytes(100_000) for _ in range(200)))


def whoami(environ, start_response):
    return respond(start_response, {"pid": os.getpid(), "thread": threading.current_thread().name})


def counters(environ, start_response):
    return respond(start_response, counted(token(environ)))


def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
