"""Scenario 15: does a request wait in one worker while another has nothing to do?

Kept FastCGI connections are opened while all workers but one stand still, so that one has most of them,
and then carry a mix of fast and slow requests. Each request is noted with the time at which it was sent
and what the application says of it (recorder.py): the process, begin and end. `idle_waits` is the verdict:
a pure function of these records.
"""

import heapq
import os
import random
import selectors
import signal
import time
from bisect import bisect_right
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import wire
from harness.single import fastcgi_message
from processes import all_threads_are, stop_process, wait_until

MIX = (("/fast", 75), ("/wait", 20), ("/cpu", 5))  # path, weight
THINK_TIME = (0.0, 0.060)  # seconds between a response and the next request of a connection
CROWDED = 13  # connections opened while one worker is awake
SPREAD = 3  # and afterwards
DEADLINE = 30.0


@dataclass(frozen=True)
class Record:
    """One request. Times of CLOCK_MONOTONIC in nanoseconds."""

    sent: int
    began: int
    ended: int
    pid: int


def free_workers(records: list, workers, threads: int):
    """From when on which workers have an idle thread: sorted times, and the sets that hold from each.

    Before the first time all are free."""
    changes = sorted([(record.began, 1, record.pid) for record in records] +
                     [(record.ended, -1, record.pid) for record in records])
    running = Counter()
    times, free = [], []
    for at, change, pid in changes:
        running[pid] += change
        times.append(at)
        free.append(frozenset(worker for worker in workers if running[worker] < threads))
    return times, free


def idle_waits(records: list, workers, threads: int) -> list:
    """For each record: for how many nanoseconds it waited while another worker had an idle thread.

    All such moments between sending and begin are added up, since a worker that runs many fast requests is
    never idle for long in one piece."""
    times, free = free_workers(records, workers, threads)

    def wait_of(record):
        waited, at = 0, record.sent
        index = bisect_right(times, at)
        while at < record.began:
            until = times[index]  # the request's own begin is among them
            now_free = free[index - 1] if index else frozenset(workers)
            if now_free - {record.pid}:
                waited += until - at
            at, index = until, index + 1
        return waited

    return [wait_of(record) for record in records]


def wait_started(log, workers):
    """Waits until all workers are ready, as the log says, and have settled down to wait."""
    wait_until(lambda: " server.ready: " in log(), "the workers are ready", DEADLINE)
    wait_until(lambda: all(all_threads_are("S", pid) for pid in workers), "the workers wait", DEADLINE)


@contextmanager
def standing_still(pids):
    """Stops processes for as long as the context lasts."""
    try:
        for pid in pids:
            stop_process(pid)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


class Visitor:
    """A kept connection that sends one request after another, with pauses, from a list of its own."""

    def __init__(self, address, number):
        self.connection = wire.FastCgi(address, DEADLINE)
        self._random = random.Random(number)
        self._sent = None

    def fileno(self):
        return self.connection.socket.fileno()

    def send(self, path=None):
        path = path or self._random.choices([path for path, _ in MIX], [weight for _, weight in MIX])[0]
        message = fastcgi_message(wire.variables(path=path))
        self.connection.expect()
        self._sent = time.monotonic_ns()
        self.connection.send(message)

    def receive(self) -> Record:
        response = self.connection.read_response()
        if response.status != 200 or not response.complete:
            raise AssertionError(f"wrong response: {response}")
        return Record(self._sent, **response.json())

    def pause(self) -> float:
        return self._random.uniform(*THINK_TIME)


def converse(visitors, seconds) -> list:
    """All send requests for so long; the records, when all responses are there."""
    end = time.monotonic() + seconds
    due = [(time.monotonic() + visitor.pause(), number) for number, visitor in enumerate(visitors)]
    heapq.heapify(due)
    records = []
    with selectors.DefaultSelector() as selector:
        while due or selector.get_map():
            now = time.monotonic()
            while due and due[0][0] <= now:
                _, number = heapq.heappop(due)
                visitors[number].send()
                selector.register(visitors[number], selectors.EVENT_READ, number)
            ready = selector.select(max(0.0, due[0][0] - time.monotonic()) if due else DEADLINE)
            if not ready and not due:
                raise AssertionError(f"no response within {DEADLINE:g} s")
            for key, _ in ready:
                selector.unregister(key.fileobj)
                records.append(key.fileobj.receive())
                next_time = time.monotonic() + key.fileobj.pause()
                if next_time < end:
                    heapq.heappush(due, (next_time, key.data))
    return records


def crowd_one_worker(address, workers, ends) -> list:
    """Visitors of whom most came while one worker alone was awake; `ends` (an ExitStack) closes them."""
    visitors = []

    def admit(count):
        for _ in range(count):
            visitors.append(Visitor(address, len(visitors)))
            ends.callback(visitors[-1].connection.close)
            visitors[-1].send("/fast")  # once it is answered, a worker has the connection
            visitors[-1].receive()

    with standing_still(workers[1:]):
        admit(CROWDED)
    admit(SPREAD)
    return visitors
