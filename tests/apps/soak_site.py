"""The application under the soak: writes down which requests begin and end, and answers what can be checked.

The record (`$PROBE_DIR/record`) is a file that all workers append whole lines to, so it outlives any of them:

    B <id> <pid> <version> <time>    a request begins
    E <id> <pid> <how> <time>        it ends: done, gone (its client has left), or the name of an exception

Times are those of CLOCK_MONOTONIC, which all processes share."""

import os
import time
from urllib.parse import parse_qs

import soak_version
from soak_pattern import digest, pattern

BLOCK = 65536
_record = os.open(os.path.join(os.environ["PROBE_DIR"], "record"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def write_down(what, request, detail):
    os.write(_record, f"{what} {request} {os.getpid()} {detail} {time.monotonic():.6f}\n".encode())


class Call:
    def __init__(self, environ, start_response):
        self.environ = environ
        self.asked = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        self.id = self.asked["id"]
        self._start_response = start_response

    def number(self, name) -> int:
        return int(self.asked[name])

    def start(self, length=None):
        fields = [("Content-Type", "application/octet-stream"),
                  ("X-Soak", f"{self.id} {os.getpid()} {soak_version.VERSION}")]
        if length is not None:
            fields.append(("Content-Length", str(length)))
        self._start_response("200 OK", fields)

    def respond(self, body):
        self.start(len(body))
        return [body]


def short(call):
    return call.respond(pattern(call.id, call.number("size")))


def slow(call):
    time.sleep(call.number("ms") / 1000)
    return short(call)


def upload(call):
    """Reads as it comes; a worker with the body of another request would be found out by the digest."""
    blocks = iter(lambda: call.environ["wsgi.input"].read(BLOCK), b"")
    return call.respond(digest(blocks))


def unread(call):
    """Answers without a look at the body."""
    return short(call)


class Blocks:
    """A response piece by piece, which notes its one close()."""

    def __init__(self, call, size, pause, end):
        self.id, self.length, self.sent = call.id, call.number("size"), 0
        self.size, self.pause, self.end = size, pause, end

    def __iter__(self):
        return self

    def __next__(self):
        block = pattern(self.id, min(self.size, self.length - self.sent), self.sent)
        if not block:
            raise StopIteration
        time.sleep(self.pause)
        self.sent += len(block)
        return block

    def close(self):
        self.end("gone" if self.sent < self.length else "done")


def stream(call, end):
    call.start()
    return Blocks(call, call.number("block"), call.number("ms") / 1000, end)


def download(call, end):
    call.start(call.number("size"))
    return Blocks(call, BLOCK, 0, end)


def file(call):
    path = os.path.join(os.environ["PROBE_DIR"], "file")
    call.start(os.path.getsize(path))
    return call.environ["wsgi.file_wrapper"](open(path, "rb"), BLOCK)


AT_ONCE = {"/short": short, "/slow": slow, "/upload": upload, "/unread": unread, "/file": file}
IN_BLOCKS = {"/stream": stream, "/download": download}


def application(environ, start_response):
    call = Call(environ, start_response)
    write_down("B", call.id, soak_version.VERSION)

    def end(how):
        write_down("E", call.id, how)

    path = environ["PATH_INFO"]
    if path in IN_BLOCKS:
        return IN_BLOCKS[path](call, end)
    try:
        response = AT_ONCE[path](call)
    except ConnectionError:
        end("gone")
        raise
    except BaseException as error:
        end(type(error).__name__)
        raise
    end("done")
    return response
