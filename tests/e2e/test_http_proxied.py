"""The PROXY protocol: HAProxy tells the client's address before the first byte of HTTP."""

import signal

import pytest

import http_site
import web
import wire
from http_proxies import haproxy
from http_site import reload_under_load
from processes import alive, children, wait_until

open_site = http_site.open_site
loaded = http_site.loaded
# What the proxy's own connections come from; its clients come from 127.0.0.1.
PROXY = "127.0.0.44"
HEADER = b"PROXY TCP4 203.0.113.5 203.0.113.9 4711 443\r\n"
GET = b"GET /environ HTTP/1.1\r\nHost: example.test\r\n\r\n"


@pytest.fixture
def proxied(open_site):
    return open_site("--proxy-protocol", "--log-level", "debug", "--header-timeout", "1s")


@pytest.fixture(params=["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def proxy(request):
    ends = []

    def open_proxy(number):
        ends.append(haproxy(number, f"source {PROXY} {request.param}"))
        return ends[-1].port.number

    yield open_proxy
    for each in ends:
        each.stop()


def test_the_application_sees_the_client_of_the_proxy(proxied, proxy):
    with web.Client(proxy(proxied.port.number)) as client:
        own = client.socket.getsockname()
        for _ in range(3):
            environ = client.request("GET", "/environ").json()
            assert (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"])) == own
            assert environ["SERVER_PORT"] == "80" or int(environ["SERVER_PORT"]) == proxied.port.number


def test_without_the_option_it_is_the_proxy(open_site):
    site = open_site()
    running = haproxy(site.port.number, f"source {PROXY}")
    try:
        with web.Client(running.port.number) as client:
            assert client.request("GET", "/environ").json()["REMOTE_ADDR"] == PROXY
    finally:
        running.stop()


def test_no_request_is_lost_and_each_is_the_clients_while_generations_change(loaded, proxy):
    site, write = loaded("--proxy-protocol")
    reload_under_load([proxy(site.port.number)], site, write, last=6)


@pytest.mark.parametrize("before, after", [("yes", "no"), ("no", "yes")])
def test_a_reload_that_changes_the_option_keeps_what_its_connections_are(open_site, place, before, after):
    config = place.write("appd.ini", f"[appd]\nproxy-protocol = {before}\n")
    site = open_site("--config", config)
    first = HEADER if before == "yes" else b""
    expected = "203.0.113.5" if before == "yes" else "127.0.0.1"
    with site.connect() as kept:
        kept.send(first + GET)
        assert kept.read_response().json()["REMOTE_ADDR"] == expected
        place.write("appd.ini", f"[appd]\nproxy-protocol = {after}\n")
        old = children(site.pid)
        site.send_signal(signal.SIGHUP)
        site.wait_event("reload.finished", within=60)
        wait_until(lambda: not any(map(alive, old)), "the old workers have ended")
        kept.send(GET)
        assert kept.read_response().json()["REMOTE_ADDR"] == expected
    with site.connect() as new:
        new.send((HEADER if after == "yes" else b"") + GET)
        assert new.read_response().json()["REMOTE_ADDR"] == ("203.0.113.5" if after == "yes" else "127.0.0.1")


@pytest.mark.parametrize("sent", [GET, b"PROXY TCP4 203.0.113.5\r\n" + GET, b"\x16\x03\x01"],
                         ids=["none", "malformed", "TLS"])
def test_a_connection_without_a_header_is_closed_with_one_line(proxied, sent):
    proxied.forget_log()
    with proxied.connect() as client:
        client.send(sent)
        assert client.closed_by_peer()
    assert "--proxy-protocol" in proxied.wait_event("connection.malformed").text
    with proxied.connect() as client:
        client.send(HEADER + GET)
        assert client.read_response().json()["REMOTE_ADDR"] == "203.0.113.5"
    assert len([each for each in proxied.events() if each.name.startswith(("connection.", "request."))]) == 1


def test_a_header_that_does_not_end_is_closed_after_the_header_timeout(proxied):
    with proxied.connect() as client:
        client.send(HEADER[:20])
        assert client.closed_by_peer()
    assert "PROXY protocol" in proxied.wait_event("connection.timeout").text


def test_the_sockets_of_fronts_have_no_header(proxied):
    assert wire.call("uwsgi", proxied.address, "/hello").status == 200
