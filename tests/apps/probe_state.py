"""What wsgi_probe.py and the applications of wsgi_*_cases.py share: counters, gates, short responses.

The directory PROBE_DIR holds files and gates: named pipes that a route opens for reading, so that a test
knows when the route runs and decides when it goes on.
"""

import json
import os
import threading
from urllib.parse import parse_qsl

TEXT = [("Content-Type", "text/plain")]
_counters = {}
_lock = threading.Lock()


def options(environ):
    """The query string's pairs; of a name given twice the last."""
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def token(environ):
    """The name under which a request's events are counted."""
    return options(environ).get("token", "-")


def count(name, what, by=1):
    with _lock:
        found = _counters.setdefault(name, {})
        found[what] = found.get(what, 0) + by


def counted(name):
    with _lock:
        return dict(_counters.get(name, {}))


def probe_path(name):
    return os.path.join(os.environ["PROBE_DIR"], os.path.basename(name))


def wait_gate(environ):
    """Returns when the test has opened the gate for writing and closed it again."""
    with open(probe_path(options(environ)["gate"]), "rb") as gate:
        gate.read()


def respond(start_response, body, content_type="application/json", status="200 OK", fields=()):
    """A whole response with its length; what is no bytes becomes JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *fields])
    return [body]


def raised_by(function, *arguments):
    """The name of the exception that a call raises, or "nothing"."""
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__
    return "nothing"


class Cases(dict):
    """Applications by the names of their functions."""

    def add(self, function):
        self[function.__name__] = function
        return function


class Chunks:
    """Iterable and iterator in one, which counts what the server does with it."""

    def __init__(self, name, chunks):
        self.name = name
        self.chunks = iter(chunks)

    def __iter__(self):
        return self

    def __next__(self):
        count(self.name, "next")
        return next(self.chunks)

    def close(self):
        count(self.name, "close")
