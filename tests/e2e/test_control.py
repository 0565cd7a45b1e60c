"""appd reload, stop and status: a running appd is asked over its control socket."""

import concurrent.futures
import os
import re
import signal
import socket
import stat
import time

import pytest

import wire
from appd import Appd, parse_log, select_events
from processes import alive, children, wait_until

EXIT_FAILURE, EXIT_CONFIGURATION, EXIT_START = 1, 2, 4

SITE = '''
VERSION = {version!r}
{extra}
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(VERSION)))])
    return [VERSION.encode()]
'''


@pytest.fixture
def controlled(start, place, installed):
    """A server with a control socket: (server, ask), where ask("reload") runs `appd reload`."""

    def begin(*options, **rest):
        place.write("site_under_control.py", SITE.format(version="1", extra=""))
        server = start("--pythonpath", place.path, "--control", place / "control", *options,
                       module="site_under_control", **rest)
        return server, lambda verb, *more: installed.run(verb, *(more or ("--control", place / "control")))

    return begin


def rewrite(place, version, extra=""):
    place.write("site_under_control.py", SITE.format(version=version, extra=extra))


def version(server):
    return server.call("scgi", "/").body


def test_reload_waits_until_the_next_generation_serves(controlled, place):
    server, ask = controlled(workers=2)
    rewrite(place, "2", extra="import time; time.sleep(0.5)")
    asked = ask("reload")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "generation 2 serves (2 workers)" in asked.stdout
    assert version(server) == b"2"


def test_a_reload_that_fails_gives_the_traceback_and_an_exit_code(controlled, place):
    server, ask = controlled()
    rewrite(place, "2", extra="raise RuntimeError('not today')")
    asked = ask("reload")
    assert (asked.returncode, asked.stdout) == (EXIT_START, "")
    assert "generation 1 " in asked.stderr
    assert "Traceback (most recent call last)" in asked.stderr and "RuntimeError: not today" in asked.stderr
    assert version(server) == b"1"
    assert "RuntimeError: not today" in server.log()


def test_a_reload_of_a_wrong_configuration_says_what_is_wrong(controlled, place):
    config = place.write("appd.ini", "[appd]\n")
    server, ask = controlled("--config", config)
    place.write("appd.ini", "[appd]\nthreads = many\n")
    asked = ask("reload")
    assert asked.returncode == EXIT_START
    assert "appd.ini:2" in asked.stderr and "many" in asked.stderr
    assert version(server) == b"1"


def test_reloads_that_are_asked_for_at_once_are_all_answered(controlled, installed, place):
    server, ask = controlled()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(ask, ["reload"] * 8))
    assert [each.returncode for each in asked] == [0] * 8
    assert all("serves (1 worker)" in each.stdout for each in asked)
    assert version(server) == b"1"


def test_a_stop_answers_who_waits_for_a_reload(controlled, place):
    server, ask = controlled()
    rewrite(place, "2", extra="import threading; threading.Event().wait()")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, "reload")
        server.wait_event("reload.started")
        server.send_signal(signal.SIGTERM)
        assert (asked.result().returncode, asked.result().stdout) == (EXIT_START, "")
    assert "appd is stopping" in asked.result().stderr
    assert server.wait_exit() == 0


def test_status_tells_what_is_served_and_by_whom(controlled):
    server, ask = controlled(workers=2)
    for _ in range(3):
        version(server)
    asked = ask("status")
    assert asked.returncode == 0
    first, second, *workers, queue = asked.stdout.splitlines()
    assert f"(pid {server.pid}): site_under_control on {server.address}" in first
    assert second == "generation 1 serves"
    pids = children(server.pid)
    assert [line.split(",")[0] for line in workers] == [f"  worker {i + 1} (pid {pids[i]}): ready" for i in range(2)]
    assert sum(int(line.split(", ")[1].split()[0]) for line in workers) == 3
    program = rf"; {server.installed.libexec}/appd-worker, CPython 3\.\d+\.\d+\w*"
    assert all(re.search(program + "$", line) for line in workers)
    assert queue == "  queue: 0 (of at most 512 in each worker)"


def test_status_names_what_runs(start, installed, place):
    server = start("--control", place / "control")
    gate = server.gate("held")
    connection = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    assert "serving GET /hold?gate=held (thread " in installed.run("status", "--control", place / "control").stdout
    gate.open()
    assert connection.read_response().status == 200


def test_status_tells_by_its_exit_code_when_no_worker_is_ready(installed, place):
    """While the first start goes on, when all have died, and in an end that takes its time."""
    place.write("slow_to_start.py", """
import os, pathlib, time
while not pathlib.Path(os.environ["GO"]).exists():
    time.sleep(0.01)
from wsgi_probe import application
""")
    server = Appd(installed, "--pythonpath", place.path, "--control", place / "control", module="slow_to_start",
                  env={"GO": str(place / "go")}, wait=False)

    def status():
        return installed.run("status", "--control", place / "control")

    try:
        wait_until(lambda: (place / "control").is_socket() and server.worker_pids(), "a worker starts")
        starting = wait_until(lambda: (asked := status()).stdout and asked, "it answers")
        assert (starting.returncode, starting.stderr) == (EXIT_START, "no worker is ready\n")
        assert "worker 1 (pid " in starting.stdout and ": starting" in starting.stdout
        place.write("go", "")
        wait_until(lambda: status().returncode == 0, "a worker is ready")

        (place / "go").unlink()
        os.kill(server.only_worker(), signal.SIGKILL)
        server.wait_event("worker.died", "SIGKILL")
        died = status()
        assert (died.returncode, died.stderr) == (EXIT_START, "no worker is ready\n")
        assert "generation 1 serves" in died.stdout
        place.write("go", "")
        wait_until(lambda: status().returncode == 0, "another is ready")

        gate = server.gate("held")
        connection = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
        gate.wait_entered()
        server.send_signal(signal.SIGTERM)
        ending = wait_until(lambda: (asked := status()).returncode and asked, "it ends")
        assert ending.returncode == EXIT_START and "ending" in ending.stdout
        gate.open()
        assert connection.read_response().status == 200
    finally:
        server.stop()


def test_status_tells_what_waits_and_for_how_long(start, installed, place):
    server = start("--control", place / "control", "--queue", "7", workers=2, threads=1)

    def queue():
        return installed.run("status", "--control", place / "control").stdout.splitlines()[-1]

    gates = [server.gate(name) for name in ("one", "two")]
    held = [wire.begin("scgi", server.address, wire.variables(path="/hold", query=f"gate={gate.name}")) for gate in gates]
    for gate in gates:
        gate.wait_entered()
    waiting = [wire.begin("scgi", server.address, wire.variables(path="/")) for _ in range(5)]
    wait_until(lambda: queue().startswith("  queue: 5 (of at most 7 in each worker), the oldest for "), "five wait")

    def age():
        return float(queue().rpartition("for ")[2].removesuffix(" s"))

    first = age()
    wait_until(lambda: age() > first, "the oldest grows older")
    for gate in gates:
        gate.open()
    assert {connection.read_response().status for connection in held + waiting} == {200}
    wait_until(lambda: queue() == "  queue: 0 (of at most 7 in each worker)", "nothing waits")


def test_stop_waits_until_the_process_is_gone(controlled, place):
    server, ask = controlled("--pidfile", place / "appd.pid")
    workers = children(server.pid)
    asked = ask("stop")
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "stopped\n", "")
    assert not any(map(alive, workers))
    assert not (place / "appd.pid").exists() and not (place / "control").exists()
    assert server.wait_exit() == 0


def test_the_socket_is_its_owners_alone(controlled, place):
    controlled()
    assert stat.S_IMODE(os.stat(place / "control").st_mode) == 0o600


@pytest.mark.parametrize("how", ["pidfile", "config", "runtime directory"])
def test_where_it_is_can_be_left_to_the_configuration(start, installed, place, how):
    config = place.write("appd.ini", f"[appd]\npidfile = {place / 'app.pid'}\n")
    runtime = place.folder("run")
    options, env, expected = {
        "pidfile": (("--pidfile", place / "app.pid"), {}, place / "app.control"),
        "config": (("--config", config), {}, place / "app.control"),
        "runtime directory": ((), {"RUNTIME_DIRECTORY": f"{runtime}:/elsewhere"}, runtime / "appd.control"),
    }[how]
    start(*options, env=env)
    assert expected.is_socket()
    asked = installed.run("status", *options, env=env)
    assert (asked.returncode, asked.stderr) == (0, "")


BROKEN = "[appd]\nthraeds = 4\nthreads = many\nno entry at all\nuser = no-such-user\npidfile = {}\n"


@pytest.mark.parametrize("verb", ["status", "stop"])
def test_a_broken_configuration_does_not_keep_anybody_from_asking(start, installed, place, verb):
    server = start("--pidfile", place / "app.pid")
    config = place.write("appd.ini", BROKEN.format(place / "app.pid"))
    asked = installed.run(verb, "--config", config)
    assert asked.returncode == 0, asked.stderr
    assert "appd.ini:2" in asked.stderr and "appd.ini:3" in asked.stderr and "appd.ini:4" in asked.stderr
    if verb == "stop":
        assert server.wait_exit() == 0


@pytest.mark.parametrize("word, meant", [("mysite.wsgi:application", "--module"), ("site.ini", "--config")])
def test_what_other_servers_take_without_an_option_is_recognised(installed, word, meant):
    asked = installed.run(word)
    assert asked.returncode == EXIT_CONFIGURATION and f"; did you mean {meant} {word}?" in asked.stderr


def test_without_any_there_is_none(start, place):
    server = start()
    assert not list(server.place.path.glob("*.control"))


def test_what_nobody_answers_is_said(installed, place):
    asked = installed.run("reload", "--control", place / "nothing")
    assert asked.returncode == EXIT_FAILURE
    assert f"no appd answers on {place / 'nothing'}" in asked.stderr


def test_what_cannot_be_asked_is_an_error(installed, place):
    for arguments, part in [(("relaod", "--control", place / "x"), 'neither an option nor reload'),
                            (("reload",), "give the --control")]:
        asked = installed.run(*arguments)
        assert asked.returncode == EXIT_CONFIGURATION
        assert part in asked.stderr


def test_a_worker_that_outlives_a_killed_master_does_not_keep_its_control_socket(start, installed, place):
    server = start("--control", place / "control", workers=1)
    gate = server.gate("held")
    with wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held")) as held:
        gate.wait_entered()
        worker = server.only_worker()
        server.send_signal(signal.SIGKILL)
        server.wait_exit()
        asked = installed.run("status", "--control", place / "control")
        assert asked.returncode == EXIT_FAILURE and f"no appd answers on {place / 'control'}" in asked.stderr
        assert alive(worker)
        gate.open()
        assert held.read_response().status == 200
    wait_until(lambda: not alive(worker), "the worker is gone")


def test_a_stale_socket_is_replaced_and_one_in_use_refused(controlled, installed, place):
    server, ask = controlled()
    second = installed.run("--socket", place / "other.sock", "--module", "x", "--control", place / "control")
    assert second.returncode == EXIT_CONFIGURATION
    assert select_events(parse_log(second.stderr), "server.start_failed", f"^--control: .*{place / 'control'}: ")
    server.send_signal(signal.SIGKILL)
    server.wait_exit()
    assert (place / "control").is_socket()
    _, ask = controlled()
    assert ask("status").returncode == 0


def test_callers_that_say_nonsense_or_nothing_do_no_harm(controlled, place):
    server, ask = controlled()
    callers = []
    for word in (b"reloadreload", b"\xff" * 1000, b""):
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        caller.connect(str(place / "control"))
        if word:
            caller.send(word)
        callers.append(caller)
    assert callers[0].recv(1000) == b"funknown command"
    for caller in callers:
        caller.close()
    assert ask("status").returncode == 0
    descriptors = len(os.listdir(f"/proc/{server.pid}/fd"))
    for _ in range(20):
        ask("status")
    wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) == descriptors, "no descriptor is left open")


# ---- --touch-reload


def test_a_touch_reloads(controlled, place):
    trigger = place / "trigger"
    server, _ = controlled("--touch-reload", trigger)
    for number, touch in enumerate([lambda: trigger.write_text(""), lambda: os.utime(trigger),
                                    lambda: os.rename(place.write("new", "x"), trigger)], 2):
        rewrite(place, str(number))
        touch()
        server.wait_event("reload.finished", rf"generation {number}\b")
        assert version(server) == str(number).encode()
    trigger.unlink()
    place.write("unrelated", "x")
    assert version(server) == b"4"
    assert len(server.find_events("reload.started")) == 3


def test_a_folder_that_is_not_there_is_an_error(installed, place):
    ended = installed.run("--socket", place / "a.sock", "--module", "x", "--touch-reload", place / "no/file")
    assert ended.returncode == EXIT_CONFIGURATION
    assert select_events(parse_log(ended.stderr), "server.start_failed", "^--touch-reload: ")


# ---- callers that want nothing


def silent_caller(path):
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller.connect(str(path))  # waits while the backlog is full
    caller.settimeout(20)
    return caller


def test_callers_that_say_nothing_do_not_lock_out_others_and_are_ended(controlled, place):
    server, ask = controlled()
    silent = []
    try:
        for _ in range(100):
            silent.append(silent_caller(place / "control"))
        assert ask("status").returncode == 0
        assert len(os.listdir(f"/proc/{server.pid}/fd")) < 80, "callers are limited"
        told = [caller.recv(1000) for caller in silent]
        assert all(text.startswith(b"f") for text in told), told
    finally:
        for caller in silent:
            caller.close()
    assert ask("status").returncode == 0


def processor_seconds(pid) -> float:
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class FewDescriptors(Appd):
    def command(self, arguments, environment):
        return ["/bin/sh", "-c", 'ulimit -n 40 && exec "$@"', "sh", *arguments]


def test_without_a_descriptor_for_a_caller_the_master_does_not_spin(installed):
    server = FewDescriptors(installed, "--control", "control")
    silent = []

    def event():
        silent.append(silent_caller(server.place / "control"))
        return server.find_events("control.no_descriptor")

    try:
        wait_until(event, "there is no descriptor left", 20)
        before = processor_seconds(server.pid)
        end = time.monotonic() + 2
        wait_until(lambda: time.monotonic() > end, "time in which it could spin")
        assert processor_seconds(server.pid) - before < 1
        assert len(server.find_events("control.no_descriptor")) == 1
        for caller in silent:
            caller.close()
        asked = installed.run("status", "--control", server.place / "control", within=20)
        assert asked.returncode == 0
    finally:
        for caller in silent:
            caller.close()
        server.stop()
