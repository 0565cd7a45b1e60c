"""HTTP connections that clients and proxies keep while workers change: no request is lost."""

import signal

import pytest

import http_site
import web
from http_site import Upgraded
from load import Load
from processes import Place, Port, Process, alive, children, wait_until

open_site = http_site.open_site
LOADED = """
import hashlib
VERSION = {version!r}

def application(environ, start_response):
    body = environ["wsgi.input"].read()
    answer = hashlib.sha256(body).hexdigest() if environ["REQUEST_METHOD"] == "POST" else VERSION
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer.encode()]
"""


# ---- workers that change


@pytest.fixture
def loaded(open_site, place):
    """Starts a site for Load, whose version can be written anew."""

    def write(version):
        place.write("site_under_load.py", LOADED.format(version=version))

    def open_loaded(**rest):
        write("1")
        return open_site("--pythonpath", place.path, module="site_under_load", workers=2, **rest), write

    return open_loaded


def test_kept_connections_lose_no_request_while_generations_change(loaded):
    site, write = loaded()
    with Load([site.port.number]) as load:
        load.wait_more(200)
        for version in range(2, 12):
            write(str(version))
            before = children(site.pid)
            site.forget_log()
            site.send_signal(signal.SIGHUP)
            site.wait_event("reload.finished", within=60)
            load.wait_more(50)
            wait_until(lambda: not any(map(alive, before)), "the old workers have ended")
    assert load.wrong == []
    assert set(load.bodies) == {str(version) for version in range(1, 12)}


def test_kept_connections_lose_no_request_while_the_binary_changes(loaded):
    site, _ = loaded(kind=Upgraded)
    with Load([site.port.number]) as load:
        load.wait_more(200)
        for _ in range(3):
            before = children(site.pid)
            site.upgrade()
            load.wait_more(50)
            wait_until(lambda: not any(map(alive, before)), "the old workers have ended")
    assert load.wrong == []


def test_kept_connections_lose_no_request_while_workers_are_recycled(open_site, place):
    place.write("site_under_load.py", LOADED.format(version="1"))
    site = open_site("--pythonpath", place.path, "--max-requests", "100", module="site_under_load", workers=2)
    with Load([site.port.number]) as load:
        for _ in range(3):
            site.forget_log()
            load.wait_more(300)  # more than both workers may answer
            site.wait_event("worker.recycled")
    assert load.wrong == []


# ---- behind proxies


class Proxy(Process):
    """A proxy that speaks HTTP with appd and keeps its connections."""

    def __init__(self, name, command, text):
        self.port = Port()
        place = Place()
        path = place.write("proxy.conf", text.format(port=self.port.number, place=place.path))
        super().__init__(name, [*command, path], place)
        self.wait_ready(self.port.accepts)

    def stop(self):
        try:
            return super().stop()
        finally:
            self.port.release()
            self.place.remove()


def nginx(number) -> Proxy:
    return Proxy("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c"], f"""daemon off;
pid {{place}}/nginx.pid;
error_log stderr info;
worker_processes 1;
events {{{{ }}}}
http {{{{
  access_log off;
  client_body_temp_path {{place}}/client_body;
  proxy_temp_path {{place}}/proxy;
  fastcgi_temp_path {{place}}/fastcgi;
  uwsgi_temp_path {{place}}/uwsgi;
  scgi_temp_path {{place}}/scgi;
  client_max_body_size 0;
  upstream appd {{{{ server 127.0.0.1:{number}; keepalive 16; }}}}
  server {{{{
    listen 127.0.0.1:{{port}};
    location / {{{{
      proxy_pass http://appd;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
    }}}}
  }}}}
}}}}
""")


def haproxy(number) -> Proxy:
    return Proxy("haproxy", ["/usr/sbin/haproxy", "-db", "-f"], f"""global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 10s
frontend web
  bind 127.0.0.1:{{port}}
  default_backend site
backend site
  http-reuse always
  server appd 127.0.0.1:{number}
""")


@pytest.fixture(params=[nginx, haproxy], ids=["nginx", "haproxy"])
def front(request):
    return request.param


@pytest.fixture
def through(front, open_site):
    running = front(open_site().port.number)
    yield running.port.number
    running.stop()


def test_a_proxy_passes_all_kinds_of_requests(through):
    with web.Client(through) as client:
        for method, path, body in (("GET", "/hello", None), ("HEAD", "/hello", None), ("POST", "/echo", b"x" * 300_000),
                                   ("GET", "/sized?size=300000&length=no", None), ("GET", "/status?code=204", None),
                                   ("GET", "/status?code=304", None), ("POST", "/ignore", b"x" * 300_000)):
            reply = client.request(method, path, body=body)
            assert reply.status in (200, 204, 304) and reply.complete, (method, path, reply)
            if path == "/echo":
                assert reply.body == body
            if path.startswith("/sized"):
                assert len(reply.body) == 300_000
        chunked = client.request("POST", "/digest", body=iter([b"a", b"bc"]), chunked=True)
        assert chunked.json()["length"] == 3
        assert client.request("GET", "/environ?a=1").json()["QUERY_STRING"] == "a=1"


def test_a_proxy_shows_what_breaks_off(through):
    with web.Client(through) as client:
        client.send(web.head("GET", "/fail_later?length=no"))
        assert not client.read_reply().complete


def test_a_proxy_that_keeps_connections_loses_no_request_while_generations_change(front, loaded):
    site, write = loaded()
    running = front(site.port.number)
    try:
        with Load([running.port.number]) as load:
            load.wait_more(100)
            for version in range(2, 7):
                write(str(version))
                site.forget_log()
                site.send_signal(signal.SIGHUP)
                site.wait_event("reload.finished", within=60)
                load.wait_more(50)
        assert load.wrong == []
    finally:
        running.stop()
