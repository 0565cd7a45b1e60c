"""What only HTTP has: clients that keep their connection, ask for a "continue", or are no clients of HTTP at all."""

import http.client
import socket
import subprocess

import h11
import pytest

import http_site
import wire
from http_site import Site
from processes import unique

open_site = http_site.open_site


@pytest.fixture(scope="module")
def site(installed):
    running = Site(installed, "--log-level", "debug", "--max-params", "32K", "--max-body", "1M",
                   "--header-timeout", "1s")
    yield running
    running.stop()


@pytest.fixture
def log_of_one_test(site):
    site.forget_log()


def get(path, fields="", version="1.1") -> bytes:
    return f"GET {path} HTTP/{version}\r\nHost: example.test\r\n{fields}\r\n".encode("latin-1")


def post(path, body: bytes, fields="") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: example.test\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode("latin-1") + body


# ---- clients


def curl(*arguments, body=b"") -> bytes:
    ran = subprocess.run(["curl", "-sS", "--max-time", "60", *arguments], input=body, capture_output=True, timeout=90)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_curl_keeps_its_connection(site):
    connects = curl("-w", "%{num_connects} ", site.url("/hello"), site.url("/whoami"), site.url("/hello"),
                    "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null")
    assert connects == b"1 0 0 "


def test_curl_head(site):
    assert b"content-length: 14\r\n" in curl("-I", site.url("/hello")).lower()


@pytest.mark.parametrize("fields", [["Expect: 100-continue"], ["Transfer-Encoding: chunked"],
                                    ["Transfer-Encoding: chunked", "Expect: 100-continue"]], ids=str)
def test_curl_uploads(site, fields):
    body = bytes(range(256)) * 2000
    more = [part for field in fields for part in ("-H", field)]
    assert curl("--data-binary", "@-", "--expect100-timeout", "60", *more, site.url("/echo"), body=body) == body


def test_curl_of_http_1_0_gets_a_body_without_chunks(site):
    shown = curl("-0", "-i", site.url("/sized?size=200000&length=no"))
    head, _, body = shown.partition(b"\r\n\r\n")
    assert len(body) == 200_000 and b"chunked" not in head.lower() and b"connection: close" in head.lower()


def test_http_client_of_python(site):
    client = http.client.HTTPConnection("127.0.0.1", site.port.number, timeout=60)
    client.connect()
    own = client.sock
    for method, path, body in (("GET", "/hello", None), ("HEAD", "/hello", None), ("POST", "/echo", b"abc"),
                               ("GET", "/sized?size=100000&length=no", None), ("GET", "/status?code=204", None),
                               ("POST", "/echo", iter([b"a", b"bc"]))):
        client.request(method, path, body, encode_chunked=True)
        response = client.getresponse()
        found = response.read()
        assert response.status in (200, 204) and (body is None or found == b"abc")
        assert client.sock is own, f"the connection was closed after {method} {path}"
    client.close()


@pytest.mark.parametrize("path", ["/hello", "/sized?size=300000", "/sized?size=300000&length=no", "/status?code=204",
                                  "/status?code=304", "/write", "/fail", "/returns?what=None"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_h11_finds_no_fault(site, method, path):
    client = h11.Connection(h11.CLIENT)
    with wire.Connection(site.port.address) as connection:
        for _ in range(2):
            connection.send(client.send(h11.Request(method=method, target=path, headers=[("Host", "example.test")])))
            connection.send(client.send(h11.EndOfMessage()))
            seen = []
            while not seen or type(seen[-1]) is not h11.EndOfMessage:
                event = client.next_event()
                if event is h11.NEED_DATA:
                    client.receive_data(connection.read_some())
                else:
                    seen.append(event)
            assert isinstance(seen[0], h11.Response)
            client.start_next_cycle()


# ---- one after the other


def test_pipelined_requests_are_answered_in_order(site):
    gate = site.gate(unique("first"))
    with site.connect() as client:
        client.send(get(f"/hold?gate={gate.name}") + post("/echo", b"second") + get("/hello") + get("/whoami"))
        gate.wait_entered()
        gate.open()
        assert client.read_response().json()["held"] is True
        assert client.read_response().body == b"second"
        assert client.read_response().body == b"Hello, world!\n"
        assert client.read_response().json()["pid"] == site.only_worker()


def test_many_pipelined_requests_are_answered_in_order(site):
    with site.connect() as client:
        client.send(b"".join(post("/echo", b"%d" % number) for number in range(500)))
        assert [int(client.read_response().body) for _ in range(500)] == list(range(500))


def test_a_client_is_asked_for_its_body_when_the_application_reads(site):
    with site.connect() as client:
        client.send(post("/echo", b"", "Expect: 100-continue\r\n").replace(b"Length: 0", b"Length: 3"))
        asked = client.read_exactly(25)
        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc" + get("/hello"))
        assert client.read_response().body == b"abc"
        assert client.read_response().body == b"Hello, world!\n"


def test_a_client_whose_body_nobody_reads_is_not_asked(site):
    with site.connect() as client:
        client.send(post("/ignore", b"", "Expect: 100-continue\r\n").replace(b"Length: 0", b"Length: 3"))
        response = client.read_response()
        assert (response.json(), client.continues, response.field("Connection")) == ({"read": 0}, 0, "close")
        assert client.closed_by_peer()


def test_a_response_that_breaks_off_is_visibly_incomplete(site):
    for path in ("/fail_later", "/fail_later?length=no"):
        with site.connect() as client:
            client.send(get(path))
            assert not client.read_response().complete


# ---- refused


REFUSED = {
    "a target too long": (get("/" + "x" * 9000), 414, "request.bad"),
    "fields too large": (get("/", f"X-Huge: {'h' * 40_000}\r\n"), 431, "request.too_large"),
    "fields too many": (get("/", "".join(f"X{number}: \r\n" for number in range(1001))), 431, "request.too_large"),
    "a body too large": (get("/", "Content-Length: 2000000\r\n"), 413, "request.too_large"),
    "chunks too large": (get("/", "Transfer-Encoding: chunked\r\n") + b"1e8480\r\n" + bytes(2_000_000), 413,
                         "request.too_large"),
    "half a head": (b"GET / HTTP/1.1\r\nHost: exa", 408, "connection.timeout"),
    "a method too long": (b"X" * 200 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "request.bad"),
    "a proxy's method": (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, "request.bad"),
    "another coding": (get("/", "Transfer-Encoding: gzip, chunked\r\n"), 501, "request.bad"),
    "another version": (get("/", version="2.0"), 505, "request.bad"),
    "another expectation": (get("/", "Expect: wonders\r\n"), 417, "request.bad"),
    "NUL": (get("/", "X-Nul: a\0b\r\n"), 400, "request.bad"),
    "a folded field": (get("/", "X-Folded: a\r\n b\r\n"), 400, "request.bad"),
    "LF alone": (b"GET / HTTP/1.1\nHost: a\n\n", 400, "request.bad"),
    "a blank before the colon": (get("/", "X-Blank : a\r\n"), 400, "request.bad"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "request.bad"),
    "two hosts": (get("/", "Host: b\r\n"), 400, "request.bad"),
    "two lengths": (get("/", "Content-Length: 1\r\nContent-Length: 1\r\n"), 400, "request.bad"),
    "length and chunks": (get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400, "request.bad"),
    "no length": (get("/", "Content-Length: abc\r\n"), 400, "request.bad"),
    "a negative length": (get("/", "Content-Length: -5\r\n"), 400, "request.bad"),
    "a length beyond 64 bits": (get("/", "Content-Length: 99999999999999999999999\r\n"), 400, "request.bad"),
    "a chunk without a size": (get("/echo", "Transfer-Encoding: chunked\r\n") + b"x\r\n", 400, "request.bad"),
}


@pytest.mark.parametrize("sent, status, event", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_has_its_status_and_event_and_ends_the_connection(site, log_of_one_test, sent, status, event):
    worker = site.only_worker()
    with site.connect() as client:
        client.send(sent)
        response = client.read_response()
        assert (response.status, response.complete, response.field("Connection")) == (status, True, "close")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.closed_by_peer() and not client.was_reset
    site.wait_event(event, rf"\b{status}\b")
    loud = [each for each in site.events() if each.level in ("warn", "error")]
    assert len(loud) <= 1, loud
    assert site.only_worker() == worker


CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(194)
FOREIGN = {
    "TLS": (CLIENT_HELLO, "TLS"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), "HTTP/2|HTTP/1.1"),
}


@pytest.mark.parametrize("sent, words", FOREIGN.values(), ids=FOREIGN)
def test_other_protocols_are_refused_in_words(site, log_of_one_test, sent, words):
    with site.connect() as client:
        client.send(sent)
        assert client.read_response().status in (400, 505)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.closed_by_peer()
    site.wait_event(("request.bad", "connection.wrong_protocol", "connection.malformed"), words)


def test_the_socket_of_fronts_speaks_no_http(site):
    with wire.Http(site.address) as client:
        client.send(get("/hello"))
        assert client.read_response().status == 400


# ---- clients that are slow


def test_clients_that_send_or_read_slowly_hold_no_thread(open_site):
    site = open_site(threads=1)
    body = b"x" * 200
    with site.connect() as sender, site.connect() as reader, site.connect() as other:
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.send(get("/sized?size=500000"))
        assert reader.read_head().status == 200
        whole = post("/echo", body)
        for at in range(len(whole)):
            sender.send(whole[at : at + 1])
            if at % 20 == 0:
                other.send(get("/hello"))
                assert other.read_response().body == b"Hello, world!\n"
                assert len(reader.socket.recv(1)) == 1
        assert sender.read_response().body == body


def test_a_connection_that_is_idle_for_too_long_is_closed(open_site):
    site = open_site("--keep-alive-timeout", "1s")
    with site.connect() as client:
        client.send(get("/hello"))
        assert client.read_response().status == 200
        assert client.closed_by_peer() and not client.was_reset
    assert not [each for each in site.events() if each.level in ("warn", "error")]
