"""What a worker under --user may do, and may not, to a master that is root."""

import os
import pwd
import stat

import pytest

from processes import wait_until

USER = "nobody"
EXIT_CONFIGURATION, EXIT_SOCKET, EXIT_START = 2, 3, 4
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")


@pytest.fixture
def secret(tmp_path):
    """A file that only root can open."""
    path = tmp_path / "secret"
    path.write_text("SECRET=of root\n")
    path.chmod(0o600)
    return path


def owner(path) -> str:
    return pwd.getpwuid(os.lstat(path).st_uid).pw_name


def mode(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


# ---- what root opens where the workers can write


def test_a_link_in_place_of_the_access_log_opens_nothing_of_roots(start, installed, place, secret):
    log = place.folder("logs") / "access.log"
    server = start("--user", USER, "--access-log", log, "--control", place / "control", as_root=True)
    assert server.call("fastcgi", "/hello").status == 200
    assert wait_until(lambda: "/hello" in log.read_text(), "the line") and owner(log) == USER
    log.unlink()
    log.symlink_to(secret)
    asked = installed.run("reload", "--control", place / "control", as_root=True)
    server.call("fastcgi", "/to-the-secret")
    assert secret.read_text() == "SECRET=of root\n"
    assert asked.returncode == EXIT_START
    assert f"open {log} as user {USER}, since not only root can write to" in asked.stderr
    log.unlink()
    assert installed.run("reload", "--control", place / "control", as_root=True).returncode == 0


@pytest.mark.parametrize("option", ["--env-file", "--access-log", "--pidfile"])
@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
def test_no_file_of_roots_is_opened_by_a_link_of_the_workers(installed, place, secret, option, action):
    if option == "--pidfile" and action:
        return
    link = place.folder("own") / "link"
    link.symlink_to(secret)
    ended = installed.run("--socket", place / "app.sock", "--module", "wsgi_probe:application", "--pythonpath",
                          installed.apps, "--user", USER, option, link, *action, as_root=True)
    assert ended.returncode == EXIT_CONFIGURATION and str(link) in ended.stderr
    assert option == "--pidfile" or "Permission denied" in ended.stderr
    assert secret.read_text() == "SECRET=of root\n"


def test_pid_file_control_socket_and_socket_of_a_folder_of_the_workers(start, installed, place):
    """As with /run/appd of appd's: all work, the control socket is root's alone, and all are removed."""
    run = place.folder("run")
    server = start("--user", USER, "--pidfile", run / "pid", "--socket", run / "app.sock", as_root=True)
    assert (owner(run / "app.sock"), mode(run / "app.sock")) == (USER, 0o660)
    assert (owner(run / "pid.control"), mode(run / "pid.control")) == ("root", 0o600)
    assert installed.run("status", "--pidfile", run / "pid", as_root=True).returncode == 0
    assert installed.run("status", "--pidfile", run / "pid").returncode != 0  # who is not root
    assert server.stop() == 0
    assert not list(run.iterdir())


def test_standard_output_by_its_name_is_the_access_log(start):
    server = start("--user", USER, "--access-log", "/dev/stdout", as_root=True)
    assert server.call("fastcgi", "/hello").status == 200
    wait_until(lambda: "/hello" in server.output(), "the line")
