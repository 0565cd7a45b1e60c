"""Upgrade: the process becomes a newer binary while requests run."""

import fcntl
import os
import re
import signal
import socket
import sys
import termios

import pytest

import wire
from appd import FromOwnBinary, parse_log, select_events
from fronts import MODES, Nginx
from load import Load
from processes import DEADLINE, alive, children, stop_process, wait_until

EXIT_START = 4


@pytest.fixture
def server(installed):
    started = []

    def start(*options, **rest):
        class Controlled(FromOwnBinary):
            def command(self, arguments, environment):
                return super().command([*arguments, "--control", f"{self.address}.control"], environment)

        started.append(Controlled(installed, *options, **rest))
        return started[-1]

    yield start
    for each in started:
        each.stop()


class Kept(wire.FastCgi):
    def ask(self, path="/hello", query=""):
        return self.request(wire.variables(path=path, query=query))


SITE = '''
import hashlib
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    answer = hashlib.sha256(body).hexdigest().encode() if environ["REQUEST_METHOD"] == "POST" else b"one"
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
'''
HANGING_SITE = '''
import pathlib, threading
pathlib.Path(__file__).with_name("hangs").touch()
threading.Event().wait()
'''


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["plain", "preloaded"])
def test_no_request_is_lost_while_the_binary_changes(server, place, options):
    place.write("site_under_upgrade.py", SITE)
    server = server("--pythonpath", place.path, *options, module="site_under_upgrade", workers=2)
    nginx = Nginx(server.address)
    try:
        with Load([nginx.port(mode) for mode in MODES]) as load:
            load.wait_more(200)
            for number in range(5):
                before = children(server.pid)
                assert f"generation {number + 2} serves (2 workers)" in server.upgrade()
                wait_until(lambda: not any(map(alive, before)), "the old workers have ended")
                load.wait_more(50)
        assert load.wrong == []
        wait_until(lambda: len(children(server.pid)) == (3 if options else 2), "no others are left")
    finally:
        nginx.stop()


def test_what_runs_and_what_is_kept_survives(server):
    server = server()
    gate = server.gate("held")
    held = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    (worker,) = children(server.pid)
    with Kept(server.address) as kept:
        assert kept.ask().status == 200
        for _ in range(2):
            server.upgrade()
        assert kept.ask().status == 200
        assert alive(worker)
        gate.open()
        assert held.read_response().status == 200
        wait_until(lambda: not alive(worker), "the first worker has ended")
        assert kept.ask().status == 200


def test_a_stop_gives_workers_of_the_old_binary_the_time_that_is_set(server):
    server = server("--graceful-timeout", "1s")
    gate = server.gate("held")
    with wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held")):
        gate.wait_entered()
        server.upgrade()
        server.send_signal(signal.SIGTERM)
        assert server.wait_exit(within=20) == 0
        assert server.find_events("worker.killed", r"\bworker \d")


def test_an_old_worker_that_stands_still_is_killed_and_one_that_is_busy_is_not(server):
    server = server("--heartbeat", "500ms", workers=2)
    gate = server.gate("held")
    held = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    status = server.ask("status").stdout
    busy = int(re.search(r"pid (\d+)\): ready, serving", status).group(1))
    (idle,) = set(children(server.pid)) - {busy}
    stop_process(idle)
    server.upgrade()
    assert f"(pid {idle})" in server.wait_event("worker.unresponsive").text
    wait_until(lambda: not alive(idle), "it is killed")
    assert alive(busy)
    # This one has been heard, but it may stop later.
    stop_process(busy)
    server.wait_event("worker.unresponsive", rf"\(pid {busy}\)")
    wait_until(lambda: not alive(busy), "it is killed")
    assert held.closed_by_peer()
    assert server.call("uwsgi", "/hello").status == 200


def test_signal_pid_file_and_end_are_as_before(server, installed, place):
    pidfile = place / "appd.pid"
    server = server("--pidfile", pidfile)
    server.install()
    new = os.stat(server.binary).st_ino
    server.send_signal(signal.SIGUSR2)
    server.wait_event("reload.finished", r"\bgeneration 2\b")
    assert server.executed() == new
    assert pidfile.read_text() == f"{server.pid}\n"
    second = installed.run("--socket", place / "x.sock", "--module", "x", "--pidfile", pidfile)
    assert select_events(parse_log(second.stderr), "server.start_failed", rf"^--pidfile: .*\bprocess {server.pid}\b")
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert not pidfile.exists() and not os.path.exists(server.address)
    assert not os.path.exists(f"{server.address}.control")


def test_workers_get_no_descriptor_of_their_master(server):
    server = server()
    before = descriptors(children(server.pid)[0])
    server.upgrade()
    server.upgrade()
    wait_until(lambda: len(children(server.pid)) == 1, "the old workers have ended")
    assert descriptors(children(server.pid)[0]) == before


def test_workers_have_the_signals_of_a_first_start(server):
    server = server()
    before = signals(children(server.pid)[0])
    for _ in range(2):
        server.upgrade()
        wait_until(lambda: len(children(server.pid)) == 1, "the old workers have ended")
        assert signals(children(server.pid)[0]) == before


def signals(pid):
    with open(f"/proc/{pid}/status") as status:
        return [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]


def descriptors(pid):
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd")]
    return sorted(targets)


@pytest.mark.parametrize("text, part", [
    ("#!/bin/sh\necho too old >&2\nexit 3\n", "exited with code 3: too old"),
    ("#!/bin/sh\nkill -SEGV $$\n", "SIGSEGV"),
    ("no program at all", "exited with code"),
], ids=["refuses", "crashes", "no program"])
def test_a_binary_that_does_not_start_changes_nothing(server, text, part):
    server = server(workers=2)
    before, inode = children(server.pid), server.executed()
    server.install(text=text)
    asked = server.ask("upgrade")
    assert asked.returncode == EXIT_START
    assert "the upgrade failed" in asked.stderr and part in asked.stderr
    assert (children(server.pid), server.executed()) == (before, inode)
    assert server.call("uwsgi", "/hello").status == 200
    assert server.ask("status").returncode == 0
    server.upgrade()


def test_a_trial_without_the_state_of_a_running_appd_fails(installed, place):
    tried = installed.run("--upgrade-trial", "--socket", place / "x.sock", "--module", "wsgi_probe",
                          "--pythonpath", installed.apps)
    assert tried.returncode == 1
    assert "passed no upgrade state" in tried.stderr


def test_a_configuration_that_the_new_binary_refuses_changes_nothing(server, place, manager):
    config = place.write("appd.ini", "[appd]\n")
    server = server("--config", config, env=manager.environment())
    inode = server.executed()
    place.write("appd.ini", "[appd]\nthreds = 2\n")
    server.install()
    asked = server.ask("upgrade")
    assert asked.returncode == EXIT_START
    assert "did you mean threads?" in asked.stderr
    assert server.executed() == inode
    assert server.call("uwsgi", "/hello").status == 200
    while manager.listen(0.1):
        pass
    assert not any("failed" in told for told in manager.told), "that was no start of the service"


def test_the_service_manager_is_told_of_the_workers_that_are_there(server, place, manager):
    config = place.write("appd.ini", "[appd]\nworkers = 2\n")
    server = server("--config", config, workers=None, env=manager.environment())
    gate = server.gate("held")
    with wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held")):
        gate.wait_entered()
        assert server.ask("reload").returncode == 0  # a third worker lives on, but ends
        manager.wait("RELOADING=1")
        place.write("appd.ini", "[appd]\nworkers = 3\n")
        server.upgrade()
        manager.wait("RELOADING=1")
        assert ": 2 of 2 workers ready" in manager.wait("STATUS="), "of the old program's workers"
        gate.open()
    manager.wait(": 3 of 3 workers ready")


def test_an_application_that_the_new_binary_cannot_start_leaves_the_old_workers_serving(server, place):
    place.write("site_under_upgrade.py", SITE)
    server = server("--pythonpath", place.path, module="site_under_upgrade", workers=2)
    before = children(server.pid)
    place.write("site_under_upgrade.py", "raise RuntimeError('broken')")
    server.install()
    asked = server.ask("upgrade")
    assert asked.returncode == EXIT_START
    assert "generation 1 " in asked.stderr and "RuntimeError: broken" in asked.stderr
    wait_until(lambda: children(server.pid) == before, "the new workers have ended")
    assert server.call("uwsgi", "/").body == b"one"
    # Nobody can start these workers again: when one dies, the next generation is tried.
    place.write("site_under_upgrade.py", SITE.replace("one", "two"))
    os.kill(before[0], signal.SIGKILL)
    server.wait_event("reload.finished", r"\bgeneration 3\b", within=30)
    assert server.call("uwsgi", "/").body == b"two"


def test_a_zygote_that_hangs_is_left_to_nobody(server, place):
    """It would not hear that its master is gone, and the new one would not know of it."""
    place.write("site_under_upgrade.py", SITE)
    server = server("--preload", "--start-timeout", "3s", "--log-level", "debug", "--pythonpath", place.path,
                    module="site_under_upgrade")
    zygote = int(re.search(r"\(pid (\d+)\)", server.wait_event("worker.started", r"^zygote\b").text).group(1))
    (worker,) = set(children(server.pid)) - {zygote}
    place.write("site_under_upgrade.py", HANGING_SITE)
    os.kill(zygote, signal.SIGKILL)
    wait_until((place / "hangs").exists, "the next one hangs in its import")
    (hanging,) = set(children(server.pid)) - {worker, zygote}
    place.write("site_under_upgrade.py", SITE)  # which the reload after the upgrade imports at once
    server.install()
    server.send_signal(signal.SIGUSR2)
    server.wait_event("upgrade.started", within=30)
    assert not alive(hanging)
    server.wait_event("reload.finished", r"\bgeneration \d+\b", within=60)
    assert server.call("uwsgi", "/").body == b"one"


def test_a_stop_answers_who_waits_for_an_upgrade(server, place):
    place.write("site_under_upgrade.py", SITE)
    server = server("--pythonpath", place.path, module="site_under_upgrade")
    place.write("site_under_upgrade.py", "import threading; threading.Event().wait()")
    server.send_signal(signal.SIGHUP)
    server.wait_event("reload.started")  # which an upgrade waits for
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.settimeout(DEADLINE)
        caller.connect(f"{server.address}.control")
        caller.send(b"upgrade")
        wait_until(lambda: unread(caller) == 0, "the master has heard it")
        server.send_signal(signal.SIGTERM)
        assert caller.recv(1000) == b"fappd is stopping"
    assert server.wait_exit() == 0
    assert not server.find_events("upgrade.started")


def unread(connection):
    """Of what was sent: what the other end has not taken yet."""
    left = bytearray(4)
    fcntl.ioctl(connection, termios.TIOCOUTQ, left)
    return int.from_bytes(left, sys.byteorder)
