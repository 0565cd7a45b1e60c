"""What appd tells a service manager like systemd, and the sockets that it takes from one."""

import json
import os
import signal
import stat
import time
from contextlib import ExitStack

import pytest

import wire
from appd import READY, Appd, parse_log, select_events
from applications import SHOW_ENVIRONMENT, application, environment, with_and_without_preload
from processes import Port, clean_environment, wait_until

EXIT_SOCKET = 3


# ---- readiness, status, watchdog


@with_and_without_preload
def test_the_manager_is_told_of_the_start_the_workers_and_the_end(start, manager, preload):
    server = start(*preload, workers=2, env=manager.environment())
    manager.wait("READY=1")
    assert not any("2 of 2" in told for told in manager.told[:-1])
    status = manager.wait("STATUS=")
    assert status == f"STATUS=wsgi_probe:application on {server.address}: 2 of 2 workers ready"
    os.kill(server.call("fastcgi", "/whoami").json()["pid"], signal.SIGKILL)
    manager.wait(": 1 of 2 workers ready")
    manager.wait(": 2 of 2 workers ready")
    server.send_signal(signal.SIGTERM)
    manager.wait("STOPPING=1")
    assert server.wait_exit() == 0
    assert sum("READY=1" in told for told in manager.told) == 1


def test_a_start_that_fails_is_never_ready(start, manager, place):
    options, module = application(place, "raise RuntimeError('broken')")
    server = start(*options, module=module, env=manager.environment(), wait=False)
    assert server.wait_exit() == 4
    while manager.listen(0.1):
        pass
    assert manager.told and not any("READY" in told for told in manager.told)


def test_the_watchdog_is_fed_at_half_of_its_time(start, manager):
    start(env=manager.environment(watchdog=0.4))
    manager.wait("WATCHDOG=1")
    begin = time.monotonic()
    for _ in range(4):
        manager.wait("WATCHDOG=1")
    assert time.monotonic() - begin > 0.6, "4 × 0.2 s, and not as fast as it can"


def test_the_watchdog_is_not_fed_while_no_worker_is_ready(start, manager, place):
    options, module = application(place, """
import os
if os.path.exists(os.environ["PROBE_DIR"] + "/broken"):
    raise RuntimeError("broken")
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
""")
    server = start(*options, module=module, env=manager.environment(watchdog=0.4))
    manager.wait("WATCHDOG=1")
    (server.gates / "broken").touch()
    os.kill(int(server.call("fastcgi").body), signal.SIGKILL)
    manager.wait(": 0 of 1 workers ready")
    assert not manager.is_told_within("WATCHDOG=1", 1)
    (server.gates / "broken").unlink()
    manager.wait(": 1 of 1 workers ready")
    manager.wait("WATCHDOG=1")


def test_the_watchdog_is_fed_while_a_stop_waits_for_a_request(start, manager):
    server = start(env=manager.environment(watchdog=0.4))
    gate = server.gate("held")
    running = wire.begin("fastcgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    server.send_signal(signal.SIGTERM)
    manager.wait("STOPPING=1")
    for _ in range(2):
        manager.wait("WATCHDOG=1")
    gate.open()
    assert running.read_response().status == 200
    running.close()
    assert server.wait_exit() == 0


@with_and_without_preload
def test_the_application_does_not_speak_for_the_service(start, manager, place, preload):
    options, module = application(place, SHOW_ENVIRONMENT)
    server = start(*preload, *options, module=module, env=manager.environment(watchdog=60))
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(environment(server))


# ---- socket activation


ACTIVATE = "/usr/bin/systemd-socket-activate"


class Activated(Appd):
    """An appd that gets its sockets from systemd's own tool, which starts it at the first connection."""

    def __init__(self, installed, place, sockets, *options, kind=(), wait=True, module="wsgi_probe:application"):
        """`sockets`: name → address."""
        self.awaited = wait
        self.sockets = sockets
        self.launcher = [ACTIVATE, *kind, "--fdname=" + ":".join(sockets),
                         *(f"--listen={address}" for address in sockets.values())]
        super().__init__(installed, *options, socket_option=None, module=module, wait=False)

    def command(self, arguments, environment) -> list:
        passed = [f"--setenv={name}={value}" for name, value in clean_environment(environment).items()]
        own_socket = arguments.index("--socket")
        return [*self.launcher, *passed, *arguments[:own_socket], *arguments[own_socket + 2:]]

    def wake(self):
        """The first connection, which the tool waits for and the server gets."""
        address = next(iter(self.sockets.values()))
        wait_until(lambda: self.accepts(str(address)), f"{ACTIVATE} listens")
        if self.awaited:
            self.wait_ready(lambda: READY in self.log())


@pytest.fixture
def activate(installed, place):
    with ExitStack() as ends:

        def activate_one(sockets, *options, **rest) -> Activated:
            server = Activated(installed, place, sockets, *options, **rest)
            ends.callback(server.stop)
            server.wake()
            return server

        yield activate_one


def test_passed_sockets_are_served_by_name(activate, place, protocol):
    port = Port()
    port.release()
    tcp = f"{port.host}:{port.number}"
    sockets = {"web": place / "web.sock", "tcp": tcp}
    server = activate(sockets, "--socket", "systemd:tcp", "--socket", "systemd:web")
    for address in (str(sockets["web"]), port.address):
        assert wire.call(protocol, address, "/hello").status == 200
    assert f"{tcp}, {sockets['web']}" in server.wait_event("server.ready").text


def test_all_passed_sockets_are_served_without_a_name_beside_an_own_one(activate, place):
    sockets = {"one": place / "one.sock", "two": place / "two.sock"}
    own = place / "own.sock"
    activate(sockets, "--socket", "systemd", "--socket", own)
    for address in (*sockets.values(), own):
        assert wire.call("fastcgi", str(address), "/hello").status == 200


def test_a_passed_socket_speaks_what_its_option_says(activate, place):
    activate({"web": place / "web.sock", "app": place / "app.sock"}, "--http", "systemd:web", "--socket", "systemd:app")
    assert wire.call("uwsgi", str(place / "app.sock"), "/hello").status == 200
    for name, status in (("web", 200), ("app", 400)):
        with wire.Http(str(place / f"{name}.sock")) as client:
            client.send(b"GET /hello HTTP/1.1\r\nHost: example.test\r\n\r\n")
            assert client.read_response().status == status


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGQUIT], ids=lambda number: number.name)
def test_the_file_of_a_passed_socket_is_somebody_elses(activate, place, end):
    path = place / "web.sock"
    server = activate({"web": path}, "--socket", "systemd", "--socket-mode", "0606")
    before = os.stat(path)
    assert stat.S_IMODE(before.st_mode) != 0o606
    server.send_signal(end)
    assert server.wait_exit() == 0
    assert os.stat(path).st_ino == before.st_ino


@with_and_without_preload
def test_the_application_is_not_told_of_sockets(activate, place, preload):
    options, module = application(place, SHOW_ENVIRONMENT)
    path = place / "web.sock"
    activate({"web": path}, "--socket", "systemd:web", *preload, *options, module=module)
    found = json.loads(wire.call("fastcgi", str(path)).body)
    assert not {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} & set(found)


def test_a_passed_socket_that_no_option_names_is_warned_of(activate, place):
    server = activate({"web": place / "web.sock", "admin": place / "admin.sock"}, "--socket", "systemd:web")
    assert "systemd:admin" in server.wait_event("socket.unused", r"\badmin\b").text


def test_sockets_that_are_not_passed_stop_the_start(installed, place, activate):
    ended = installed.run("--socket", "systemd", "--module", "wsgi_probe", "--pythonpath", installed.apps)
    assert ended.returncode == EXIT_SOCKET and select_events(parse_log(ended.stderr), "socket.failed", "^systemd: ")
    server = activate({"web": place / "web.sock"}, "--socket", "systemd:admin", wait=False)
    assert server.wait_exit() == EXIT_SOCKET
    assert server.find_events("socket.failed", r"^systemd:admin: .*\bweb\b")
