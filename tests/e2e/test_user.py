"""--user and --group: for whom master and workers act, and whose their files are."""

import grp
import os
import pwd
import signal
import stat

import pytest

import wire
from applications import SHOW_ENVIRONMENT, application, environment, with_and_without_preload
from processes import alive, children, wait_until

EXIT_CONFIGURATION = 2
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
