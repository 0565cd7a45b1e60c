"""Three hosts with appd behind HAProxy and nginx, each in a network namespace, with the files of deploy/cluster."""

import contextlib
import os
import re
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from appd import ROOT, FromOwnBinary
from load import Load
from network import Lan
from processes import Place, Process, alive, children, wait_until
from web import Client

FILES = ROOT / "deploy" / "cluster"
PORT = 80
ADMIN = "/run/haproxy/admin.sock"
SITE = '''
import hashlib, os, pathlib

def answer(environ):
    if environ["PATH_INFO"] == "/hold":
        gate = pathlib.Path(os.environ["PROBE_DIR"], environ["QUERY_STRING"])
        if gate.exists():
            gate.read_bytes()
    if environ["REQUEST_METHOD"] == "POST":
        return hashlib.sha256(environ["wsgi.input"].read()).hexdigest()
    return os.environ["HOST_OF_SITE"]

def application(environ, start_response):
    body = answer(environ).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
'''


class HostAppd(FromOwnBinary):
    """appd as deploy/cluster/appd.ini configures it."""

    def __init__(self, installed, name):
        super().__init__(installed, env={"HOST_OF_SITE": name})

    def command(self, arguments, environment):
        self.place.write("app.py", SITE)
        configuration = self.place.copy(FILES / "appd.ini")
        return super().command([arguments[0], "--config", configuration, "--chdir", self.place.path,
                                "--control", f"{self.address}.control"], environment)

    def kill(self):
        """As if the machine had lost its power: master and workers at once."""
        pids = [self.pid, *children(self.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # a worker ends by itself without its master
                os.kill(pid, signal.SIGKILL)
        self.wait_exit()
        wait_until(lambda: not any(map(alive, pids)), "master and workers are dead")


class Host:
    """A machine of the cluster. `appd` is what runs on it now."""

    def __init__(self, installed, lan, name, address):
        self.name = name
        self._installed = installed
        self.network = lan.join(name, f"{address}/24")
        self.appd = None
        self.start()

    def start(self):
        with self.network.entered():
            self.appd = HostAppd(self._installed, self.name)

    def kill(self):
        self.appd.kill()
        with contextlib.suppress(AssertionError):
            self.appd.stop()  # removes its folder


class Front:
    """A front in a namespace of its own. Clients are there too."""

    def __init__(self, lan, name, address):
        self.name = name
        self.network = lan.join(name, f"{address}/24")
        # Ports below 1024 are for everyone in there, as nothing else is.
        with self.network.entered():
            Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
            self.process = self.start_process()
            self.process.wait_ready(self.accepts)

    def accepts(self) -> bool:
        try:
            Client(PORT, timeout=1).close()
            return True
        except OSError:
            return False

    def client(self) -> Client:
        with self.network.entered():
            return Client(PORT)

    def stop(self):
        try:
            self.process.stop()
        finally:
            self.process.place.remove()


class ClusterHaProxy(Front):
    def start_process(self) -> Process:
        place = Place()
        text = (FILES / "haproxy.cfg").read_text()
        assert ADMIN in text
        configuration = place.write("haproxy.cfg", text.replace(ADMIN, str(place / "admin.sock")))
        return Process("haproxy", ["/usr/sbin/haproxy", "-db", "-f", configuration], place, as_root=True)

    def set_state(self, host, state):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.process.place / "admin.sock"))
            admin.sendall(f"set server site/{host} state {state}\n".encode())
            answer = admin.recv(4096)
        assert answer.strip() == b"", answer

    def count_said(self, host, state) -> int:
        """How often it has found a host UP or DOWN so far."""
        return len(re.findall(rf"Server site/{host} is {state}", self.process.log()))

    def wait_said(self, host, state, times):
        wait_until(lambda: self.count_said(host, state) >= times, f"{host} is {state} for HAProxy", within=20)


class ClusterNginx(Front):
    def count_disabled(self) -> int:
        """How often it has given up to connect to a host, and left it alone then."""
        return self.process.log().count("temporarily disabled while connecting to upstream")

    def start_process(self) -> Process:
        place = Place()
        place.folder("snippets")
        place.copy(ROOT / "configs" / "nginx" / "appd-fastcgi-kept.conf", "snippets/appd-fastcgi-kept.conf")
        place.copy("/etc/nginx/fastcgi_params")
        place.copy(FILES / "nginx.conf", "cluster.conf")
        paths = "\n".join(f"{kind}_temp_path {place.path}/{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        place.write("nginx.conf", f"daemon off; pid {place.path}/nginx.pid; error_log stderr info; worker_processes 1;\n"
                                  f"events {{}}\nhttp {{ access_log off;\n{paths}\ninclude cluster.conf; }}\n")
        return Process("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c", place / "nginx.conf"], place)


@dataclass
class Failure:
    """A request that was not answered with 200. HAProxy closes a kept connection without a status."""

    method: str
    status: int | None
    began: float


class ClusterLoad(Load):
    """Load on a front, from within its network. `failures` has more about each request that failed."""

    def __init__(self, front, connections=8):
        super().__init__([PORT], connections)
        self.failures = []
        self._network = front.network
        self._ended_of = Counter({number: 0 for number in range(connections)})

    def wait_served_by(self, host):
        """Waits until the host has answered a few more."""
        wanted = self.bodies[host] + 3
        wait_until(lambda: self.bodies[host] >= wanted, f"{host} answers", within=20)

    def wait_each_connection(self):
        """Waits until a request has ended, well or not, on each connection: none of them hangs."""
        before = self._ended_of.copy()
        wait_until(lambda: all(self._ended_of[number] > before[number] for number in before),
                   "a request has ended on each connection", within=20)

    def _run(self, port, number):
        with self._network.entered():
            super()._run(port, number)

    def _ask(self, client, method, number):
        began, status = time.monotonic(), None
        try:
            body, reply = super()._ask(client, method, number)
            status = reply.status
            return body, reply
        finally:
            self._ended_of[number] += 1
            if status != 200:
                self.failures.append(Failure(method, status, began))


class Cluster:
    """All of it. `close` ends what has been started, however far that came."""

    def __init__(self, installed):
        self._ends = contextlib.ExitStack()
        try:
            self.lan = Lan()
            self._ends.callback(self.lan.close)
            self.hosts = [self._start_host(installed, number) for number in (1, 2, 3)]
            self.fronts = {"haproxy": self._started(ClusterHaProxy(self.lan, "haproxy", "10.20.0.1")),
                           "nginx": self._started(ClusterNginx(self.lan, "nginx", "10.20.0.2"))}
        except BaseException:
            self._ends.close()
            raise

    def close(self):
        self._ends.close()

    def _start_host(self, installed, number) -> Host:
        host = Host(installed, self.lan, f"host{number}", f"10.20.0.{10 + number}")
        self._ends.callback(lambda: host.appd.stop())
        return host

    def _started(self, front) -> Front:
        self._ends.callback(front.stop)
        return front
