"""The servers: how each is started as a careful operator would, and how it is seen to be ready.

All run unprivileged, in a folder of their own, on a Unix socket where they can, else on a port that the
kernel has chosen, and log nothing per request."""

import signal
from dataclasses import dataclass
from pathlib import Path

import wire
from harness.single import call, socket_address
from harness.stage import PYTHON, Application, Stage
from processes import Place, Port, Process

BACKLOG = int(Path("/proc/sys/net/core/somaxconn").read_text())
LOG_TAIL = 12  # lines that a failure shows


class BenchError(Exception):
    """A server that does not start or answers wrongly: makes the run invalid."""


@dataclass(frozen=True)
class Job:
    """What a server is to run, and how."""

    application: Application
    wire: str  # as appd_load names it
    workers: int
    threads: int

    @property
    def module_name(self) -> str:
        return self.application.module.partition(":")[0]


class Server(Process):
    """A server at `address` (as appd_load takes it), which speaks `wire`."""

    label = ""

    @staticmethod
    def lacking(stage: Stage) -> str:
        """The reason why it cannot take part, or an empty string if it can."""
        return ""

    def __init__(self, stage: Stage, job: Job):
        self.stage = stage
        self.job = job
        self.wire = job.wire
        place = Place()
        self.address = self.make_address(place)
        environment = {**stage.environment(job.application), **self.environment()}
        super().__init__(self.label, self.arguments(place), place, environment)

    def make_address(self, place) -> str:
        return str(place / "server.sock")

    def arguments(self, place) -> list:
        raise NotImplementedError

    def environment(self) -> dict:
        return {}

    def wait_answering(self) -> int:
        """Waits until it answers, checks the response, and returns the length of its body."""
        try:
            self.wait_ready(self._accepts)
        except AssertionError as error:
            raise BenchError(str(error)) from None
        try:
            return check_response(self.job.application, self.wire, self.address)
        except (AssertionError, OSError, ValueError) as error:
            tail = "\n".join(self.log().splitlines()[-LOG_TAIL:])
            raise BenchError(f"{self.label} over {self.wire}: {error}\n{tail}") from None

    def _accepts(self) -> bool:
        try:
            wire.connect(socket_address(self.address), timeout=5).close()
            return True
        except OSError:
            return False

    def stop(self):
        try:
            return super().stop()
        finally:
            self.place.remove()


def check_response(application: Application, wire_name, address) -> int:
    """Makes one request and compares the whole response; the length of its body."""
    response = call(wire_name, address, application.path, application.method, b"x" * application.body)
    wanted = len(response.body) if application.length is None else application.length
    if (response.status, response.complete, len(response.body)) != (200, True, wanted) or \
            application.contains not in response.body:
        raise ValueError(f"wrong response: {response.status}, {len(response.body)} bytes: {response.body[:300]!r}")
    return len(response.body)


class Appd(Server):
    label = "appd"

    def arguments(self, place):
        return [self.stage.appd, "--socket", self.address, "--module", self.job.application.module,
                "--pythonpath", self.stage.apps, "--workers", self.job.workers, "--threads", self.job.threads]


class PreloadedAppd(Appd):
    """Imports before it forks."""

    def arguments(self, place):
        return [*super().arguments(place), "--preload"]


class Uwsgi(Server):
    """Imports before it forks, as it does by default."""

    label = "uWSGI"
    PROTOCOLS = {"fastcgi": "fastcgi-socket", "uwsgi": "uwsgi-socket", "scgi": "scgi-socket"}
    stop_signal = signal.SIGKILL  # its master needs a second to end, and nothing is measured any more

    def arguments(self, place):
        protocol = self.PROTOCOLS[self.wire]
        threads = ["--threads", self.job.threads, "--enable-threads"] if self.job.threads > 1 else []
        return ["/usr/bin/uwsgi", "--plugin", "python3", "--master", f"--{protocol}", self.address,
                "--chmod-socket=660", "--vacuum", "--listen", BACKLOG, "--processes", self.job.workers,
                *threads, "--pythonpath", self.stage.apps, "--module", self.job.application.module,
                "--need-app", "--single-interpreter", "--die-on-term", "--disable-logging",
                "--buffer-size", 32768, "--strict"]


class LazyUwsgi(Uwsgi):
    """Imports in each worker."""

    def arguments(self, place):
        return [*super().arguments(place), "--lazy-apps"]


class Gunicorn(Server):
    """Debian's. With one thread its plain worker, which closes connections but costs a third less than the
    threaded one."""

    label = "gunicorn"
    stop_signal = signal.SIGQUIT  # it waits for kept connections otherwise

    def arguments(self, place):
        kind = "gthread" if self.job.threads > 1 else "sync"
        return [PYTHON, "-m", "gunicorn", "--bind", f"unix:{self.address}", "--worker-class", kind,
                "--workers", self.job.workers, "--threads", self.job.threads, "--backlog", BACKLOG,
                "--keep-alive", 75 if self.wire == "http" else 0, "--pythonpath", self.stage.apps,
                "--log-level", "warning", "--worker-tmp-dir", "/dev/shm", self.job.application.module]


class NewestGunicorn(Gunicorn):
    """The one that pip gets, which can speak uwsgi."""

    label = "newest gunicorn"

    @staticmethod
    def lacking(stage):
        return "" if stage.from_pip("gunicorn") else "pip cannot get the newest gunicorn"

    def arguments(self, place):
        protocol = ["--protocol", "uwsgi", "--uwsgi-allow-from", "*"] if self.wire == "uwsgi" else []
        arguments = super().arguments(place)
        return [*arguments[:-1], *protocol, arguments[-1]]

    def environment(self):
        return {"PYTHONPATH": self.stage.from_pip("gunicorn")}


class Floor(Server):
    """The least that a server could do."""

    label = "floor"

    def arguments(self, place):
        return [self.stage.floor, self.wire, self.address, self.job.application.module]

    def environment(self):
        return {"PYTHONPATH": self.stage.apps}


class OnPort(Server):
    """A server that listens on a TCP port."""

    def make_address(self, place):
        self.port = Port()
        return f"{self.port.host}:{self.port.number}"

    def stop(self):
        try:
            return super().stop()
        finally:
            self.port.release()


class ModWsgi(OnPort):
    """Apache with the event MPM and mod_wsgi in daemon mode."""

    label = "mod_wsgi"
    MODULES = ("mpm_event", "authz_core", "wsgi")

    def arguments(self, place):
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                            for name in self.MODULES)
        daemon = f"processes={self.job.workers} threads={self.job.threads}"
        place.folder("htdocs")
        configuration = place.write("httpd.conf", f"""ServerRoot {place.path}
ServerName bench.test
PidFile {place.path}/httpd.pid
DefaultRuntimeDir {place.path}
DocumentRoot {place.path}/htdocs
ErrorLog /dev/stderr
LogLevel warn
Listen {self.address}
ListenBacklog {BACKLOG}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 75
StartServers 1
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
{modules}
Mutex pthread
WSGISocketPrefix {place.path}/wsgi
WSGIDaemonProcess bench {daemon} python-path={self.stage.apps} home={place.path}
WSGIProcessGroup bench
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {self.stage.apps}/{self.job.module_name}.py
<Directory {self.stage.apps}>
  Require all granted
</Directory>
""")
        return ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", configuration]


class Nginx(OnPort):
    """nginx with one worker in front of `behind`; it keeps connections where the protocol can."""

    label = "nginx"
    PASS = {
        "fastcgi-kept": "include snippets/appd-fastcgi-kept.conf;",
        "uwsgi": "include uwsgi_params; uwsgi_pass app;",
        "http": 'proxy_pass http://app_kept; proxy_http_version 1.1; proxy_set_header Connection "";'
                " proxy_set_header Host $host;",
        "http-closed": "proxy_pass http://app; proxy_set_header Host $host;",
    }

    def __init__(self, behind: Server):
        self.behind = behind
        super().__init__(behind.stage, behind.job)
        self.wire = "http"

    def upstreams(self, place) -> str:
        """What the http block has beside its server."""
        place.folder("snippets")
        shipped = self.stage.configs / "nginx"
        place.copy(shipped / "appd-fastcgi-kept.conf", "snippets/appd-fastcgi-kept.conf")
        for stock in ("fastcgi_params", "uwsgi_params"):
            place.copy(Path("/etc/nginx") / stock)
        server = f"server unix:{self.behind.address};"
        upstream = (shipped / "appd-upstream.conf").read_text()
        place.write("upstream.conf", upstream.replace("server unix:/run/app.sock;", server))
        return f"upstream app {{ {server} }} upstream app_kept {{ {server} keepalive 32; }} include upstream.conf;"

    def locations(self, place) -> str:
        return f"location / {{ {self.PASS[self.job.wire]} }}"

    def arguments(self, place):
        paths = "\n".join(f"  {kind}_temp_path {place.path}/{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        configuration = place.write("nginx.conf", f"""daemon off;
pid {place.path}/nginx.pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
{paths}
  keepalive_requests 1000000000;
  {self.upstreams(place)}
  server {{
    listen {self.address} backlog={BACKLOG};
    {self.locations(place)}
  }}
}}
""")
        return ["/usr/sbin/nginx", "-e", "stderr", "-c", configuration]
