"""What an operator's service manager, or a script in its place, relies on."""

import json
import os
import signal
import stat

import pytest

import wire
from processes import alive, unique, wait_until

EXIT_CONFIGURATION = 2


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
    assert f"process {first.pid} has it" in ended.stderr and str(path) in ended.stderr
    assert not (place / "other.sock").exists()
    assert path.read_text() == f"{first.pid}\n"
    assert first.call("fastcgi", "/hello").status == 200


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
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
    assert running.read_answer().status == 200
    running.close()
    wait_until(lambda: not alive(worker), "the worker has ended")
    assert path.read_text() == f"{second.pid}\n"


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
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


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
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


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
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
