"""What an operator's service manager, or a script in its place, relies on: pid file, umask, environment."""

import os
import signal
import stat

import wire
from appd import READY, parse_log, select_events
from applications import SHOW_ENVIRONMENT, application, environment, with_and_without_preload
from processes import alive, wait_until

EXIT_CONFIGURATION = 2


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
