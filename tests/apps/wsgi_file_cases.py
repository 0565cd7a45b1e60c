"""Small applications for PEP 3333 that send files, and what is like a file, by wsgi.file_wrapper.

wsgi_probe.py serves them under /case/<name of the function>.
"""

import io
import sys

from probe_state import TEXT, Cases, Chunks, count, options, probe_path, respond, token

CASES = Cases()
case = CASES.add


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
