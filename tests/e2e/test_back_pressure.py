"""Who has to wait for whom: nothing stands still for ever, and nothing piles up."""

import hashlib
import select
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import every_wire
import web
import wire
from fronts import MODES, Apache, HaProxy
from processes import wait_until
from test_memory import MIB, allowed, memory

protocol = every_wire.protocol

SITE = """
from probe_state import respond, options, wait_gate

def late(environ, start_response):
    wait_gate(environ)
    return digest(environ, start_response)

def digest(environ, start_response):
    import hashlib
    found = hashlib.sha256()
    while block := environ["wsgi.input"].read(65536):
        found.update(block)
    return respond(start_response, {"sha256": found.hexdigest()})

def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"s" * 10_000 for _ in range(30))

def whole(environ, start_response):
    return respond(start_response, b"w" * int(options(environ)["size"]), "text/plain")

def application(environ, start_response):
    route = {"/late": late, "/digest": digest, "/stream": stream, "/whole": whole}
    return route[environ["PATH_INFO"]](environ, start_response)
"""
BUFFER = 64 * 1024


def pattern(size, seed=b"1") -> bytes:
    return (hashlib.sha512(seed).digest() * (size // 64 + 1))[:size]


def sha256(body) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def site(start, place):
    place.write("site_under_pressure.py", SITE)

    def start_site(*options, **rest):
        return start("--pythonpath", place.path, "--body-buffer", BUFFER, *options,
                     module="site_under_pressure", **rest)

    return start_site


def post(path, body, query="") -> list:
    return wire.variables("POST", path, query, len(body))


def head(named, request_id) -> bytes:
    begin = wire.record(wire.BEGIN_REQUEST, request_id, bytes([0, wire.RESPONDER, wire.KEEP_CONN, 0, 0, 0, 0, 0]))
    return begin + wire.record(wire.PARAMS, request_id, wire.pairs(named)) + wire.record(wire.PARAMS, request_id)


# ---- nothing stands still


@pytest.mark.parametrize("start_at", range(60_000, 76_000, 2_000))
def test_two_uploads_share_a_connection_wherever_the_second_begins(site, start_at):
    server = site(threads=2)
    gate = server.gate("late")
    bodies = {1: pattern(300_000, b"1"), 2: pattern(300_000, b"2")}
    bytes_ = head(post("/late", bodies[1], "gate=late"), 1)
    sent = {1: 0, 2: 0}

    def more(request_id, size):
        part = bodies[request_id][sent[request_id] : sent[request_id] + size]
        sent[request_id] += len(part)
        return wire.record(wire.STDIN, request_id, part)

    while sent[1] < start_at:
        bytes_ += more(1, 2_000)
    bytes_ += head(post("/digest", bodies[2]), 2)
    for _ in range(8):
        bytes_ += more(1, 2_000) + more(2, 2_000)
    with wire.FastCgi(server.address) as connection:
        connection.expect(1)
        connection.expect(2)
        connection.send(bytes_)
        gate.wait_entered()
        gate.open()
        while sent[1] < len(bodies[1]) or sent[2] < len(bodies[2]):
            connection.send(more(1, 2_000) + more(2, 2_000))
        for request_id, body in bodies.items():
            connection.send_record(wire.STDIN, request_id)
            assert connection.read_response(request_id=request_id).json() == {"sha256": sha256(body)}


def test_a_connection_hears_on_after_an_abort_of_what_it_had_paused_for(site):
    server = site(threads=2)
    body = pattern(5_000_000)
    begun = head(post("/digest", body), 1)
    for at in range(0, 72_000, 24_000):
        begun += wire.record(wire.STDIN, 1, body[at : at + 24_000])
    with wire.FastCgi(server.address) as connection:
        connection.expect(1)
        connection.send(begun + wire.record(wire.ABORT_REQUEST, 1))
        assert connection.read_end(1)[1] == wire.REQUEST_COMPLETE
        assert connection.request(wire.variables(path="/stream"), request_id=2).status == 200


@pytest.mark.parametrize("size", [200_000, 4 * MIB])
def test_the_rest_of_a_body_is_taken_after_503(site, protocol, size):
    server = site("--queue-timeout", "200ms", threads=1)
    gate = server.gate("busy")
    body = pattern(size)
    busy = wire.begin(protocol, server.address, post("/late", b"", "gate=busy"))
    gate.wait_entered()
    with wire.open_client(protocol, server.address) as connection:
        if protocol == "fastcgi":
            connection.begin(1)
            connection.params(post("/digest", body))
            connection.stdin(body)
            assert connection.read_response().status == 503
            gate.open()
            assert connection.request(post("/digest", body), body, 2).json() == {"sha256": sha256(body)}
        else:
            connection.send(wire.PACKETS[protocol](post("/digest", body)) + body)
            assert connection.read_response().status == 503
            gate.open()
    assert busy.read_response().status == 200
    busy.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_client_of_apache_sees_the_503(site, mode):
    server = site("--queue-timeout", "200ms", threads=1)
    gate = server.gate("busy")
    apache = Apache(server.address)
    try:
        busy = wire.begin("uwsgi", server.address, post("/late", b"", "gate=busy"))
        gate.wait_entered()
        reply = web.request(apache.port(mode), "POST", "/digest", body=pattern(4 * MIB))
        assert (reply.status, reply.complete) == (503, True)
        gate.open()
        busy.close()
    finally:
        apache.stop()


def test_a_body_is_taken_while_the_application_streams_and_does_not_read(site, protocol):
    server = site()
    body = pattern(2 * MIB)
    for _ in range(20):
        response = server.call(protocol, "/stream", body=body)
        assert (response.status, len(response.body), response.complete) == (200, 300_000, True)


def test_no_time_of_the_front_runs_while_nobody_reads_from_it(site):
    server = site("--header-timeout", "1s", "--body-timeout", "1s", threads=2)
    gate = server.gate("late")
    body, later = pattern(300_000), head(wire.variables(path="/stream"), 2)
    first = head(post("/late", body, "gate=late"), 1)
    for at in range(0, 90_000, 30_000):
        first += wire.record(wire.STDIN, 1, body[at : at + 30_000])
    with wire.FastCgi(server.address) as connection:
        connection.expect(1)
        connection.expect(2)
        connection.send(first + later[:20])
        gate.wait_entered()
        time.sleep(2.5)  # the application's pace
        gate.open()
        connection.send(later[20:] + wire.record(wire.STDIN, 2))
        connection.stdin(body[90_000:], 1)
        assert connection.read_response(request_id=1).json() == {"sha256": sha256(body)}
        assert connection.read_response(request_id=2).status == 200
    assert not server.find_events(("body.timeout", "connection.timeout", "queue.timeout", "request.deadline"))


def test_uploads_that_haproxy_sends_over_one_connection_all_end(site):
    server = site(threads=4)
    haproxy = HaProxy(server.address)
    try:
        def upload(number):
            body = pattern(3 * MIB + number * 1000, str(number).encode())
            reply = web.request(haproxy.port.number, "POST", "/digest", body=body)
            return reply.status == 200 and reply.json() == {"sha256": sha256(body)}

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(upload, range(24)))
    finally:
        haproxy.stop()


# ---- nothing piles up


def send_unread(connection, data, most) -> int:
    """Sends `data` again and again, reads nothing; how much went out before a second without progress."""
    sent = 0
    connection.socket.setblocking(False)
    while sent < most and select.select([], [connection.socket], [], 1)[1]:
        sent += connection.socket.send(data[sent % len(data) :])
    connection.socket.setblocking(True)
    return sent


@pytest.mark.parametrize("asked", ["values", "unknown type", "unknown role", "refused", "responses"])
def test_who_does_not_read_replies_cannot_ask_for_more(site, installed, asked):
    server = site()
    worker = server.only_worker()
    assert server.call("fastcgi", "/stream").status == 200
    idle = memory(worker, "VmRSS")
    large = wire.variables(path="/whole", query="size=100000")
    begin = wire.record(wire.BEGIN_REQUEST, 1, bytes([0, wire.RESPONDER, 1, 0, 0, 0, 0, 0]))
    data = {
        "values": wire.record(wire.GET_VALUES, 0, wire.pairs([("FCGI_MAX_CONNS", ""), ("FCGI_MAX_REQS", "")])),
        "unknown type": wire.record(77, 0),
        "unknown role": wire.record(wire.BEGIN_REQUEST, 5, bytes([0, 9, 1, 0, 0, 0, 0, 0])),
        "refused": begin + wire.record(wire.PARAMS, 1),
        "responses": b"".join(head(large, number) + wire.record(wire.STDIN, number) for number in range(1, 20_000)),
    }[asked]
    data *= max(65_536 // len(data), 1)
    with wire.FastCgi(server.address) as connection:
        sent = send_unread(connection, data, 100 * MIB)
        assert sent < 20 * MIB
        assert memory(worker, "VmRSS") < idle + 20 * MIB
    assert server.call("fastcgi", "/stream").status == 200
    wait_until(lambda: memory(worker, "VmRSS") < idle + allowed(installed, 8 * MIB), "the memory came back")


def test_responses_that_nobody_reads_take_no_more_than_their_memory(site, installed):
    server = site("--write-timeout", "60s")
    worker = server.only_worker()
    assert server.call("uwsgi", "/whole", query=f"size={4 * MIB}").status == 200
    idle = memory(worker, "VmRSS")
    asked = [wire.begin("uwsgi", server.address, wire.variables(path="/whole", query=f"size={4 * MIB}"))
             for _ in range(60)]
    # It is answered after those before it.
    assert server.call("uwsgi", "/whole", query="size=10").status == 200
    assert memory(worker, "VmRSS") < idle + allowed(installed, 110 * MIB)
    for connection in asked[::3]:
        assert connection.read_response().body == b"w" * (4 * MIB)
    for connection in asked:
        connection.close()
    wait_until(lambda: server.call("uwsgi", "/whole", query="size=10") and
               memory(worker, "VmRSS") < idle + 20 * MIB, "the memory came back")


def test_a_response_that_finds_no_room_on_the_disk_breaks_off(site):
    server = site("--write-timeout", "60s", "--spool-limit", "1M")
    asked = [wire.begin("uwsgi", server.address, wire.variables(path="/whole", query=f"size={4 * MIB}"))
             for _ in range(30)]
    assert server.wait_event("response.not_spooled", r"--spool-limit\b").level == "error"
    whole = [connection.read_response().complete for connection in asked]
    assert 10 <= whole.count(True) < 30
    for connection in asked:
        connection.close()
