"""nginx in front, with each of its snippets in configs/nginx."""

import http.client
import os
import re
import socket

import pytest

import web
from appd import Appd
from front_matrix import MIB, FrontMatrix
from fronts import MODES, Nginx
from processes import wait_until


@pytest.fixture(scope="module")
def backend(probe):
    return probe


@pytest.fixture(scope="module")
def front(backend):
    nginx = Nginx(backend.address)
    yield nginx
    nginx.stop()


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


class TestNginx(FrontMatrix):
    pass


class TestNginxStreaming(FrontMatrix):
    """The same with configs/nginx/appd-streaming.conf: no buffering in either direction."""

    @pytest.fixture
    def port(self, front, mode):
        return front.port(mode, streaming=True)


def test_the_host_is_the_one_that_nginx_took_the_request_for(front, mode):
    """Of a whole URL in the request line, which counts for more than the Host field (RFC 9112, 3.2.2)."""
    with web.Client(front.port(mode)) as client:
        client.send(b"GET http://example.test/environ HTTP/1.1\r\nHost: other.test\r\n\r\n")
        assert client.read_reply().json()["HTTP_HOST"] == "example.test"


class OverridingNginx(Nginx):
    """Its operator has set variables again, after the include."""

    @staticmethod
    def _server(mode, streaming, number) -> str:
        again = {"SERVER_NAME": "public.test", "HTTPS": "on", "HTTP_HOST": "public.test:8443"}
        kind = mode.partition("-")[0]
        lines = "".join(f"{kind}_param {name} {value}; " for name, value in again.items())
        return Nginx._server(mode, streaming, number).replace(f"appd-{mode}.conf;", f"appd-{mode}.conf; {lines}")


def test_variables_that_are_set_again_have_the_last_value_and_are_told_of_once(start, mode):
    backend = start()
    nginx = OverridingNginx(backend.address)
    try:
        for _ in range(3):
            environ = web.get(nginx.port(mode), "/environ").json()
            assert environ["SERVER_NAME"] == "public.test" and environ["wsgi.url_scheme"] == "https"
            assert environ["HTTP_HOST"] == "public.test:8443"
    finally:
        nginx.stop()
    said = [event.text for event in backend.find_events("request.variable_repeated")]
    expected = ["HTTP_HOST", "SERVER_NAME"]  # HTTPS, which was empty, was not sent before
    assert sorted(re.match(r"GET /environ: .* ([A-Z_]+) .*the last one counts", text)[1] for text in said) == expected


class BareNginx(Nginx):
    @staticmethod
    def _server(mode, streaming, number) -> str:
        return f"""  server {{
    listen 127.0.0.1:{number};
    location / {{ fastcgi_pass appd_kept; fastcgi_keep_conn on; }}
  }}"""


def test_an_nginx_without_its_variables_is_told_so(start, place):
    """As when `include fastcgi_params;` has been forgotten."""
    backend = start()
    nginx = BareNginx(backend.address)
    try:
        reply = web.get(nginx.port("fastcgi-kept"), "/")
    finally:
        nginx.stop()
    assert reply.status == 400
    assert b"REQUEST_METHOD is missing: the front sends no CGI variables" in reply.body
    backend.wait_event("request.bad", 'in nginx, "include fastcgi_params;"')


@pytest.mark.parametrize("size", [0, 11, MIB, 5 * MIB])
def test_a_chunked_upload_with_request_buffering_off_has_its_true_length(front, mode, size):
    upload = web.Upload(size)
    reply = web.request(front.port(mode, streaming=True), "POST", "/digest", body=upload, chunked=True)
    assert reply.status == 200
    assert reply.json() == {"length": size, "sha256": upload.sha256, "announced": str(size)}


def test_a_chunked_upload_in_slow_pieces_arrives_whole(front, mode):
    with web.Client(front.port(mode, streaming=True)) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.send(web.head("POST", "/echo", chunked=True))
        for piece in (b"one ", b"two ", b"three"):
            client.send(web.chunk(piece))
        client.send(web.LAST_CHUNK)
        assert client.read_reply().body == b"one two three"


def test_an_upload_with_request_buffering_off_reaches_the_application_while_it_is_sent(front, mode):
    """Head and body apart: where nginx's SCGI announces too little, appd must know better."""
    body = bytes(range(256)) * 4 * 1024
    with web.Client(front.port(mode, streaming=True)) as client:
        client.send(web.head("POST", "/echo", length=len(body)))
        client.send(body[:10])
        client.send(body[10:])
        reply = client.read_reply()
    assert (reply.status, reply.body == body) == (200, True)


def open_sockets(pid) -> int:
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def test_kept_connections_are_reused_and_the_others_closed(installed):
    backend = Appd(installed)
    nginx = Nginx(backend.address)
    try:
        worker = backend.only_worker()
        idle = wait_until(lambda: open_sockets(worker), "the worker's sockets")
        for other in ("fastcgi-closed", "uwsgi", "scgi"):
            assert web.get(nginx.port(other), "/hello").status == 200
            wait_until(lambda: open_sockets(worker) == idle, f"the connection over {other} is closed")
        for _ in range(20):
            assert web.get(nginx.port("fastcgi-kept"), "/hello").status == 200
        assert open_sockets(worker) == idle + 1
    finally:
        nginx.stop()
        backend.stop()


@pytest.mark.parametrize("mode", ["fastcgi-kept", "fastcgi-closed"])
@pytest.mark.parametrize("streaming", [False, True])
def test_an_error_after_a_head_without_length_shows_as_an_incomplete_response(front, mode, streaming):
    with web.Client(front.port(mode, streaming)) as client:
        client.send(web.head("GET", "/fail_later?length=no"))
        try:
            reply = client.read_reply()
        except http.client.RemoteDisconnected:
            return  # nginx had sent nothing on yet: the client got no response at all
    assert reply.status == 502 or not reply.complete
