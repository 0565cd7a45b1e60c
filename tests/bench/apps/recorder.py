"""Fast requests, slow ones that wait (/wait, 50 ms) and slow ones that compute (/cpu, 20 ms).

The response tells which process ran the request, and when it began and ended (CLOCK_MONOTONIC, ns).
"""

import json
import os
import time

WAIT = 0.050
CPU_SECONDS = 0.020


def spend(path):
    if path == "/wait":
        time.sleep(WAIT)
    elif path == "/cpu":
        end = time.thread_time() + CPU_SECONDS
        while time.thread_time() < end:
            pass


def application(environ, start_response):
    began = time.monotonic_ns()
    spend(environ["PATH_INFO"])
    record = {"pid": os.getpid(), "began": began, "ended": time.monotonic_ns()}
    body = json.dumps(record).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
