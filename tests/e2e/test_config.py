"""Command line and file: help, checks, effective values, and every error with its place."""

import grp
import json
import os
import pwd
import re

import pytest

import wire
from appd import READY, FromOwnBinary
from processes import Process, unprivileged

EXIT_CONFIGURATION = 2
EXIT_START = 4
OPTIONS = (
    "socket socket-mode socket-owner socket-group allow allow-user protocol module chdir pythonpath virtualenv python env env-file mount "
    "workers threads queue graceful-timeout max-crashes user group umask pidfile max-params max-body body-buffer spool-dir spool-limit spool-bodies "
    "header-timeout body-timeout log-level access-log config check print-config help version"
).split()


@pytest.fixture
def run(installed, place):
    """Runs appd with a module that works, in a folder of its own."""
    place.write("app.py", "def application(e, s): s('200 OK', []); return [b'app']")

    def run_one(*arguments, ini=None):
        if ini is not None:
            arguments = ("--config", place.write("appd.ini", ini), *arguments)
        return installed.run(*arguments, cwd=place.path)

    return run_one


def test_help_names_every_option_and_exits_0(run):
    ended = run("--help")
    assert ended.returncode == 0
    for option in OPTIONS:
        assert re.search(rf"--{option}\b", ended.stdout), option
    assert max(map(len, ended.stdout.splitlines())) <= 100


def test_version_names_appd_python_and_boost_and_exits_0(run):
    ended = run("--version")
    assert ended.returncode == 0
    assert re.search(r"appd \d+\.\d+", ended.stdout)
    assert re.search(r"Python 3\.\d+", ended.stdout) and re.search(r"Boost 1\.\d+", ended.stdout)


def test_check_imports_the_application_and_exits_0(run, place):
    ended = run("--check", "--socket", "./app.sock", "--module", "app")
    assert ended.returncode == 0, ended.stderr
    assert not (place / "app.sock").exists()


def test_check_of_an_application_that_cannot_be_imported_fails(run, place):
    place.write("broken.py", "raise RuntimeError('broken: at import')")
    ended = run("--check", "--socket", "./app.sock", "--module", "broken")
    assert ended.returncode == EXIT_START
    assert "Traceback" in ended.stderr and "broken: at import" in ended.stderr


def test_print_config_shows_values_and_where_each_came_from(run, place):
    ini = "# a comment\n[appd]\nsocket = from-file.sock\nthreads = 7\nmodule = app\nmax-body = 2M\n"
    ended = run("--print-config", "--threads", "9", ini=ini)
    assert ended.returncode == 0, ended.stderr
    shown = re.findall(r"^# (.+)\n#?([a-z-]+) = ?(.*)$", ended.stdout, re.MULTILINE)
    origins = {name: (value, origin) for origin, name, value in shown}
    assert origins["threads"] == ("9", "command line")
    assert origins["socket"] == ("from-file.sock", f"{place / 'appd.ini'}:3")
    assert origins["max-body"] == ("2M", f"{place / 'appd.ini'}:6")
    assert origins["graceful-timeout"] == ("30s", "default")


def test_what_print_config_shows_is_a_file_that_means_the_same(run, place):
    first = run("--print-config", "--socket", "a.sock", "--socket", "127.0.0.1:8000", "--module", "app",
                "--max-body", "3M", "--env", "A=b c", "--env", "B=${HOME}%n", "--chdir", "/tmp/%n/$(x)", "--spool-bodies", "--graceful-timeout", "7s")
    assert first.returncode == 0
    second = run("--print-config", ini=first.stdout)
    assert second.returncode == 0, second.stderr

    def values(text):
        lines = [re.split(r"\s+[#;]", line)[0].rstrip() for line in text.splitlines()]
        return [line for line in lines if "=" in line and line[0] not in "#;"]

    assert values(first.stdout) == values(second.stdout) != []


def test_the_command_line_wins_over_the_file(start, place):
    place.write("appd.ini", "[appd]\nmount = /file\nmax-body = 1K\n")
    server = start("--config", place / "appd.ini", "--max-body", "10K")
    assert server.call("fastcgi", "/digest", body=b"x" * 5000).status == 200
    assert server.call("fastcgi", "/digest", body=b"x" * 20_000).status == 413
    assert server.call("fastcgi", "/file/environ").json()["SCRIPT_NAME"] == "/file"


def test_a_whole_configuration_from_a_file_serves(start, installed, place):
    address = place / "app.sock"
    place.write("whole.ini", f"[appd]\nsocket = {address}\nmodule = wsgi_probe:application\nworkers = 1\n"
                             f"pythonpath = {installed.apps}\nenv = PROBE_DIR={place.path}\n")
    process = Process("appd", [installed.binary, "--config", place / "whole.ini"], place)
    try:
        process.wait_ready(lambda: READY in process.log())
        for protocol in wire.WIRES:
            assert wire.call(protocol, str(address), "/hello").status == 200
    finally:
        assert process.stop() == 0


def test_the_sample_configuration_is_accepted(installed, run):
    ended = run("--config", installed.configs / "appd.ini", "--print-config")
    assert ended.returncode == 0, ended.stderr


USER = pwd.getpwuid(unprivileged().get("user", os.getuid())).pw_name


@pytest.mark.parametrize("what, mode, options, told", [
    ("code/site_one.py", 0o000, ("--module", "site_one"), "read {}/code/site_one.py"),
    ("code/site_one.py", 0o000, ("--module", "code/site_one.py"), "read {}/code/site_one.py"),
    ("code", 0o000, ("--module", "site_one"), "read {}/code"),
    ("code", 0o100, ("--module", "site_one"), "read {}/code"),
    (".", 0o300, ("--module", "nothing_there"), "read {}"),
    ("code/pkg", 0o000, ("--module", "pkg.wsgi"), "read {}/code/pkg"),
    ("code", 0o400, ("--module", "pkg.wsgi"), "read {}/code"),
], ids=str)
def test_what_cannot_be_read_is_named_with_the_user(run, place, what, mode, options, told):
    place.folder("code"), place.folder("code/pkg")
    for name in ("code/site_one.py", "code/pkg/__init__.py", "code/pkg/wsgi.py"):
        place.write(name, "def application(e, s): pass")
    before = (place / what).stat().st_mode
    (place / what).chmod(mode)
    try:
        ended = run("--check", "--socket", "./app.sock", "--pythonpath", "code", *options)
    finally:
        (place / what).chmod(before)
    assert ended.returncode == EXIT_START, ended.stderr
    assert f"; user {USER} may not {told.format(place.path)}\n" in ended.stderr


def test_a_folder_that_may_not_be_entered_is_named_with_the_user(run, place):
    place.folder("locked").chmod(0o400)
    ended = run(*GOOD, "--chdir", "locked", "--spool-dir", place.path, "--check")
    assert ended.returncode == EXIT_START
    assert f"user {USER} cannot enter --chdir locked: Permission denied" in ended.stderr


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
@pytest.mark.parametrize("option, named", [("--virtualenv", "has no bin/python"), ("--python", "does not exist")])
def test_a_python_that_is_not_there_is_a_mistake_of_the_configuration(run, place, action, option, named):
    ended = run(*GOOD, *action, option, place / "nothing")
    assert ended.returncode == EXIT_CONFIGURATION
    assert option in ended.stderr and f"{place / 'nothing'}" in ended.stderr and named in ended.stderr


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
@pytest.mark.parametrize("is_so, mend", [
    ("sys.prefix = '/srv/site/venv'", " -m pip install appd=="),
    ("os.path.exists = lambda path: path.endswith('/EXTERNALLY-MANAGED')", "; name an environment with --virtualenv, or install appd-python3 "),
    ("sys.abiflags = 't'", "; take a CPython that is not free-threaded"),
    ("sys.version_info = (3, 9, 25)", "; take CPython 3.10 or newer"),
], ids=["environment", "distribution", "free-threaded", "old"])
def test_a_python_without_the_worker_of_this_appd_comes_with_what_mends_it(run, place, action, is_so, mend):
    # A Python for which this installation has no module.
    python = place.write("python", f"""#!/bin/sh
exec /usr/bin/python3 -c "import os, sys; {is_so}
$2" "$3" "$4" "$5" "" "$7"
""")
    python.chmod(0o755)
    ended = run(*GOOD, *action, "--python", python)
    assert ended.returncode == EXIT_START
    assert "has no worker of appd" in ended.stderr and mend in ended.stderr


def test_the_environment_is_expanded_in_the_file_and_again_at_a_reload_and_an_upgrade(installed, place):
    config = place.write("appd.ini", "[appd]\nenv = GREETING=hello ${GREETING} $${GREETING}\nenv = TIME=%H:%M\n")
    place.write("greeting.py", "import json, os\ndef application(environ, start_response):\n"
                               "    start_response('200 OK', [])\n    return [json.dumps(dict(os.environ)).encode()]")
    server = FromOwnBinary(installed, "--config", config, "--control", place / "control", "--pythonpath", place.path,
                           module="greeting", env={"GREETING": "hello"})
    try:
        def greeting():
            found = json.loads(server.call("fastcgi", "/").body)
            return found["GREETING"], found["TIME"], found.get("MORE")

        assert greeting() == ("hello hello ${GREETING}", "%H:%M", None)
        for verb in ("reload", "upgrade"):
            place.write("appd.ini", config.read_text() + f"env = MORE={verb} ${{GREETING}}\n")
            assert installed.run(verb, "--control", place / "control").returncode == 0
            assert greeting() == ("hello hello ${GREETING}", "%H:%M", f"{verb} hello")
    finally:
        server.stop()


# ---- errors: exit code 2, the place, the nearest name


GOOD = ("--socket", "./app.sock", "--module", "app")


def other_group():
    """One that the tests' unprivileged user is not in."""
    own = {unprivileged().get("group", os.getgid()), *(() if unprivileged() else os.getgroups())}
    return next(each.gr_name for each in grp.getgrall() if each.gr_gid not in own)


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
@pytest.mark.parametrize("arguments, named", [
    ((*GOOD, "--socket-group", "no-such-group"), ["--socket-group: there is no group no-such-group"]),
    ((*GOOD, "--socket-owner", "no-such-user"), ["--socket-owner: there is no user no-such-user"]),
    ((*GOOD, "--socket-group", "OTHER"), ["--socket-group: ", " is not in the group OTHER", "usermod"]),
    ((*GOOD, "--socket-owner", "root"), ["--socket-owner: only root can give a socket to root"]),
    (("--socket", "http://127.0.0.1:8000", "--module", "app"), ["--socket: ", "write 127.0.0.1:8000"]),
    ((*GOOD, "--spool-dir", "/nonexistent/spool"), ["--spool-dir: the folder /nonexistent/spool does not exist"]),
    ((*GOOD, "--spool-dir", "/etc/passwd"), ["--spool-dir: /etc/passwd is not a folder"]),
    ((*GOOD, "--static", "/st=none"), ["--static: the folder ", "/none does not exist"]),
    ((*GOOD, "--internal-files", "/in=/etc/passwd"), ["--internal-files: /etc/passwd is not a folder"]),
    ((*GOOD, "--static", "/st=/etc", "--static", "/st/=/usr"), ["--static: /st has two folders"]),
    ((*GOOD, "--static", "/st=/usr", "--internal-files", "/in=/usr"), ["/usr is within /usr, whose files --static"]),
    ((*GOOD, "--static", "/st=/usr/", "--internal-files", "/in=/usr/lib/../share"), ["--internal-files: /usr/lib/"]),
], ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "")
def test_check_finds_what_fails_at_the_start(run, place, action, arguments, named):
    group = other_group()
    ended = run(*(group if each == "OTHER" else each for each in arguments), *action)
    assert ended.returncode == EXIT_CONFIGURATION, ended.stderr
    for part in named:
        assert part.replace("OTHER", group) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1 and not (place / "app.sock").exists()


def test_check_finds_a_folder_in_which_no_body_can_be_kept(run, place):
    place.folder("spool").chmod(0o500)
    ended = run(*GOOD, "--spool-dir", "spool", "--check")
    assert ended.returncode == EXIT_CONFIGURATION and f"cannot create a file in {place / 'spool'}" in ended.stderr
    assert run(*GOOD, "--check").returncode == 0


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
def test_a_factory_without_its_parentheses_is_found_before_the_first_request(run, place, action):
    place.write("factory.py", "def make_app(): return lambda e, s: []")
    ended = run("--socket", "./app.sock", "--module", "factory:make_app", *action)
    assert ended.returncode == EXIT_START and "write factory:make_app()" in ended.stderr


@pytest.mark.parametrize("arguments, named", [
    ((*GOOD, "--thraeds", "4"), ["thraeds", "threads"]),
    ((*GOOD, "--sokcet", "x"), ["sokcet", "socket"]),
    ((*GOOD, "--max_body", "1M"), ["max_body", "max-body"]),
    ((*GOOD, "--threads", "many"), ["threads", "many"]),
    ((*GOOD, "--threads", "0"), ["threads"]),
    ((*GOOD, "--threads", "-1"), ["threads"]),
    ((*GOOD, "--threads", "4", "--threads", "5"), ["threads"]),
    ((*GOOD, "--max-body", "1X"), ["max-body", "1X"]),
    ((*GOOD, "--max-body", "99999999999999999999"), ["max-body"]),
    ((*GOOD, "--graceful-timeout", "soon"), ["graceful-timeout", "soon"]),
    ((*GOOD, "--protocol", "fastgi"), ["protocol", "fastcgi"]),
    ((*GOOD, "--socket-mode", "0999"), ["socket-mode"]),
    ((*GOOD, "--user", "no-such-user"), ["user", "no-such-user"]),
    ((*GOOD, "--user", "root", "--group", "no-such-group"), ["--group: there is no group no-such-group"]),
    ((*GOOD, "--group", "root"), ["group", "user"]),
    ((*GOOD, "--umask", "rwx"), ["umask", "rwx"]),
    ((*GOOD, "--max-crashes", "5"), ["max-crashes", "5/60s"]),
    ((*GOOD, "--pidfile", "/nonexistent/pid"), ["pidfile", "/nonexistent/pid"]),
    ((*GOOD, "--env", "NOVALUE"), ["env", "NOVALUE"]),
    ((*GOOD, "--access-log-format", "{nonsense}"), ["access-log-format", "nonsense"]),
    ((*GOOD, "--threads"), ["threads"]),
    ((*GOOD, "stray"), ["stray"]),
    ((*GOOD, "--env-file", "/nonexistent/env"), ["/nonexistent/env"]),
    (("--module", "app"), ["socket"]),
    (("--socket", "./app.sock"), ["module"]),
    (("--config", "/nonexistent/appd.ini"), ["/nonexistent/appd.ini"]),
], ids=lambda value: value[-1] if isinstance(value, tuple) else "")
def test_an_error_on_the_command_line_is_one_line_that_names_it(run, arguments, named):
    ended = run(*arguments)
    assert ended.returncode == EXIT_CONFIGURATION
    for word in named:
        assert word in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "Traceback" not in ended.stderr and "terminate" not in ended.stderr


@pytest.mark.parametrize("ini, line, named", [
    ("[appd]\nsocket = a\nthraeds = 4\n", 3, ["thraeds", "threads"]),
    ("[appd]\n\n# comment\nthreads = many\n", 4, ["threads", "many"]),
    ("[appd]\nthreads = 4\nthreads = 5\n", 3, ["threads"]),
    ("[appd]\nthis is no setting\n", 2, []),
    ("threads = 4\n", 1, []),
    ("[apd]\nthreads = 4\n", 1, ["apd"]),
    ("[appd]\ncheck = true\n", 2, ["check"]),
    ("[appd]\nspool-bodies = perhaps\n", 2, ["spool-bodies", "perhaps"]),
    ("[appd]\n\nsocket = /run/${NOT_SET}/app.sock\n", 3, ["socket: the environment variable NOT_SET is not set"]),
    ("[appd]\nsocket = /run/%n.sock\n", 2, ["socket: contains %n, which appd does not expand; write", "${NAME}"]),
    ("[appd]\nchdir = /srv/$(SITE)\n", 2, ["chdir: contains $(SITE), which"]),
    ("[uwsgi]\nharakiri = 30\n", 1, ["[uwsgi] is a section of uWSGI", "[appd]"]),
    ("[appd]\nharakiri = 30\n", 2, ["harakiri: is an option of uWSGI; in appd: request-timeout"]),
], ids=lambda value: value.replace("\n", "|") if isinstance(value, str) else "")
def test_an_error_in_the_file_names_file_and_line(run, ini, line, named):
    ended = run("--socket", "./app.sock", "--module", "app", ini=ini)
    assert ended.returncode == EXIT_CONFIGURATION
    assert f"appd.ini:{line}" in ended.stderr
    for word in named:
        assert word in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
def test_an_error_in_an_env_file_names_file_and_line(run, place, action):
    path = place.write("secrets", "# the key\nKEY='not closed\n")
    ended = run(*GOOD, "--env-file", path, *action)
    assert ended.returncode == EXIT_CONFIGURATION
    assert f"{path}:2: " in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert "not closed\n" not in ended.stdout and "KEY" not in ended.stderr, "it may hold secrets"


def test_print_config_shows_the_name_of_an_env_file_and_not_what_it_holds(run, place):
    path = place.write("secrets", "KEY=secret-value\n")
    ended = run(*GOOD, "--env-file", path, "--print-config")
    assert ended.returncode == 0 and f"env-file = {path}" in ended.stdout
    assert "secret-value" not in ended.stdout


def test_a_chdir_that_does_not_exist_stops_the_start_and_is_named(run):
    ended = run(*GOOD, "--chdir", "/nonexistent/folder")
    assert ended.returncode != 0 and "/nonexistent/folder" in ended.stderr


def test_an_access_log_that_cannot_be_opened_stops_the_start_and_is_named(run):
    ended = run(*GOOD, "--access-log", "/nonexistent/access.log")
    assert ended.returncode != 0 and "/nonexistent/access.log" in ended.stderr
