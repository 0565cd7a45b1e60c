"""The servers that speak HTTP with clients themselves, and one that has nothing but files.

Where they are compared they listen on TCP, since clients come that way."""

from pathlib import Path

from harness.servers import BACKLOG, Appd, Nginx, OnPort, Server, Uwsgi
from harness.stage import PYTHON, Stage


class HttpAppd(Appd):
    def arguments(self, place):
        arguments = super().arguments(place)
        arguments[arguments.index("--socket")] = "--http"
        return [*arguments, *self.files()]

    def files(self) -> list:
        return []


class QuietAppd(HttpAppd):
    """Without the sign of life that a worker gives every five seconds."""

    def arguments(self, place):
        return [*super().arguments(place), "--heartbeat", 0]


class StaticAppd(OnPort, HttpAppd):
    def files(self):
        return ["--static", f"/static={self.stage.files}"]


class TcpAppd(OnPort, HttpAppd):
    pass


class FastCgiTcpAppd(OnPort, Appd):
    pass


class HttpUwsgi(OnPort, Uwsgi):
    """Its http-socket closes each connection. There is an http11-socket that keeps them, but it holds a thread for
    each, so most of 16 would wait."""

    PROTOCOLS = {"http-closed": "http-socket"}


class Granian(OnPort, Server):
    """As pip gets it, with the threads that it chooses itself."""

    label = "granian"

    @staticmethod
    def lacking(stage: Stage):
        return "" if stage.from_pip("granian") else "pip cannot get granian"

    def arguments(self, place):
        return [PYTHON, "-m", "granian", "--interface", "wsgi", "--host", self.port.host, "--port", self.port.number,
                "--workers", self.job.workers, "--backlog", max(BACKLOG, 128), "--log-level", "warning",
                *self.tuning(), self.job.application.module]

    def tuning(self) -> list:
        return []

    def environment(self):
        return {"PYTHONPATH": f"{self.stage.from_pip('granian')}:{self.stage.apps}"}


class TunedGranian(Granian):
    """With as many threads as the others, and without what HTTP/1.1 does not need."""

    def tuning(self):
        return ["--http", "1", "--no-ws", "--blocking-threads", self.job.threads]


class FileNginx(Nginx):
    """nginx with one worker, which serves the folder of files as /static."""

    label = "nginx"

    def __init__(self, stage: Stage, job):
        Server.__init__(self, stage, job)

    def locations(self, place):
        return f"location /static {{ root {Path(self.stage.files).parent}; sendfile on; tcp_nopush on; }}"

    def upstreams(self, place):
        return ""
