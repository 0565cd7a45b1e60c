"""multiprocessing with fork: a pool for a request, a process that is terminated, a daemon for the worker's life."""

import json
import multiprocessing
import os
import threading
import time
from urllib.parse import parse_qs

processes = multiprocessing.get_context("fork")
# CPython's own fork for one thread keeps the pipes of another's open, by which that one waits for its child.
_forking = threading.Lock()
_daemon = None


def square(number):
    return number * number


def sleep_on():
    while True:
        time.sleep(60)


def exit_code(child):
    child.join(20)
    # start() in another thread may have taken it from the kernel, and not have kept it yet: CPython's race.
    end = time.monotonic() + 5
    while child.exitcode is None and time.monotonic() < end:
        time.sleep(0.001)
    return child.exitcode


def squares(environ):
    numbers = json.loads(environ["wsgi.input"].read())
    with _forking:
        pool = processes.Pool(2)
    with pool:
        return pool.map(square, numbers)


def terminated():
    """The exit code of a process that would not end by itself."""
    child = processes.Process(target=sleep_on)
    with _forking:
        child.start()
    child.terminate()
    return exit_code(child)


def through_a_queue(text):
    queue = processes.Queue()
    child = processes.Process(target=queue.put, args=(text,))
    with _forking:
        child.start()
    got = queue.get(timeout=20)
    return [got, exit_code(child)]


def daemon():
    """The process that helps this worker as long as it lives; its pid is noted for the test."""
    global _daemon
    with _forking:
        if _daemon is None:
            _daemon = processes.Process(target=sleep_on, daemon=True)
            _daemon.start()
            with open(os.environ["PROBE_DIR"] + "/daemons", "a") as notes:
                notes.write(f"{_daemon.pid}\n")
        return _daemon.is_alive()


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        response = squares(environ)
    else:
        (text,) = parse_qs(environ["QUERY_STRING"])["text"]
        response = {"terminated": terminated(), "queue": through_a_queue(text), "daemon": daemon()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(response).encode()]
