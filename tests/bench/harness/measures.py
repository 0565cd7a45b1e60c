"""What is done with a running server, and the figures that come of it.

A measure is called with what runs (`Running`) and the pace, and returns the figures of one round. Any
wrong or failed response raises BenchError.
"""

import json
import re
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import stream as streaming
import wire
from harness import fairness
from harness.servers import BenchError, Nginx, Server
from harness.single import socket_address
from processes import children

LOAD_BEYOND = 30.0  # seconds that a load run may take in addition to what it was told
IDLE_CONNECTIONS = 5000
LATE_LIMIT_MS = 5.0
SETTLING = 5  # times that something may be seen before what is seen counts


@dataclass(frozen=True)
class Pace:
    """How long one round is, in seconds."""

    seconds: float
    warm_up: float


@dataclass(frozen=True)
class Running:
    """A server, its front if there is one, and the length of the application's responses."""

    server: Server
    front: Nginx | None
    length: int

    @property
    def entrance(self) -> Server:
        return self.front or self.server


def run_load(running: Running, pace: Pace, measure, watched: Server, *extra) -> dict:
    """Drives the server and returns what appd_load reports; `watched` is whose CPU and memory it looks at."""
    application = running.server.job.application
    entrance = running.entrance
    command = [running.server.stage.load, "--wire", entrance.wire, "--address", entrance.address,
               "--connections", measure.connections, "--path", application.path,
               "--method", application.method, "--length", running.length, "--server-pid", watched.pid,
               "--seconds", pace.seconds, *extra]
    if pace.warm_up:
        command += ["--warm-up", pace.warm_up]
    if application.body:
        command += ["--body", application.body]
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=pace.seconds + pace.warm_up + LOAD_BEYOND)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{entrance.label} over {entrance.wire}: the load did not end in time") from None
    if done.returncode != 0:
        raise BenchError(f"{entrance.label} over {entrance.wire}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def latencies(report: dict) -> dict:
    found = {key: report[key] for key in ("requests_per_second", "p50_us", "p99_us", "p999_us")}
    return {**found, "p999_to_p50": report["p999_us"] / report["p50_us"]}


@dataclass(frozen=True)
class ClosedLoop:
    """So many connections, each with one request at a time, as fast as they are answered."""

    connections: int = 16
    columns = ("cpu_us", "requests_per_second", "p50_us", "p99_us")

    def __call__(self, running, pace) -> dict:
        report = run_load(running, pace, self, running.server)
        return {"cpu_us": report["server"]["cpu_us_per_request"], **latencies(report)}


@dataclass(frozen=True)
class Beside:
    """The same, with requests of a second kind, from connections of their own, for as long as it lasts."""

    path: str
    connections: int = 8
    beside_connections: int = 1
    columns = ("requests_per_second", "p50_us", "p99_us", "beside_per_second")

    def __call__(self, running, pace) -> dict:
        beside = f"{self.path},{self.beside_connections},{running.length}"
        report = run_load(running, pace, self, running.server, "--beside", beside)
        return {**latencies(report), "beside_per_second": report["beside"]["requests_per_second"]}


@dataclass(frozen=True)
class BehindFront:
    """The same through a front: CPU of the server alone, where it is apart from its front, and of both.

    The load generator looks at one process tree, so the front's share is measured in a run of its own."""

    connections: int = 16
    columns = ("cpu_us", "cpu_with_front_us", "requests_per_second", "p50_us", "p99_us")

    def __call__(self, running, pace) -> dict:
        report = run_load(running, pace, self, running.server)
        cpu = report["server"]["cpu_us_per_request"]
        if not running.front:  # mod_wsgi: its front is in its own tree
            return {"cpu_with_front_us": cpu, **latencies(report)}
        front = run_load(running, Pace(pace.seconds / 2, 0), self, running.front)
        both = cpu + front["server"]["cpu_us_per_request"]
        return {"cpu_us": cpu, "cpu_with_front_us": both, **latencies(report)}


@dataclass(frozen=True)
class Memory:
    """Proportional memory of all processes after a short run, with hardly a connection open."""

    connections: int = 2
    columns = ("pss_mib",)

    def __call__(self, running, pace) -> dict:
        report = run_load(running, Pace(min(pace.seconds, 0.5), 0), self, running.server)
        return {"pss_mib": report["server"]["pss_kib"] / 1024}


@dataclass(frozen=True)
class IdleConnections:
    """What a kept connection costs that nothing comes over."""

    connections: int = 2
    count: int = IDLE_CONNECTIONS
    columns = ("idle_connection_kib",)

    def __call__(self, running, pace) -> dict:
        pace = Pace(min(pace.seconds, 0.5), 0)
        server = run_load(running, pace, self, running.server, "--idle", self.count)["server"]
        return {"idle_connection_kib": (server["pss_kib"] - server["idle_pss_kib"]) / self.count}


@dataclass(frozen=True)
class WakeUps:
    """How often the threads of the workers go back to sleep while so many HTTP connections are kept and say nothing."""

    idle: int
    columns = ("wake_ups",)

    def __call__(self, running, pace) -> dict:
        workers = children(running.server.pid)
        address = socket_address(running.server.address)
        with ExitStack() as ends:
            for _ in range(self.idle):
                connection = ends.enter_context(wire.Http(address))
                if connection.request(wire.variables()).status != 200:
                    raise BenchError(f"{running.server.label}: a wrong response")
            # Some threads see only after a while that there is nothing to do.
            for _ in range(SETTLING):
                rate = sleeps_per_second(workers, pace.seconds)
                if rate == 0:
                    break
            return {"wake_ups": rate}


def sleeps_per_second(workers, seconds) -> float:
    before = sum(map(sleeps, workers))
    time.sleep(seconds)
    return (sum(map(sleeps, workers)) - before) / seconds


def sleeps(pid) -> int:
    """How often its threads have gone to sleep."""
    return sum(int(number) for status in Path(f"/proc/{pid}/task").glob("*/status")
               for number in re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.MULTILINE))


@dataclass(frozen=True)
class BlockOrder:
    """Whether each block of a stream has reached the client when the next but one is asked for.

    The application looks at a number that the client shares with it (stream.py), so no time is measured."""

    streams: int = 20
    columns = ("late_streams",)

    def __call__(self, running, pace) -> dict:
        progress = streaming.Progress(running.server.stage.place / "progress")
        late_before = progress.late()
        for _ in range(self.streams):
            progress.note_received(0)
            follow_stream(running.server, progress)
        return {"late_streams": progress.late() - late_before}


def follow_stream(server: Server, progress):
    """Makes one request and notes each block of the response as it comes."""
    name = server.wire.removesuffix("-kept")
    with wire.begin(name, socket_address(server.address), wire.variables()) as connection:
        head, body = b"", 0
        for data in stream_bytes(connection):
            if not body and b"\r\n\r\n" not in head:
                head += data
                data = head.partition(b"\r\n\r\n")[2]
            body += len(data)
            progress.note_received(body // len(streaming.BLOCK))
    if body != streaming.BLOCKS * len(streaming.BLOCK):
        raise BenchError(f"{server.label} over {server.wire}: {body} bytes of a stream")


def stream_bytes(connection):
    """What the application's response is made of, as it comes."""
    if isinstance(connection, wire.FastCgi):
        while (record := connection.read_record()) and record.kind != wire.END_REQUEST:
            if record.kind == wire.STDOUT:
                yield record.content
    else:
        while data := connection.read_some():
            yield data


@dataclass(frozen=True)
class Fairness:
    """Kept connections crowded in one worker, a mix of fast and slow requests (fairness.py)."""

    columns = ("idle_wait_ms", "waits_over_limit")

    def __call__(self, running, pace) -> dict:
        server = running.server
        workers = children(server.pid)
        try:
            fairness.wait_started(server.log, workers)
            with ExitStack() as ends:
                visitors = fairness.crowd_one_worker(server.address, workers, ends)
                records = fairness.converse(visitors, pace.seconds)
        except (AssertionError, OSError, ValueError) as error:
            raise BenchError(f"{server.label} over {server.wire}: {error}") from None
        waits = [wait / 1e6 for wait in fairness.idle_waits(records, workers, server.job.threads)]
        return {"idle_wait_ms": max(waits), "waits_over_limit": sum(wait > LATE_LIMIT_MS for wait in waits)}
