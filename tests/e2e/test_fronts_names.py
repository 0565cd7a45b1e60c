"""What each front makes of header names and lengths that a client makes up, and of repeated cookies.

docs/protocols.md tells operators what to expect from their front; these tests hold it to that. Whatever
the front passes on, no header of a client may change how long appd waits for a body.
"""

import os
import re
import shutil
import subprocess

import pytest

import web
from fronts import Apache, Nginx
from processes import Place, Port, Process

LIGHTTPD, CADDY, HAPROXY = "/usr/sbin/lighttpd", "/usr/bin/caddy", "/usr/sbin/haproxy"


class SmallFront(Process):
    """A front with a configuration of the test's own; `ports` by protocol are where it listens."""

    def __init__(self, binary, protocols, *arguments):
        self.ports = {protocol: Port() for protocol in protocols}
        place = Place()
        configuration = place.write("front.conf", self.configuration(place))
        super().__init__(os.path.basename(binary), [binary, *arguments, configuration], place,
                         {"XDG_DATA_HOME": place.path, "XDG_CONFIG_HOME": place.path})
        self.wait_ready(lambda: all(port.accepts() for port in self.ports.values()))

    def port(self, protocol) -> int:
        return self.ports[protocol].number

    def stop(self):
        try:
            return super().stop()
        finally:
            for port in self.ports.values():
                port.release()
            self.place.remove()


class Lighttpd(SmallFront):
    """Under another name, which `server.tag` gives it."""

    def __init__(self, socket_path):
        self.socket_path = socket_path
        super().__init__(LIGHTTPD, ("fastcgi", "uwsgi", "scgi"), "-D", "-f")

    def configuration(self, place):
        modules = {"fastcgi": "fastcgi.server", "uwsgi": 'scgi.protocol = "uwsgi"\n  scgi.server',
                   "scgi": "scgi.server"}
        hosts = "\n".join(f"""$SERVER["socket"] == "127.0.0.1:{port.number}" {{
  {modules[protocol]} = ("/" => (("socket" => "{self.socket_path}", "check-local" => "disable")))
}}""" for protocol, port in self.ports.items())
        return f"""server.document-root = "{place.path}"
server.bind = "{place / 'unused.sock'}"
server.tag = "web"
server.modules = ("mod_fastcgi", "mod_scgi")
server.errorlog = "{place / 'error.log'}"
{hosts}
"""


class Caddy(SmallFront):
    def __init__(self, socket_path):
        self.socket_path = socket_path
        super().__init__(CADDY, ("fastcgi",), "run", "--adapter", "caddyfile", "--config")

    def configuration(self, place):
        return f"""{{
  admin off
  auto_https off
}}
http://:{self.port("fastcgi")} {{
  bind 127.0.0.1
  reverse_proxy unix/{self.socket_path} {{
    transport fastcgi {{
      root {place.path}
    }}
  }}
}}
"""


class Haproxy(SmallFront):
    def __init__(self, socket_path):
        self.socket_path = socket_path
        super().__init__(HAPROXY, ("fastcgi",), "-db", "-f")

    def configuration(self, place):
        return f"""defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
frontend web
  bind 127.0.0.1:{self.port("fastcgi")}
  default_backend appd
backend appd
  use-fcgi-app appd
  server appd {self.socket_path} proto fcgi
fcgi-app appd
  docroot {place.path}
  path-info ^(/.*)$
"""


class ObliviousNginx(Nginx):
    """It lets underscores in header names pass."""

    def __init__(self, socket_path):
        super().__init__(socket_path, "underscores_in_headers on;")


def needs(front, binary):
    return pytest.mark.skipif(not shutil.which(binary), reason=f"{binary} is not installed") if binary else ()


NGINX = ("fastcgi-kept", "uwsgi", "scgi")
FRONTS = [  # front, protocols, becomes of X_A and X-A, joins cookies by
    ("nginx", Nginx, NGINX, {"dash"}, "; "),
    ("nginx-underscores", ObliviousNginx, NGINX, {"under, dash"}, "; "),
    ("apache", Apache, NGINX, {"dash"}, ", "),
    ("lighttpd", Lighttpd, ("fastcgi", "uwsgi", "scgi"), {"under, dash"}, "; "),
    ("caddy", Caddy, ("fastcgi",), {"under", "dash"}, ", "),
    ("haproxy", Haproxy, ("fastcgi",), {"dash"}, "; "),
]
BINARIES = {"lighttpd": LIGHTTPD, "caddy": CADDY, "haproxy": HAPROXY}


@pytest.fixture(scope="module", params=[
    pytest.param(each, id=each[0], marks=needs(each[0], BINARIES.get(each[0]))) for each in FRONTS])
def known(request, probe):
    _, make, protocols, merged, joiner = request.param
    front = make(probe.address)
    yield front, protocols, merged, joiner
    front.stop()


@pytest.mark.parametrize("forged", ["Content_Length", "Content.Length"])
@pytest.mark.parametrize("position", ["before", "behind"])
def test_a_length_that_a_client_makes_up_keeps_nobody_waiting(known, forged, position):
    front, protocols, *_ = known
    fields = [("Content-Length", "4"), (forged, "77")]
    for protocol in protocols:
        with web.Client(front.port(protocol), timeout=10) as client:
            client.send(web.head("POST", "/echo", fields if position == "behind" else fields[::-1]) + b"body")
            reply = client.read_reply()
        served = (reply.status, reply.body) == (200, b"body")
        refused = reply.status == 400 and b"APPD_CONTENT_LENGTH" in reply.body
        assert served or (refused and protocol == "scgi"), (protocol, reply)


def test_names_that_differ_in_an_underscore_are_as_documented(known):
    front, protocols, merged, _ = known
    for protocol in protocols:
        environ = web.get(front.port(protocol), "/environ", [("X_A", "under"), ("X-A", "dash")]).json()
        assert environ["HTTP_X_A"] in merged, protocol


def test_a_second_host_is_refused_by_the_front(known):
    """So the last HTTP_HOST, which counts, is never one that a client has added."""
    front, protocols, _, _ = known
    for protocol in protocols:
        with web.Client(front.port(protocol)) as client:
            client.send(b"GET /environ HTTP/1.1\r\nHost: example.test\r\nHost: other.test\r\n\r\n")
            assert client.read_reply().status == 400, protocol


def test_cookies_that_come_apart_are_joined_as_documented(known):
    front, protocols, _, joiner = known
    for protocol in protocols:
        environ = web.get(front.port(protocol), "/environ", [("Cookie", "a=1"), ("Cookie", "b=2")]).json()
        assert environ["HTTP_COOKIE"] == f"a=1{joiner}b=2", protocol


def version_of_nginx() -> tuple:
    shown = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(map(int, re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", shown).groups()))


def test_an_upload_that_nginx_announces_short_is_refused_and_its_mending_named(start):
    """Stock scgi_params: nothing says how long the body really is but the client."""
    server = start()
    place = Place()
    port = Port()
    place.write("nginx.conf", f"""daemon off;
pid {place.path}/nginx.pid;
error_log stderr info;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {place.path}/body; proxy_temp_path {place.path}/proxy;
  fastcgi_temp_path {place.path}/fastcgi; uwsgi_temp_path {place.path}/uwsgi; scgi_temp_path {place.path}/scgi;
  server {{
    listen 127.0.0.1:{port.number};
    location / {{ include /etc/nginx/scgi_params; scgi_pass unix:{server.address}; scgi_request_buffering off; }}
  }}
}}
""")
    nginx = Process("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c", place / "nginx.conf"], place)
    try:
        nginx.wait_ready(port.accepts)
        with web.Client(port.number, timeout=20) as client:
            client.send(web.head("POST", "/echo", length=12))
            if version_of_nginx() >= (1, 29, 6):  # without the mistake
                client.send(b"twelve bytes")
                assert client.read_reply().body == b"twelve bytes"
            else:  # it sends the head on before there is a body
                reply = client.read_reply()
                assert (reply.status, b"APPD_CONTENT_LENGTH" in reply.body) == (400, True)
                assert server.wait_event("request.bad", "scgi_param APPD_CONTENT_LENGTH").level == "warn"
    finally:
        nginx.stop()
        port.release()
        place.remove()
