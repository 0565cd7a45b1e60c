"""Runs as the application whatever source text a test has put into the request."""

import types

shared = types.SimpleNamespace()  # what one test's requests leave for its next ones
_applications = {}


def respond(start_response, text):
    """A plain response; what is no str is shown as its repr."""
    body = (text if isinstance(text, str) else repr(text)).encode("utf-8", "backslashreplace")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def raised_by(function, *arguments):
    """The name of the exception that a call raises, or "nothing"."""
    try:
        function(*arguments)
    except BaseException as error:
        return type(error).__name__
    return "nothing"


class Chunks:
    """An iterable that notes in `events` what the server does with it."""

    def __init__(self, chunks, events):
        self.chunks = iter(chunks)
        self.events = events

    def __iter__(self):
        return self

    def __next__(self):
        self.events.append("next")
        return next(self.chunks)

    def close(self):
        self.events.append("close")


def application(environ, start_response):
    source = environ.pop("TEST_SOURCE").encode("latin-1").decode()
    if source not in _applications:
        names = {"shared": shared, "respond": respond, "raised_by": raised_by, "Chunks": Chunks}
        exec(compile(source, "<test>", "exec"), names)
        _applications[source] = names["application"]
    return _applications[source](environ, start_response)
