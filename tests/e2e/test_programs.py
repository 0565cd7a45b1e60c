"""Workers are programs: what a worker has of its master, and which Python it runs."""

import contextlib
import json
import mmap
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from appd import PYTHON, FromOwnBinary, find_binary, is_sanitized
from processes import children, give_away, unprivileged, wait_until

PYTHON_HAS = subprocess.run([PYTHON, "-c", "import sys; print(dir(sys))"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
WITH_MODULE = pytest.mark.skipif(is_sanitized(find_binary()), reason="a Python cannot load a sanitized module")

SITE = '''
import json, os, sys
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps({expression}, default=str).encode()]
'''


def descriptors(pid) -> dict:
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        found[int(entry.name)] = os.readlink(entry)
    return found


def read_pages(memory, begin, end):
    """Those that can be read: with glibc 2.42 the guard below a thread's stack is a part of what is mapped."""
    for page in range(begin, end, mmap.PAGESIZE):
        memory.seek(page)
        with contextlib.suppress(OSError):
            yield memory.read(mmap.PAGESIZE)


def memory_of(pid) -> bytes:
    """All that the process can write to."""
    content = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            begin, end = (int(part, 16) for part in span.split("-"))
            if rights.startswith("rw") and "[v" not in line:
                content += read_pages(memory, begin, end)
    return b"".join(content)


def program_of(pid) -> str:
    return os.readlink(f"/proc/{pid}/exe")


# ---- what a worker has of its master


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_worker_has_no_memory_of_the_settings_that_were_for_others(start, installed, place, preload):
    secret = "secret-of-" + os.urandom(8).hex()
    place.write("variables", f"SECRET={secret}\n")
    config = place.write("appd.ini", f"[appd]\nenv-file = {place / 'variables'}\npidfile = {place / 'appd.pid'}\n")
    server = start("--config", config, *preload)
    worker = server.worker_pids()[-1]
    assert secret.encode() in memory_of(worker) and secret.encode() in memory_of(server.pid)
    place.write("variables", "SECRET=none\n")
    assert installed.run("reload", "--control", place / "appd.control", within=60).returncode == 0
    processes = 2 if preload else 1

    def those_of_the_reload():
        pids = server.worker_pids()
        return len(pids) == processes and worker not in pids and pids

    pids = wait_until(those_of_the_reload, "the former generation is gone")
    assert secret.encode() in memory_of(server.pid)  # of its start
    for pid in pids:  # and the zygote
        assert secret.encode() not in memory_of(pid)


def test_a_worker_has_no_descriptor_that_is_the_masters_alone(start, place):
    server = start("--pidfile", place / "appd.pid", "--control", place / "control", "--touch-reload", place / "touch",
                   workers=2)
    masters = descriptors(server.pid)
    control = {name for name in masters.values() if name.startswith("socket:")}
    for worker in server.worker_pids():
        names = descriptors(worker)
        assert not [each for each in names.values() if each.endswith("appd.pid") or "inotify" in each
                    or "signalfd" in each or "appd-start" in each]
        # Besides the listening socket, the inboxes and the queue, which all have, only its own link.
        assert len(set(names.values()) & control) == 1 + 2 * 3 + 2


def test_each_worker_has_an_address_space_of_its_own(start):
    def bases(pid):
        """Where the C library, the heap and the stack begin."""
        found = {}
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, *_, name = line.split()
            if "/libc.so" in name or name in ("[heap]", "[stack]"):
                found.setdefault(name, span.partition("-")[0])
        return found

    server = start(workers=2)
    first, second = map(bases, server.worker_pids())
    assert first.keys() == second.keys() and len(first) == 3
    assert not [name for name in first if first[name] == second[name]]


def test_a_master_has_nothing_of_python(start):
    server = start()
    assert b"PyObject" not in Path(f"/proc/{server.pid}/exe").read_bytes()
    assert "python" not in Path(f"/proc/{server.pid}/maps").read_text().lower()


@pytest.mark.skipif(is_sanitized(find_binary()), reason="a sanitizer takes much memory")
def test_a_master_is_small(start):
    server = start("--preload", workers=2)
    (pss,) = re.findall(r"^Pss: +(\d+) kB", Path(f"/proc/{server.pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert int(pss) <= 3 * 1024


# ---- which program it is


def test_without_an_option_it_is_the_program_that_was_installed_with_appd(start):
    server = start()
    assert program_of(server.only_worker()) == str(server.installed.libexec / "appd-worker")


@WITH_MODULE
@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_virtual_environments_python_runs_its_workers(start, place, preload):
    environment = place / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", environment], check=True, timeout=120)
    give_away(environment)
    expression = ("[sys.prefix, sys.executable, sys.argv, sys.path[1], sys.flags.optimize, os.getcwd(), "
                  "[each for each in sys.path if 'libexec' in each]]")
    place.write("inside.py", SITE.format(expression=expression))
    server = start("--chdir", place.path, "--virtualenv", environment, "--env", "PYTHONOPTIMIZE=1", *preload,
                   module="inside")
    assert server.call("fastcgi").body.decode() == (
        f'["{environment}", "{environment}/bin/python", ["appd"], "{place.path}", 1, "{place.path}", []]')
    for pid in server.worker_pids():
        assert program_of(pid) == os.path.realpath(PYTHON)
    assert server.find_events("server.ready", re.escape(f"{environment}/bin/python, CPython 3."))


@WITH_MODULE
def test_a_relative_environment_is_looked_for_in_the_applications_folder(start, place):
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", place / "venv"], check=True, timeout=120)
    give_away(place / "venv")
    place.write("inside.py", SITE.format(expression="sys.prefix"))
    server = start("--chdir", place.path, "--virtualenv", "venv", module="inside")
    assert server.call("fastcgi").body.decode() == f'"{place / "venv"}"'


def make_environment(place, *options) -> Path:
    environment = place / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", *options, environment], check=True, timeout=120)
    give_away(environment)
    return environment


def packages_of(environment) -> Path:
    found, = environment.glob("lib/python3*/site-packages")
    return found


def install_package(installed, environment):
    """As pip does for an appd that was not installed with a worker program of its own."""
    shutil.copytree(installed.libexec / "python" / "appd", packages_of(environment) / "appd")
    give_away(environment)


@pytest.mark.skipif("is_remote_debug_enabled" not in PYTHON_HAS, reason="CPython 3.14 has remote debugging")
@pytest.mark.parametrize("program", [(), pytest.param(("--python", PYTHON), marks=WITH_MODULE)],
                         ids=["program", "module"])
@pytest.mark.parametrize("options, enabled", [((), True), (("--env", "PYTHON_DISABLE_REMOTE_DEBUG=1"), False)],
                         ids=["", "off"])
def test_remote_debugging_is_on_unless_the_environment_says_otherwise(start, place, program, options, enabled):
    place.write("inside.py", SITE.format(expression="sys.is_remote_debug_enabled()"))
    server = start("--chdir", place.path, *program, *options, module="inside")
    assert json.loads(server.call("fastcgi").body) == enabled


@WITH_MODULE
def test_a_reload_takes_the_python_that_the_environment_has_by_then(start, installed, place):
    environment = make_environment(place)
    server = start("--control", place / "control", "--virtualenv", environment)
    assert program_of(server.only_worker()) == os.path.realpath(PYTHON)
    make_environment(place, "--clear", "--copies")
    told = installed.run("reload", "--control", place / "control", within=60)
    assert (told.returncode, told.stderr) == (0, "")
    assert f"serves (1 worker); {environment}/bin/python, CPython 3." in told.stdout

    def programs():
        with contextlib.suppress(FileNotFoundError):  # one that has ended
            return {os.path.dirname(program_of(pid)) for pid in server.worker_pids()}

    wait_until(lambda: programs() == {f"{environment}/bin"}, "only workers of the new Python are left")
    assert server.call("fastcgi").status == 200


@WITH_MODULE
def test_an_appd_without_a_python_of_its_own_is_the_master_for_that_of_an_environment(own, installed, place):
    environment = make_environment(place)
    install_package(installed, environment)
    server = own("--virtualenv", environment, alone=True)
    assert server.call("fastcgi").status == 200
    assert program_of(server.only_worker()) == os.path.realpath(PYTHON)


@WITH_MODULE
@pytest.mark.parametrize("alone", [False, True], ids=["", "alone"])
def test_no_file_of_the_application_takes_the_place_of_the_worker(own, installed, place, alone):
    environment = make_environment(place)
    if alone:
        install_package(installed, environment)
    for name in ("appd", "os", "sys", "_imp"):
        place.write(f"{name}.py", "raise SystemExit(7)\n")
    place.write("inside.py", SITE.format(expression="1"))
    server = own("--chdir", place.path, "--virtualenv", environment, module="inside", alone=alone)
    assert server.call("fastcgi").body == b"1"


@WITH_MODULE
def test_a_handler_that_comes_with_the_environment_stays(start, place):
    environment = make_environment(place)
    noted = place.write("noted", "")
    (packages_of(environment) / "handlers.pth").write_text("import handlers\n")
    (packages_of(environment) / "handlers.py").write_text(
        "import faulthandler, signal\n"
        f"file = open({str(noted)!r}, 'a')\n"
        "faulthandler.register(signal.SIGUSR2, file)\n")
    give_away(environment)
    server = start("--virtualenv", environment)
    os.kill(server.only_worker(), signal.SIGUSR2)
    wait_until(lambda: "thread" in noted.read_text(), "the handler has run")
    assert server.call("fastcgi").status == 200


TELLS_USER = """#!/bin/sh
id -u >>{folder}/users
exec {python} "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's rights")
@WITH_MODULE
def test_root_executes_no_python_of_the_workers_user(start, installed, place):
    script = place.write("python", TELLS_USER.format(folder=place.path, python=PYTHON))
    script.chmod(0o755)
    options = ["--user", "nobody", "--python", script]
    assert installed.run("--version", *options, as_root=True).returncode == 0
    checked = installed.run("--check", "--socket", place / "app.sock", "--chdir", installed.apps, "--module",
                            "wsgi_probe", *options, as_root=True)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith(f"workers run {script}, CPython 3.")
    start(*options, as_root=True)
    assert (place / "users").read_text().split() == [str(pwd.getpwnam("nobody").pw_uid)] * 3


def test_the_configuration_is_printed_with_the_program(installed):
    told = installed.run("--print-config", "--python", "/srv/python").stdout
    assert told.startswith("# Workers run /srv/python\n")


def test_the_versions_of_both_halves_are_told(installed):
    told = installed.run("--version").stdout
    assert re.search(r"^appd \d+\.\d+\.\d+$", told, re.MULTILINE)
    assert re.search(rf"^{installed.libexec}/appd-worker: appd \d+\.\d+\.\d+, CPython 3\.\d+\.\d+", told, re.MULTILINE)


# ---- what does not fit


OTHER_VERSION = """#!/bin/sh
# Executes the worker program with a start file of another version.
exec {python} - "$@" <<'END'
import os, sys
text = os.pread(int(sys.argv[-1]), 1 << 20, 0)
first, _, rest = text.partition(b"\\n")
file = os.memfd_create("start", 0)
os.write(file, b"appd 99.1\\n" + rest)
for entry in os.listdir("/proc/self/fd"):
    try:
        os.set_inheritable(int(entry), True)
    except OSError:
        pass
os.execv("{worker}", ["{worker}", str(file)])
END
"""


class Alone(FromOwnBinary):
    """Without a worker program beside it."""

    def command(self, arguments, environment):
        command = super().command(arguments, environment)
        os.unlink(os.path.join(os.path.dirname(self.binary), "libexec"))
        return command


@pytest.fixture
def own(installed):
    servers = []

    def start_one(*options, alone=False, **rest):
        server = (Alone if alone else FromOwnBinary)(installed, *options, **rest)
        servers.append(server)
        return server

    yield start_one
    for server in servers:
        server.stop()


def put_other_version(server):
    libexec = Path(server.address).parent / "libexec"
    worker = os.path.realpath(libexec / "appd-worker")
    libexec.unlink()  # a link to the installation's
    libexec.mkdir()
    script = libexec / "appd-worker"
    script.write_text(OTHER_VERSION.format(python=PYTHON, worker=worker))
    script.chmod(0o755)


def test_master_and_worker_of_different_versions_refuse_each_other_by_name(own, place):
    server = own("--control", place / "control", workers=1)
    put_other_version(server)
    asked = server.installed.run("reload", "--control", place / "control", within=60)
    assert asked.returncode != 0
    assert re.search(r"worker is of appd \d+\.\d+\.\d+, and its master of appd 99\.1", asked.stderr)
    assert "appd upgrade" in asked.stderr
    assert server.call("fastcgi").status == 200


def test_an_upgrade_is_refused_if_the_worker_program_is_of_another_version(own, place):
    server = own("--control", place / "control")
    put_other_version(server)
    worker = server.only_worker()
    asked = server.installed.run("upgrade", "--control", place / "control", within=60)
    assert asked.returncode != 0 and "and its master of appd 99.1" in asked.stderr
    assert server.find_events("upgrade.refused") and server.only_worker() == worker
    assert server.call("uwsgi").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's rights")
def test_a_program_that_the_workers_user_may_not_execute_is_named_with_the_user(own, place):
    server = own("--control", place / "control", "--user", "nobody", as_root=True)
    libexec = Path(server.address).parent / "libexec"
    libexec.unlink()
    libexec.mkdir()
    (libexec / "appd-worker").write_text("")
    (libexec / "appd-worker").chmod(0o500)
    asked = server.installed.run("reload", "--control", place / "control", within=60, as_root=True)
    assert asked.returncode != 0
    assert f"user nobody cannot execute {libexec}/appd-worker: Permission denied" in asked.stderr
    assert server.call("scgi").status == 200
    wait_until(lambda: len(children(server.pid)) == 1, "the failed worker is gone")


@WITH_MODULE
def test_a_script_that_starts_a_python_as_another_process_is_refused(installed, place):
    script = place.write("python", f'#!/bin/sh\n{PYTHON} "$@"\nexit $?\n')
    script.chmod(0o755)
    ended = installed.run("--socket", place / "app.sock", "--module", "wsgi_probe", "--python", script)
    assert ended.returncode == 4
    assert f"{script} is no Python, but starts one as another process" in ended.stderr


def test_a_python_that_cannot_start_is_told_to_whoever_asked_for_a_reload(start, installed, place):
    place.write("variables", "A=b\n")
    config = place.write("appd.ini", f"[appd]\nenv-file = {place / 'variables'}\n")
    server = start("--config", config, "--control", place / "control")
    place.write("variables", "PYTHONHOME=/nowhere\n")
    asked = installed.run("reload", "--control", place / "control", within=60)
    assert asked.returncode != 0
    assert "start_interpreter: Python cannot start" in asked.stderr
    assert server.call("fastcgi").status == 200


@pytest.mark.parametrize("setup", ["", "trap '' CHLD;"], ids=["", "children ignored"])
def test_a_check_that_dies_says_so(installed, place, setup):
    place.write("dies.py", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    command = f'{setup} exec "$0" --check --socket {place.path}/app.sock --chdir {place.path} --module dies'
    ended = subprocess.run(["bash", "-c", command, installed.binary], capture_output=True, text=True, timeout=60,
                           **unprivileged())
    assert ended.returncode == 4 and "is valid" not in ended.stdout
    assert "appd-worker was killed by SIGKILL" in ended.stderr
