"""Real front servers, unprivileged, with the files of configs/ as an operator would include them."""

from pathlib import Path

from appd import ROOT
from processes import Place, Port, Process

CONFIGS = ROOT / "configs"
SOCKET_IN_CONFIGS = "/run/app.sock"
MODES = ("fastcgi-kept", "fastcgi-closed", "uwsgi", "scgi")


def point_at(text: str, socket_path) -> str:
    """A snippet's text, with appd's socket in place of the example."""
    assert SOCKET_IN_CONFIGS in text, f"{SOCKET_IN_CONFIGS} should be named in {text}"
    return text.replace(SOCKET_IN_CONFIGS, str(socket_path))


class Nginx(Process):
    """nginx with one server per protocol snippet, each with buffering and without.

    They listen on `port(mode)` and `port(mode, streaming=True)`. `extra` goes into the http block."""

    def __init__(self, socket_path, extra=""):
        self._extra = extra
        self._ports = {(mode, streaming): Port() for mode in MODES for streaming in (False, True)}
        place = Place()
        snippets = place.folder("snippets")
        for snippet in sorted((CONFIGS / "nginx").glob("appd-*.conf")):
            place.copy(snippet, f"snippets/{snippet.name}")
        for stock in ("fastcgi_params", "uwsgi_params", "scgi_params"):
            place.copy(Path("/etc/nginx") / stock)
        place.write("upstream.conf", point_at((snippets / "appd-upstream.conf").read_text(), socket_path))
        place.write("nginx.conf", self._configuration(place))
        super().__init__("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c", place / "nginx.conf"], place)
        self.wait_ready(lambda: all(port.accepts() for port in self._ports.values()))

    def port(self, mode, streaming=False) -> int:
        return self._ports[mode, streaming].number

    def stop(self):
        try:
            return super().stop()
        finally:
            for port in self._ports.values():
                port.release()
            self.place.remove()

    def _configuration(self, place) -> str:
        servers = "\n".join(self._server(mode, streaming, port.number)
                            for (mode, streaming), port in self._ports.items())
        paths = "\n".join(f"  {kind}_temp_path {place.path}/{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""daemon off;
pid {place.path}/nginx.pid;
error_log stderr info;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  default_type text/plain;
{paths}
  client_max_body_size 0;
  {self._extra}
  include upstream.conf;
{servers}
}}
"""

    @staticmethod
    def _server(mode, streaming, number) -> str:
        extra = "include snippets/appd-streaming.conf;" if streaming else ""
        return f"""  server {{
    listen 127.0.0.1:{number};
    server_name example.test;
    location / {{ include snippets/appd-{mode}.conf; {extra} }}
  }}"""


class Apache(Process):
    """Apache httpd with one virtual host per protocol snippet, each on `port(mode)`."""

    MODULES = ("mpm_event", "authz_core", "env", "proxy", "proxy_fcgi", "proxy_uwsgi", "proxy_scgi")

    def __init__(self, socket_path):
        self._ports = {mode: Port() for mode in MODES}
        place = Place()
        for snippet in sorted((CONFIGS / "apache").glob("appd-*.conf")):
            place.copy(snippet)
        place.folder("htdocs")
        socket_file = place / "appd-socket.conf"
        place.write("appd-socket.conf", point_at(socket_file.read_text(), socket_path))
        place.write("httpd.conf", self._configuration(place))
        super().__init__("apache2", ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", place / "httpd.conf"],
                         place)
        self.wait_ready(lambda: all(port.accepts() for port in self._ports.values()))

    def port(self, mode) -> int:
        return self._ports[mode].number

    def stop(self):
        try:
            return super().stop()
        finally:
            for port in self._ports.values():
                port.release()
            self.place.remove()

    def _configuration(self, place) -> str:
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                            for name in self.MODULES)
        hosts = "\n".join(self._host(mode, port.number) for mode, port in self._ports.items())
        return f"""ServerRoot {place.path}
ServerName example.test
PidFile {place.path}/httpd.pid
DefaultRuntimeDir {place.path}
DocumentRoot {place.path}/htdocs
ErrorLog /dev/stderr
LogLevel info
StartServers 1
ServerLimit 2
ThreadsPerChild 16
MaxRequestWorkers 32
{modules}
Mutex pthread
Include appd-socket.conf
{hosts}
"""

    @staticmethod
    def _host(mode, number) -> str:
        return f"""Listen 127.0.0.1:{number}
<VirtualHost 127.0.0.1:{number}>
  ServerName example.test
  Include appd-{mode}.conf
</VirtualHost>"""


class HaProxy(Process):
    """HAProxy with one port, whose requests share connections to appd (`option mpxs-conns`)."""

    def __init__(self, socket_path):
        self.port = Port()
        place = Place()
        place.write("haproxy.cfg", self._configuration(socket_path))
        super().__init__("haproxy", ["/usr/sbin/haproxy", "-db", "-f", place / "haproxy.cfg"], place)
        self.wait_ready(self.port.accepts)

    def stop(self):
        try:
            return super().stop()
        finally:
            self.port.release()
            self.place.remove()

    def _configuration(self, socket_path) -> str:
        return f"""global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 10s
fcgi-app appd
  docroot /
  option keep-conn
  option mpxs-conns
  set-param SCRIPT_NAME %[str()]
  set-param PATH_INFO %[path]
frontend web
  bind 127.0.0.1:{self.port.number}
  default_backend site
backend site
  http-reuse always
  use-fcgi-app appd
  server appd unix@{socket_path} proto fcgi
"""
