"""What an operator's service manager, or a script in its place, relies on."""

import grp
import json
import os
import pwd
import signal
import stat
import time
from contextlib import ExitStack

import pytest

import wire
from appd import READY, Appd, parse_log, select_events
from processes import Port, alive, children, clean_environment, unique, wait_until

EXIT_CONFIGURATION = 2
EXIT_SOCKET = 3
with_and_without_preload = pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])


def application(place, text) -> tuple:
    """Options for a server with an application of the test's own."""
    name = unique("app").replace("-", "_")
    place.write(f"{name}.py", text)
    return ("--pythonpath", place.path), f"{name}:application"


# ---- --pidfile


def test_the_pid_file_names_the_master_and_goes_with_it(start, place):
    path = place / "appd.pid"
    server = start("--pidfile", path, workers=2)
    assert path.read_text() == f"{server.pid}\n"
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert not path.exists()


def test_a_second_start_on_the_same_pid_file_is_refused_and_says_who_has_it(start, installed, place):
    path = place / "appd.pid"
    first = start("--pidfile", path)
    ended = installed.run("--socket", place / "other.sock", "--module", "wsgi_probe", "--pythonpath",
                          installed.apps, "--pidfile", path)
    assert ended.returncode == EXIT_CONFIGURATION
    assert select_events(parse_log(ended.stderr), "server.start_failed", f"^--pidfile: {path}: process {first.pid} ")
    assert not (place / "other.sock").exists()
    assert path.read_text() == f"{first.pid}\n"
    assert first.call("fastcgi", "/hello").status == 200


def test_of_two_starts_at_the_same_time_on_one_pid_file_exactly_one_serves(start, place):
    path = place / "appd.pid"
    for _ in range(5):
        both = [start("--pidfile", path, wait=False) for _ in range(2)]
        wait_until(lambda: [each.running() for each in both].count(False) == 1 and any(READY in each.log() for each in both),
                   "one has ended, and one is ready")
        winner, loser = sorted(both, key=lambda each: not each.running())
        assert loser.process.returncode == EXIT_CONFIGURATION
        assert loser.find_events("server.start_failed", rf"^--pidfile: .*\bprocess {winner.pid}\b")
        assert not loser.accepts()
        assert path.read_text() == f"{winner.pid}\n"
        assert winner.call("fastcgi", "/hello").status == 200
        assert winner.stop() == 0


@with_and_without_preload
def test_the_pid_file_of_a_killed_master_is_taken_over_while_its_worker_finishes(start, place, preload):
    path = place / "appd.pid"
    first = start("--pidfile", path, *preload)
    gate = first.gate("held")
    running = wire.begin("fastcgi", first.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    worker = first.call("fastcgi", "/whoami").json()["pid"]
    first.send_signal(signal.SIGKILL)
    first.wait_exit()
    second = start("--pidfile", path)
    assert path.read_text() == f"{second.pid}\n"
    assert alive(worker)
    gate.open()
    assert running.read_response().status == 200
    running.close()
    wait_until(lambda: not alive(worker), "the worker has ended")
    assert path.read_text() == f"{second.pid}\n"


@with_and_without_preload
def test_workers_cannot_write_to_the_pid_file(start, place, preload):
    path = place / "appd.pid"
    options, module = application(place, """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    folder = "/proc/self/fd/"
    targets = [os.readlink(folder + fd) for fd in os.listdir(folder) if os.path.lexists(folder + fd)]
    return ["\\n".join(targets).encode()]
""")
    server = start("--pidfile", path, *preload, *options, module=module)
    open_files = server.call("fastcgi").body.decode()
    assert str(server.place / "appd.log") in open_files and str(path) not in open_files


def test_a_file_that_is_no_pid_file_is_left_alone(installed, place):
    path = place.write("notes", "somebody's notes\n")
    ended = installed.run("--socket", place / "app.sock", "--module", "wsgi_probe", "--pidfile", path)
    assert ended.returncode == EXIT_CONFIGURATION and str(path) in ended.stderr
    assert path.read_text() == "somebody's notes\n"


# ---- --umask


@with_and_without_preload
def test_the_umask_is_that_of_every_process(start, place, preload):
    options, module = application(place, """
import os
open(os.environ["PROBE_DIR"] + "/imported", "w").close()
def application(environ, start_response):
    open(os.environ["PROBE_DIR"] + "/called", "w").close()
    start_response("200 OK", [])
    return [b"ok"]
""")
    access, pid = place / "access.log", place / "appd.pid"
    server = start("--umask", "0137", "--access-log", access, "--pidfile", pid, *preload, *options,
                   module=module, umask=0)
    assert server.call("fastcgi").status == 200

    def mode(path):
        return stat.S_IMODE(os.stat(path).st_mode)

    assert {path: mode(path) for path in (server.gates / "imported", server.gates / "called", access, pid)} == {
        server.gates / "imported": 0o640, server.gates / "called": 0o640, access: 0o640, pid: 0o640}
    assert mode(server.address) == 0o660, "socket files have --socket-mode"


def test_without_the_option_the_umask_is_that_of_who_starts_it(start, place):
    server = start("--pidfile", place / "appd.pid", umask=0o077)
    assert server.running() and stat.S_IMODE(os.stat(place / "appd.pid").st_mode) == 0o600


# ---- --env-file


SHOW_ENVIRONMENT = """
import json, os
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(dict(os.environ)).encode()]
"""


def environment(server) -> dict:
    """What an application that shows it finds in its environment."""
    return json.loads(server.call("fastcgi").body)


@with_and_without_preload
def test_variables_come_from_files_in_order_and_from_the_command_line_last(start, place, preload):
    first = place.write("first", """# comment
export A="first \\"A\\""
B='first
B'
C=first C
""")
    second = place.write("second", "B=second B\nC=second C\n")
    options, module = application(place, SHOW_ENVIRONMENT)
    server = start("--env", "C=own C", "--env-file", first, "--env-file", second, *preload, *options,
                   module=module, env={"A": "inherited", "D": "inherited"})
    found = environment(server)
    assert [found[name] for name in "ABCD"] == ['first "A"', "second B", "own C", "inherited"]


@with_and_without_preload
def test_the_files_are_read_again_at_a_reload(start, installed, place, preload):
    file = place.write("secrets", "SECRET=old\nGONE=soon\n")
    control = place / "control"
    options, module = application(place, SHOW_ENVIRONMENT)
    server = start("--env-file", file, "--control", control, *preload, *options, module=module)

    def secrets():
        return tuple(environment(server).get(name) for name in ("SECRET", "GONE"))

    assert secrets() == ("old", "soon")
    file.write_text("SECRET=new\n")
    assert secrets() == ("old", "soon")
    assert installed.run("reload", "--control", control).returncode == 0
    assert secrets() == ("new", None)
    file.write_text("SECRET\n")
    refused = installed.run("reload", "--control", control)
    assert refused.returncode != 0 and f"{file}:1" in refused.stderr
    assert secrets() == ("new", None), "a mistake in the file changes nothing"


# ---- --user and --group


USER = "nobody"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights")


def rights(pid) -> dict:
    """Fields of /proc/PID/status: real, effective, saved and file system ids, groups, capabilities."""
    lines = open(f"/proc/{pid}/status").read().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    found = {name: [int(number) for number in fields[name].split()] for name in ("Uid", "Gid", "Groups")}
    found["Groups"].sort()
    return {**found, "CapEff": int(fields["CapEff"], 16), "CapPrm": int(fields["CapPrm"], 16)}


def rights_of(user, group=None) -> dict:
    entry = pwd.getpwnam(user)
    gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    return {"Uid": [entry.pw_uid] * 4, "Gid": [gid] * 4, "Groups": sorted(os.getgrouplist(user, gid)), "CapEff": 0,
            "CapPrm": 0}


@needs_root
@with_and_without_preload
def test_workers_act_for_the_user_and_the_master_for_root(start, preload):
    server = start("--user", USER, *preload, workers=2, as_root=True)
    family = children(server.pid)
    assert len(family) == (3 if preload else 2)
    assert {pid: rights(pid) for pid in family} == {pid: rights_of(USER) for pid in family}
    assert rights(server.pid)["Uid"] == [0] * 4 and rights(server.pid)["CapEff"] != 0
    assert server.call("fastcgi", "/hello").status == 200


@needs_root
def test_a_group_may_be_another_than_the_users_own(start):
    server = start("--user", USER, "--group", "www-data", as_root=True)
    assert rights(server.only_worker()) == rights_of(USER, "www-data")


@needs_root
@with_and_without_preload
def test_a_replaced_worker_acts_for_the_user_too(start, preload):
    server = start("--user", USER, *preload, as_root=True)
    first = server.call("fastcgi", "/whoami").json()["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not alive(first), "the worker is gone")
    second = server.call("fastcgi", "/whoami").json()["pid"]
    assert second != first and rights(second) == rights_of(USER)


@needs_root
@with_and_without_preload
def test_the_application_can_do_nothing_that_root_can(start, place, preload):
    options, module = application(place, """
import os, sys
def tried(what, *arguments):
    try:
        what(*arguments)
        return "done"
    except OSError as error:
        return error.strerror
AT_IMPORT = os.getuid(), os.geteuid(), tried(open, "/etc/shadow")
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr([AT_IMPORT, tried(os.setuid, 0), tried(os.seteuid, 0), tried(os.setgid, 0), tried(os.setgroups, [0]),
                  tried(os.kill, os.getppid(), 0), tried(open, "/proc/%d/environ" % os.getppid())]).encode()]
""")
    server = start("--user", USER, *preload, *options, module=module, as_root=True)
    uid, no = pwd.getpwnam(USER).pw_uid, "Operation not permitted"
    assert server.call("fastcgi").body.decode() == repr(
        [(uid, uid, "Permission denied"), no, no, no, no, no, "Permission denied"])


@needs_root
def test_home_and_names_are_the_users_unless_said_otherwise(start, place):
    options, module = application(place, SHOW_ENVIRONMENT)
    root = {"HOME": "/root", "USER": "root", "LOGNAME": "root"}
    found = environment(start("--user", USER, *options, module=module, as_root=True, env=root))
    assert [found[name] for name in root] == [pwd.getpwnam(USER).pw_dir, USER, USER]
    found = environment(start("--user", USER, "--env", "HOME=/srv", *options, module=module, as_root=True, env=root))
    assert [found[name] for name in root] == ["/srv", USER, USER]


@needs_root
def test_root_without_a_user_is_warned_of_once(start, installed, place):
    server = start("--control", place / "control", as_root=True)
    assert installed.run("reload", "--control", place / "control", as_root=True).returncode == 0
    assert len(server.find_events("config.warning", "root", "--user")) == 1
    assert not start("--user", USER, as_root=True).find_events("config.warning", "root")


@needs_root
def test_a_bare_number_needs_a_group(start, installed, place):
    server = start("--user", "54321", "--group", "54322", as_root=True)
    assert rights(server.only_worker()) == {"Uid": [54321] * 4, "Gid": [54322] * 4, "Groups": [54322], "CapEff": 0,
                                            "CapPrm": 0}
    ended = installed.run("--socket", place / "app.sock", "--module", "app", "--user", "54321", as_root=True)
    assert ended.returncode == EXIT_CONFIGURATION and "group" in ended.stderr


@needs_root
@pytest.mark.parametrize("options, owners", [
    ((), (USER, grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name)),
    (("--group", "www-data"), (USER, "www-data")),
    (("--socket-group", "www-data"), (USER, "www-data")),
    (("--socket-owner", "root", "--socket-group", "root"), ("root", "root")),
], ids=lambda value: " ".join(value))
def test_the_socket_file_is_the_users_unless_said_otherwise(start, options, owners):
    server = start("--user", USER, *options, as_root=True)
    found = os.stat(server.address)
    assert (pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name) == owners
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert server.call("fastcgi", "/hello").status == 200


@needs_root
def test_what_only_root_may_do_is_done_by_the_master(start, tmp_path):
    """A folder that the workers cannot enter: log, pid file and secrets in it work, and it is tidy at the end."""
    tmp_path.chmod(0o700)
    (tmp_path / "secrets").write_text("HOME=/from-secrets\n")
    access, pid_file, socket = tmp_path / "access.log", tmp_path / "pid", tmp_path / "app.sock"
    server = start("--user", USER, "--access-log", access, "--pidfile", pid_file, "--env-file", tmp_path / "secrets",
                   "--socket", socket, as_root=True)
    assert wire.call("fastcgi", str(socket), "/hello").status == 200
    wait_until(lambda: "/hello" in access.read_text(), "the line of the access log")
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.log", "secrets"]


@needs_root
def test_check_sees_what_the_user_may_not_read(installed, place):
    path = place.write("private.py", "def application(e, s): pass")
    os.chown(path, 0, 0)
    path.chmod(0o600)
    options = ("--check", "--socket", "./app.sock", "--pythonpath", place.path, "--module", "private")
    assert installed.run(*options, as_root=True).returncode == 0
    ended = installed.run(*options, "--user", USER, as_root=True)
    assert ended.returncode == 4 and "private" in ended.stderr


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
def test_who_is_not_root_cannot_have_another_user(installed, place, action):
    ended = installed.run("--socket", place / "app.sock", "--module", "app", "--user", "root", *action)
    assert ended.returncode == EXIT_CONFIGURATION
    assert "--user: only root can start workers as root" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1 and not (place / "app.sock").exists()


def test_who_is_not_root_may_name_itself(start):
    """So one configuration serves by hand as root, and under a manager that has changed the user already."""
    server = start()
    uid, gid = (rights(server.pid)[name][0] for name in ("Uid", "Gid"))
    server = start("--user", str(uid), "--group", str(gid))
    assert rights(server.only_worker())["Uid"] == [uid] * 4
    assert server.call("fastcgi", "/hello").status == 200


# ---- systemd: readiness, status, watchdog


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


# ---- systemd: socket activation


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
