"""A request that kills its worker, again and again: others do not wait for that."""

import threading
import time

import wire

POISON = """
import ctypes

def application(environ, start_response):
    if environ["PATH_INFO"] == "/segv":
        ctypes.string_at(0)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"fine\\n"]
"""


def test_nobody_waits_for_long_while_a_request_kills_workers(start, place):
    place.write("poisoned.py", POISON)
    server = start("--pythonpath", place.path, module="poisoned", workers=2)
    end = time.monotonic() + 8

    def poison():
        while time.monotonic() < end:
            try:
                wire.begin("uwsgi", server.address, wire.variables(path="/segv")).close()
            except OSError:
                pass
            time.sleep(0.2)

    poisoner = threading.Thread(target=poison)
    poisoner.start()
    longest, answered = 0.0, 0
    while poisoner.is_alive():
        asked = time.monotonic()
        try:
            answered += server.call("uwsgi", "/").status == 200
        except (OSError, AssertionError, ValueError):
            continue  # it was in the worker that died
        finally:
            longest = max(longest, time.monotonic() - asked)
    poisoner.join()
    assert len(server.find_events("worker.died", "SIGSEGV")) > 4
    assert answered > 20
    assert longest < 4, longest
