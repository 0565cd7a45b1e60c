"""Clients that send requests to a front without a pause and account for every response."""

import hashlib
import os
import threading
from collections import Counter

import web
from processes import wait_until


class Load:
    """Threads that send GET and POST in turn while the `with` block runs. Each has a kept connection; together they
    are spread over a front's ports. Every response must be right: `wrong` lists those that are not, `bodies`
    counts the right ones to GET by their text."""

    def __init__(self, ports, connections=16):
        self.ports = list(ports)
        self.answered = 0
        self.wrong = []
        self.bodies = Counter()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(self.ports[i % len(self.ports)], i))
                         for i in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def wait_more(self, responses):
        """Waits until so many more requests have been answered."""
        wanted = self.answered + responses
        wait_until(lambda: self.wrong or self.answered >= wanted, f"{responses} answers under load")

    def _run(self, port, number):
        client = None
        while not self._ended.is_set() and len(self.wrong) < 10:
            try:
                for method in ("GET", "POST"):
                    client = client or web.Client(port)
                    body, reply = self._ask(client, method, number)
                    self._note(port, method, body, reply)
                    if reply.field("Connection") == "close":  # as nginx does after a thousand requests
                        client.close()
                        client = None
            except Exception as error:
                with self._lock:
                    self.wrong.append(f"port {port}: {type(error).__name__}: {error}")
                client = None
        if client:
            client.close()

    @staticmethod
    def _ask(client, method, number):
        if method == "GET":
            return None, client.request("GET", f"/load/{number}")
        body = os.urandom(number * 300)
        return body, client.request("POST", f"/load/{number}", body=body)

    def _note(self, port, method, body, reply):
        right = reply.status == 200 and reply.complete
        if body is not None:
            right = right and reply.body == hashlib.sha256(body).hexdigest().encode()
        with self._lock:
            self.answered += 1
            if not right:
                self.wrong.append(f"port {port}: {method}: {reply.status} {reply.body[:200]!r}")
            elif body is None:
                self.bodies[reply.body.decode()] += 1
