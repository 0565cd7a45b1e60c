#!/usr/bin/python3
"""Sends requests to http://127.0.0.1/ over kept connections until SIGTERM, then prints how many failed, and how.

Half of them are POSTs, which nginx never repeats.
"""

import http.client
import signal
import sys
import threading

CONNECTIONS = 4
MOST_FAILURES = 20

stopping = threading.Event()
counts = {"responses": 0, "failures": 0}
lock = threading.Lock()


def count(what: str) -> None:
    with lock:
        counts[what] += 1
        if counts == {"responses": 1, "failures": 0}:
            print("the first response", flush=True)


def send(connection: http.client.HTTPConnection, method: str) -> None:
    connection.request(method, "/", body=b"x" * 1000 if method == "POST" else None)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or not body.startswith(b"worker "):
        raise OSError(f"{method}: {response.status} {body[:200]!r}")
    count("responses")


def send_until_told() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", timeout=30)
    while not stopping.is_set():
        for method in ("GET", "POST"):
            try:
                send(connection, method)
            except (OSError, http.client.HTTPException) as error:
                count("failures")
                print(f"{method} failed: {error!r}", flush=True)
                connection.close()
                if counts["failures"] >= MOST_FAILURES:
                    return


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threads = [threading.Thread(target=send_until_told) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    stopping.wait()
    for thread in threads:
        thread.join()
    print(f"{counts['responses']} responses, {counts['failures']} failures")
    return 0 if counts["responses"] and not counts["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
