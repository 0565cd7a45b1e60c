"""Reload: the next generation of workers takes the place of the present one, and no request is lost."""

import os
import re
import signal
from pathlib import Path

import pytest

import kept
import wire
from appd import Appd, find_binary, is_thread_sanitized
from fronts import MODES, Nginx
from kept import over_kept_wires
from load import Load
from processes import Port, alive, children, wait_until

RELOADED = "reload.finished"
FAILED = "reload.refused"

SITE = '''
import hashlib, os, time

VERSION = {version!r}
{extra}

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hold":
        with open(os.path.join(os.environ["PROBE_DIR"], environ["QUERY_STRING"])) as gate:
            gate.read()
    if environ["REQUEST_METHOD"] == "POST":
        body = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
    else:
        body = VERSION.encode()
    start_response(os.environ.get("STATUS_OF" + path.upper().replace("/", "_"), "200 OK"),
                   [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''


class Site:
    """A server whose application can be written anew."""

    def __init__(self, start, place, *options, version="1", **rest):
        self.place = place
        self.write(version)
        self.server = start("--pythonpath", place.path, *options, module="site_under_reload", **rest)

    def write(self, version, extra=""):
        self.place.write("site_under_reload.py", SITE.format(version=version, extra=extra))

    def reload(self, ends=RELOADED):
        self.server.forget_log()
        self.server.send_signal(signal.SIGHUP)
        return self.server.wait_event(ends, within=60)

    def version(self, protocol="fastcgi"):
        return self.server.call(protocol, "/").body.decode()


@pytest.fixture
def site(start, place):
    return lambda *options, **rest: Site(start, place, *options, **rest)


@pytest.fixture
def front():
    started = []

    def start_front(site):
        started.append(Nginx(site.server.address))
        return started[-1]

    yield start_front
    for each in started:
        each.stop()


def all_ports(nginx):
    return [nginx.port(mode) for mode in MODES]


def only_new_workers(server, before, workers):
    wait_until(lambda: not any(map(alive, before)), "the old workers have ended")
    wait_until(lambda: len(children(server.pid)) == workers, f"{workers} children")


# ---- under load, behind nginx


@pytest.mark.parametrize("options, reloads", [
    pytest.param([], 30, id="overlap"),
    pytest.param(["--reload-strategy", "rolling"], 10, id="rolling"),
    pytest.param(["--preload"], 5, id="preloaded", marks=pytest.mark.skipif(
        is_thread_sanitized(find_binary()), reason="--preload refuses the thread sanitizer's own thread")),
])
def test_no_request_is_lost_while_generations_change(site, front, options, reloads):
    site = site(*options, workers=2)
    before = children(site.server.pid)
    with Load(all_ports(front(site))) as load:
        load.wait_more(200)
        for number in range(reloads):
            site.write(str(number + 2))
            site.reload()
            load.wait_more(50)
    assert load.wrong == []
    assert site.version() == str(reloads + 1)
    assert set(load.bodies) == {str(number + 1) for number in range(reloads + 1)}
    only_new_workers(site.server, before, workers=3 if "--preload" in options else 2)


def test_broken_code_is_refused_under_load_and_nothing_is_lost(site, front):
    site = site(workers=2)
    before = set(children(site.server.pid))
    with Load(all_ports(front(site))) as load:
        load.wait_more(200)
        site.write("2", extra="import no_such_module_anywhere")
        for _ in range(3):
            assert "No module named 'no_such_module_anywhere'" in site.reload(FAILED).text
        load.wait_more(200)
    assert load.wrong == []
    assert set(load.bodies) == {"1"}
    wait_until(lambda: set(children(site.server.pid)) == before, "the same workers as before")


# ---- what goes on


def connect(site, protocol, count):
    connections = [kept.connect(protocol, site.server.address) for _ in range(count)]
    for each in connections:
        assert each.ask() == b"1"
    return connections


@over_kept_wires
def test_kept_connections_go_on_with_the_next_generation(site, protocol):
    site = site(workers=2)
    connections = connect(site, protocol, 6)
    for version in ("2", "3", "4"):
        before = children(site.server.pid)
        site.write(version)
        site.reload()
        only_new_workers(site.server, before, workers=2)
        assert {each.ask() for each in connections} == {version.encode()}
    for each in connections:
        each.close()


@over_kept_wires
def test_a_request_that_lasts_longer_than_reloads_ends_and_its_connection_goes_on(site, protocol):
    site = site("--graceful-timeout", "1s")
    gate = site.server.gate("held")
    (worker,) = children(site.server.pid)
    with kept.connect(protocol, site.server.address) as connection:
        connection.begin_asking("/hold", "held")
        gate.wait_entered()
        for version in ("2", "3"):
            site.write(version)
            site.reload()
        assert alive(worker)
        assert site.version() == "3"
        gate.open()
        assert connection.read_response().body == b"1"
        wait_until(lambda: not alive(worker), "the first worker has ended")
        assert connection.ask() == b"3"


@over_kept_wires
def test_hundreds_of_idle_connections_go_over(site, protocol):
    site = site()
    connections = connect(site, protocol, 500)
    before = children(site.server.pid)
    site.write("2")
    site.reload()
    only_new_workers(site.server, before, workers=1)
    for each in connections:
        assert each.ask() == b"2"
        each.close()


@over_kept_wires
def test_a_worker_that_is_told_to_end_leaves_its_connections_to_the_others(site, protocol):
    site = site(workers=2)
    connections = connect(site, protocol, 6)
    worker = children(site.server.pid)[0]
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: not alive(worker), "it has ended")
    for each in connections:
        assert each.ask() == b"1"
        each.close()


@over_kept_wires
def test_a_stop_closes_what_is_idle_and_waits_for_requests_of_all_generations(site, protocol):
    site = site()
    gate = site.server.gate("held")
    with kept.connect(protocol, site.server.address) as busy, kept.connect(protocol, site.server.address) as idle:
        busy.begin_asking("/hold", "held")
        gate.wait_entered()
        site.write("2")
        site.reload()
        assert idle.ask() == b"2"
        site.server.send_signal(signal.SIGTERM)
        assert idle.closed_by_peer()
        assert site.server.running()
        gate.open()
        assert busy.read_response().body == b"1"
        assert site.server.wait_exit() == 0


# ---- configuration


def test_the_configuration_is_read_again(site, place):
    config = place.write("appd.ini", "[appd]\nenv = STATUS_OF_=201 Created\nworkers = 1\n")
    site = site("--config", config, workers="1")
    assert site.server.call("fastcgi", "/").status == 201
    place.write("appd.ini", "[appd]\nenv = STATUS_OF_=202 Accepted\naccess-log = -\n")
    site.reload()
    assert site.server.call("fastcgi", "/").status == 202
    wait_until(lambda: '"GET / HTTP/1.1" 202' in site.server.output(), "the access log")


def test_a_configuration_that_is_wrong_is_refused(site, place):
    config = place.write("appd.ini", "[appd]\n")
    site = site("--config", config)
    place.write("appd.ini", "[appd]\nthreds = 3\n")
    assert "did you mean threads?" in site.reload(FAILED).text
    assert site.version() == "1"
    place.write("appd.ini", "[appd]\n")
    site.reload()


class FromFile(Appd):
    """All of whose options are in a file."""

    def command(self, arguments, environment):
        self.config = Path(self.address).parent / "appd.ini"
        self.configure(self.address)
        return [arguments[0], "--config", self.config]

    def configure(self, *sockets, module="wsgi_probe", extra=()):
        lines = ["[appd]", f"module = {module}", f"pythonpath = {self.installed.apps}",
                 f"env = PROBE_DIR={self.gates}", "workers = 1", *extra]
        self.config.write_text("\n".join(lines + [f"socket = {each}" for each in sockets]))

    def reload(self, ends=RELOADED):
        self.forget_log()
        self.send_signal(signal.SIGHUP)
        return self.wait_event(ends)


@pytest.fixture
def from_file(installed):
    server = FromFile(installed)
    yield server
    assert server.stop() == 0


def test_what_a_failed_reload_was_to_serve_is_forgotten(from_file):
    """The next one reads the file anew."""
    from_file.configure(from_file.address, module="no_such_module")
    assert "no_such_module" in from_file.reload(FAILED).text
    assert from_file.call("scgi", "/hello").status == 200
    from_file.configure(from_file.address, extra=["mount = /mended"])
    from_file.reload()
    assert from_file.call("scgi", "/mended/environ").json()["SCRIPT_NAME"] == "/mended"


def umask_of(pid):
    """What /proc shows: "0022"."""
    return re.search(r"^Umask:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE).group(1)


def test_a_reload_changes_the_umask_of_the_workers_and_not_of_their_master(from_file):
    started_with = umask_of(from_file.pid)
    for umask in ("0137", "0027"):
        from_file.configure(from_file.address, extra=[f"umask = {umask}"])
        from_file.reload()
        assert umask_of(from_file.call("scgi", "/whoami").json()["pid"]) == umask
        assert umask_of(from_file.pid) == started_with
    from_file.configure(from_file.address)
    from_file.reload()
    assert umask_of(from_file.call("scgi", "/whoami").json()["pid"]) == started_with


def test_a_reload_changes_the_log_level_of_the_master_too(from_file):
    for extra, told in (["log-level = debug"], True), ([], False):
        from_file.configure(from_file.address, extra=extra)
        from_file.reload()
        from_file.reload()  # of which all is told as it is set now
        assert [event.role for event in from_file.find_events("worker.started", r"^worker 1\b")] == ["master"] * told


def test_a_socket_that_is_no_longer_configured_refuses_while_a_request_of_it_runs(from_file):
    port = Port()
    other = f"127.0.0.1:{port.number}"
    from_file.configure(from_file.address, other)
    from_file.reload()
    gate = from_file.gate("held")
    with wire.begin("scgi", port.address, wire.variables(path="/hold", query="gate=held")) as held:
        gate.wait_entered()
        from_file.configure(from_file.address)
        from_file.reload()
        assert not port.accepts()
        assert from_file.call("scgi", "/hello").status == 200
        gate.open()
        assert held.read_response().status == 200
    port.release()


def test_a_stop_in_the_middle_of_a_reload_refuses_on_its_new_socket_too(from_file, place):
    place.write("never_imported.py", "import threading; threading.Event().wait()")
    port = Port()
    other = f"127.0.0.1:{port.number}"
    gate = from_file.gate("held")
    with wire.begin("scgi", from_file.address, wire.variables(path="/hold", query="gate=held")) as held:
        gate.wait_entered()
        from_file.configure(from_file.address, other, module="never_imported", extra=[f"pythonpath = {place.path}"])
        from_file.send_signal(signal.SIGHUP)
        wait_until(port.accepts, "the new socket listens")
        from_file.send_signal(signal.SIGTERM)
        wait_until(lambda: not port.accepts(), "it refuses", within=5)  # before its backlog is full
        gate.open()
        assert held.read_response().status == 200
    port.release()


def test_sockets_come_and_go_with_the_configuration(from_file):
    server = from_file
    other = str(server.place / "other.sock")
    server.configure(server.address, other)
    server.reload()
    assert server.accepts() and server.accepts(other)
    file = os.stat(server.address)
    server.configure(server.address)
    server.reload()
    wait_until(lambda: not os.path.exists(other), "its file is removed")
    assert (os.stat(server.address).st_ino, server.call("scgi", "/hello").status) == (file.st_ino, 200)
    server.configure(other)
    server.reload()
    assert wire.call("scgi", other, "/hello").status == 200
    wait_until(lambda: not os.path.exists(server.address), "its file is removed")


def test_warm_up_refuses_a_generation_that_cannot_answer(site):
    site = site("--warmup", "/", "--warmup", "/health?full=1")
    site.write("2", extra='os.environ["STATUS_OF_HEALTH"] = "503 Service Unavailable"')
    assert re.search(r"--warmup /health\?full=1 .*\b503\b", site.reload(FAILED).text)
    site.write("2", extra='os.environ["STATUS_OF_HEALTH"] = "500 Internal Server Error"')
    assert re.search(r"--warmup /health\?full=1 .*\b500\b", site.reload(FAILED).text)
    assert site.version() == "1"
    site.write("3", extra='os.environ["STATUS_OF_HEALTH"] = "299 Fine"')
    site.reload()
    assert site.version() == "3"


@pytest.mark.parametrize("protocol", wire.WIRES)
def test_warm_up_speaks_the_protocol_that_is_set(site, protocol):
    site = site("--warmup", "/", "--protocol", protocol)
    assert site.version(protocol) == "1"
