"""A worker's memory stays bounded, whatever passes through it."""

import re
import resource
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import web
import wire
from appd import BY_MODULE, Appd, is_sanitized
from fronts import Nginx
from processes import clean_environment, unique

GIB = 1 << 30
MIB = 1 << 20
ABOVE_IDLE = 64 * MIB
WARM = 20_000
MANY = 200_000
GROWTH = 1 * MIB
BLOCK = bytes(MIB)
FEW_IDLE = 300
MANY_IDLE = 3_000
IDLE_CONNECTION = {"fastcgi": 2 * 1024, "http": 1280}  # bytes
SANITIZER_FACTOR = 4  # zones around what is allocated, and what is freed is kept for a while
MODULES = """
import sys


def application(environ, start_response):
    start_response("200 OK", [])
    names = ", ".join(f'"{name}"' for name in sys.modules)
    return [f'{{"python": "{sys.executable}", "modules": [{names}]}}'.encode()]
"""
BUSY = 8
ALLOCATING = f"""
import threading
together = threading.Barrier({BUSY})


def application(environ, start_response):
    blocks = [bytes(5000) for _ in range(20)]
    together.wait(60)
    start_response("200 OK", [])
    return [b"done"]
"""
HEAP = 64 * MIB
UPLOAD = wire.record(wire.STDIN, 1, bytes(65528)) * 16


def memory(pid, what) -> int:
    """Bytes of VmRSS or VmHWM."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{what}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) * 1024


def allowed(installed, size) -> int:
    """`size`, or what it is in a binary with a sanitizer."""
    return size * (SANITIZER_FACTOR if is_sanitized(installed.binary) else 1)


@pytest.fixture
def peak(start):
    """A server that has answered a little; afterwards its peak is compared with that."""
    server = start("--max-body", "0", http=True)
    for protocol in wire.ALL_WIRES:
        assert server.call(protocol, "/swallow", body=b"x" * 70_000).status == 200
        assert server.call(protocol, "/sized", query="size=70000").status == 200
    worker = server.only_worker()
    idle = memory(worker, "VmRSS")
    yield server
    assert server.only_worker() == worker
    above = memory(worker, "VmHWM") - idle
    assert above < ABOVE_IDLE, f"{above / MIB:.1f} MiB above idle"


def test_a_4_gib_upload_over_fastcgi(peak: Appd):
    count, rest = divmod(4 * GIB, 65528 * 16)
    with wire.FastCgi(peak.address) as connection:
        connection.begin(1)
        connection.params(wire.variables("POST", "/swallow", length=4 * GIB))
        for _ in range(count):
            connection.send(UPLOAD)
        connection.stdin(bytes(rest))
        assert connection.read_response().json() == {"length": 4 * GIB}


@pytest.mark.parametrize("protocol", ["uwsgi", "http"])
def test_a_4_gib_upload_over_a_raw_body(peak: Appd, protocol):
    response = peak.call(protocol, "/swallow", body=(BLOCK for _ in range(4 * GIB // MIB)), length=4 * GIB)
    assert response.json() == {"length": 4 * GIB}


def test_a_4_gib_upload_through_nginx_without_buffering(peak: Appd):
    nginx = Nginx(peak.address)
    try:
        reply = web.request(nginx.port("fastcgi-kept", streaming=True), "POST", "/swallow",
                            body=(BLOCK for _ in range(4 * GIB // MIB)), length=4 * GIB)
        assert reply.json() == {"length": 4 * GIB}
    finally:
        nginx.stop()


def received(connection) -> int:
    buffer = memoryview(bytearray(MIB))
    total = len(connection.pending)
    while size := connection.socket.recv_into(buffer):
        total += size
    return total


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi", "http"])
def test_a_4_gib_streamed_download(peak: Appd, protocol):
    named = wire.variables(path="/sized", query=f"size={4 * GIB}&length=no")
    with wire.begin(protocol, peak.address, named) as connection:
        if protocol == "http":
            connection.read_head()
            total = sum(len(part) for part in iter(connection.read_part, b""))
        else:
            total = received(connection)
    framing = 4 * GIB // 65528 * 32 if protocol == "fastcgi" else 0
    assert 4 * GIB <= total < 4 * GIB + framing + 65536


def test_a_4_gib_download_through_nginx_without_buffering(peak: Appd):
    nginx = Nginx(peak.address)
    try:
        with web.Client(nginx.port("fastcgi-kept", streaming=True)) as client:
            client.send(web.head("GET", f"/sized?size={4 * GIB}"))
            response = client.start_reply()
            buffer, total = bytearray(MIB), 0
            while size := response.readinto(buffer):
                total += size
        assert total == 4 * GIB
    finally:
        nginx.stop()


def test_a_reader_that_stops_does_not_make_the_response_pile_up(peak: Appd):
    """Nobody reads for a while: the application must be held back."""
    token = unique("slow")
    named = wire.variables(path="/sized", query=f"size={GIB}&length=no&token={token}")
    with wire.begin("fastcgi", peak.address, named) as connection:
        connection.read_record()
        before = -1
        while (made := peak.counted(token)["next"]) != before:
            before = made
            time.sleep(0.2)  # the pace of looking, until it stands still
        assert made * 65536 < ABOVE_IDLE


def test_memory_does_not_grow_with_the_number_of_requests(installed, start):
    server = start(threads=2)
    worker = server.only_worker()
    load = Load(server.address)
    load.run(WARM)
    after_warm = memory(worker, "VmRSS")
    load.run(MANY - WARM)
    after_many = memory(worker, "VmRSS")
    load.close()
    grown = after_many - after_warm
    assert grown <= allowed(installed, GROWTH), f"{grown / 1024:.0f} KiB more after {MANY} requests than after {WARM}"


@pytest.fixture
def many_descriptors():
    """Room for the connections, here and in the servers that are started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FEW_IDLE + MANY_IDLE + 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], needed), max(before[1], needed)))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def serve_kept(connection):
    """Requests after which the connection stays open."""
    named = wire.variables(path="/hello", headers=[("Cookie", "c" * 1000)])
    if isinstance(connection, wire.Http):
        # The server has the begin of the second head, alone, when it has answered the first.
        head = wire.http_head(named)
        connection.send(head + head[:1000])
        assert connection.read_response().status == 200
        connection.send(head[1000:])
    else:
        connection.begin()
        connection.params(named)
        connection.stdin(b"")
    return connection.read_response()


@pytest.mark.parametrize("protocol, most", IDLE_CONNECTION.items(), ids=IDLE_CONNECTION)
def test_an_idle_connection_that_has_been_served_costs_little(many_descriptors, installed, start, protocol, most):
    server = start(threads=2)
    worker = server.only_worker()
    with ExitStack() as ends:

        def open_idle(count):
            for _ in range(count):
                connection = ends.enter_context(wire.open_client(protocol, server.address))
                assert serve_kept(connection).status == 200

        open_idle(FEW_IDLE)
        after_few = memory(worker, "VmRSS")
        open_idle(MANY_IDLE)
        each = (memory(worker, "VmRSS") - after_few) / MANY_IDLE
    assert each <= allowed(installed, most), f"{each:.0f} bytes for each idle connection"


def test_a_worker_imports_no_more_than_it_needs_beside_the_application(start, place):
    place.write("modules.py", MODULES)
    server = start("--pythonpath", place.path, module="modules")
    imported = server.call("fastcgi").json()
    needed = subprocess.run([imported["python"], "-c", "import faulthandler, sys, threading; print(*sys.modules)"],
                            env=clean_environment(), capture_output=True, text=True, check=True).stdout
    of_the_module = {"appd._worker"} if BY_MODULE else set()
    assert set(imported["modules"]) - set(needed.split()) == {"modules", "appd"} | of_the_module


def heaps_of_threads(pid) -> int:
    """The C library reserves 64 MiB for each, at a multiple of its size, and uses the begin of it."""
    spans = [line.split(maxsplit=2)[:2] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    used = [[int(end, 16) for end in span.split("-")] for span, rights in spans if rights == "rw-p"]
    reserved = [[int(end, 16) for end in span.split("-")] for span, rights in spans if rights == "---p"]
    return sum(begin % HEAP == 0 and [end, begin + HEAP] in reserved for begin, end in used)


@pytest.mark.parametrize("variables, most", [({}, 1), ({"MALLOC_ARENA_MAX": "9"}, 8)], ids=["", "as the user says"])
def test_threads_share_heaps(installed, start, place, variables, most):
    if is_sanitized(installed.binary):
        pytest.skip("sanitizers have heaps of their own")
    place.write("allocating.py", ALLOCATING)
    server = start("--pythonpath", place.path, module="allocating", threads=BUSY, env=variables)
    with ExitStack() as ends:
        waiting = [ends.enter_context(wire.begin("uwsgi", server.address, wire.variables())) for _ in range(BUSY)]
        assert {connection.read_response().body for connection in waiting} == {b"done"}
    heaps = heaps_of_threads(server.only_worker())
    assert heaps == 1 if most == 1 else 1 < heaps <= most


class Load:
    """Requests over a kept FastCGI connection, a batch of ids at a time."""

    IDS = 16

    def __init__(self, address):
        self.connection = wire.FastCgi(address, timeout=30)
        named = wire.pairs(wire.variables(path="/hello", query="a=1", headers=[("Cookie", "a=b; c=d")] ))
        self.batch = b"".join(
            wire.record(wire.BEGIN_REQUEST, number, b"\0\1\1\0\0\0\0\0")
            + wire.record(wire.PARAMS, number, named) + wire.record(wire.PARAMS, number)
            + wire.record(wire.STDIN, number) for number in range(1, self.IDS + 1))

    def run(self, count):
        for _ in range(count // self.IDS):
            self.connection.send(self.batch)
            ends = 0
            while ends < self.IDS:
                got = self.connection.read_record()
                ends += got.kind == wire.END_REQUEST
                assert got.kind in (wire.STDOUT, wire.END_REQUEST)

    def close(self):
        self.connection.close()
