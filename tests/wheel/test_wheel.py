"""A wheel that was installed into a fresh environment: what is in it, and how it runs.

tests/wheel/run builds the wheel and names both in the environment.
"""

import os
import pwd
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))

import web
from fronts import MODES, Nginx
from load import Load
from processes import Place, Process, children, clean_environment, wait_until

WHEEL = Path(os.environ["APPD_WHEEL"])
NEXT_WHEEL = os.environ.get("APPD_NEXT_WHEEL")
FORMER_WHEEL = os.environ.get("APPD_FORMER_WHEEL")
FORMER_PYTHON = os.environ.get("APPD_FORMER_PYTHON")
VENV = Path(os.environ["APPD_WHEEL_VENV"])
TOOLS = Path(os.environ["APPD_WHEEL_TOOLS"])
APPD = VENV / "bin" / "appd"
PYTHON = VENV / "bin" / "python"
MOST_BYTES = 6 * 1024 * 1024
READY = " server.ready: "
EXIT_START = 4
OF_GLIBC = re.compile(r"(lib(c|m|pthread|dl|rt)|ld-linux-[\w-]+)\.so\.\d")
# Newer than 2.28 because of the compiler's own libraries, or because glibc has put two libraries into one, or has
# changed what a header makes of the name. Where glibc is older, the same code needs the older one.
OF_THE_BUILD = re.compile(r"(__)?pthread_\w+|[fl]?stat(64)?|__libc_(start_main|single_threaded)|arc4random"
                          r"|_dl_find_object|__isoc23_\w+")
OLDEST_GLIBC = 28  # 2.28

SITE = """
import os, sys
import appd
from flask import Flask, jsonify

application = Flask(__name__)

@application.get("/")
def home():
    return jsonify(prefix=sys.prefix, worker=appd.worker(), version=appd.version, executable=sys.executable,
                   timeout=appd.RequestTimeout.__mro__[1].__name__, pid=os.getpid())
"""
PLAIN_SITE = """
import hashlib, sys
import appd

def application(environ, start_response):
    body = environ["wsgi.input"].read()
    answer = hashlib.sha256(body).hexdigest() if environ["REQUEST_METHOD"] == "POST" else {tells}
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer.encode()]
"""


def version_of(wheel) -> str:
    return Path(wheel).name.split("-")[1]


VERSION = version_of(WHEEL)


def end(*arguments, variables=None, **rest) -> subprocess.CompletedProcess:
    return subprocess.run([str(each) for each in arguments], capture_output=True, text=True, timeout=120,
                          env=clean_environment(variables), check=False, **rest)


def run(*arguments, **rest) -> str:
    ended = end(*arguments, **rest)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def install(environment, *what):
    """Without a registry: only wheels that were built here."""
    folders = [option for each in (WHEEL, NEXT_WHEEL) if each for option in ("--find-links", Path(each).parent)]
    run(environment / "bin" / "python", "-m", "pip", "-q", "install", "--no-index", *folders, *what)


@pytest.fixture
def place():
    made = Place()
    made.write("site_of_wheel.py", SITE)
    yield made
    made.remove()


@pytest.fixture
def environment(place):
    """Another one, with pip alone in it."""
    run(PYTHON, "-m", "venv", place / "other")
    return place / "other"


@pytest.fixture
def serve(place):
    """Starts an appd and an nginx before it. The Pythons of a version manager lie where only root can go."""
    running = []

    def start(*options, program=(APPD,)):
        server = Process("appd", [*program, "--socket", place / "app.sock", "--chdir", place.path, "--module",
                                  "site_of_wheel", "--workers", 2, "--socket-mode", "0666", "--control",
                                  place / "control", *options], place, as_root=True)
        running.append(server)
        server.wait_ready(lambda: READY in server.log())
        nginx = Nginx(place / "app.sock")
        running.insert(0, nginx)
        return server, nginx

    yield start
    for each in running:
        assert each.stop() == 0


def control(verb, place, program=(APPD,)):
    return run(*program, verb, "--control", place / "control")


# ---- what is in it


def test_it_is_small_and_has_what_its_users_need():
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        assert sum(each.file_size for each in wheel.infolist()) <= MOST_BYTES
    for wanted in (r"^appd/_worker\.cpython-\w+-[\w-]+\.so$", r"^appd/_worker\.pyi$", r"^appd/__init__\.py$",
                   r"^appd/__main__\.py$", r"^appd/py\.typed$", r"scripts/appd$", r"licenses/LICENSE$",
                   r"share/appd/configs/appd\.ini$", r"share/appd/configs/nginx/appd-fastcgi-kept\.conf$",
                   r"share/appd/systemd/appd@?\.service$", r"share/appd/cluster/haproxy\.cfg$",
                   r"share/appd/container/Containerfile$", r"share/appd/kubernetes/deployment\.yaml$"):
        assert any(re.search(wanted, name) for name in names), f"{wanted} in {names}"


def test_it_needs_no_library_that_a_machine_may_lack():
    (module,) = VENV.glob("lib/python3*/site-packages/appd/_worker.*.so")
    for binary in (APPD, module):
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", binary))
        assert needed and all(map(OF_GLIBC.fullmatch, needed)), binary
        assert "RUNPATH" not in run("readelf", "-d", binary) and "RPATH" not in run("readelf", "-d", binary)
        assert ".symtab" not in run("readelf", "-S", binary)
    assert re.findall(r" [A-Za-z] (\w+)", run("nm", "-D", "--defined-only", module)) == ["PyInit__worker"]


def test_its_own_code_needs_no_function_that_an_old_glibc_lacks():
    (module,) = VENV.glob("lib/python3*/site-packages/appd/_worker.*.so")
    for binary in (APPD, module):
        functions = re.findall(r"\*UND\*\s+\w+\s+\(GLIBC_2\.(\d+)[\d.]*\)\s+(\w+)", run("objdump", "-T", binary))
        assert functions
        newer = [name for minor, name in functions if int(minor) > OLDEST_GLIBC]
        assert not [name for name in newer if not OF_THE_BUILD.fullmatch(name)], binary


# ---- the program, and what applications import


def test_both_halves_tell_their_versions():
    told = run(APPD, "--version")
    assert re.search(rf"^appd {re.escape(VERSION)}$", told, re.MULTILINE)
    assert re.search(rf"^{PYTHON}: appd {re.escape(VERSION)}, CPython 3\.", told, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["--no-such-option"],
                                       ["status", "--control", "/none"]], ids=lambda each: each[0])
def test_python_m_appd_is_appd(arguments):
    own, module = end(APPD, *arguments), end(PYTHON, "-m", "appd", *arguments)
    assert (module.returncode, module.stdout, module.stderr) == (own.returncode, own.stdout, own.stderr)


def test_python_m_appd_becomes_the_program(serve, place):
    server, nginx = serve(program=(PYTHON, "-m", "appd"))
    assert os.readlink(f"/proc/{server.pid}/exe") == str(APPD)
    assert web.get(nginx.port("scgi"), "/").json()["version"] == VERSION


def test_an_installation_for_a_user_finds_its_python(place):
    python = Path(run(PYTHON, "-c", "import sys; print(sys._base_executable)").strip())
    if python.parent not in (Path("/usr/bin"), Path("/usr/local/bin")):
        pytest.skip("it finds those of the system")
    base = {"PYTHONUSERBASE": place / "base"}
    run(PYTHON, "-m", "pip", "--python", python, "-q", "install", "--user", "--break-system-packages", "--no-index",
        WHEEL, variables=base)
    told = run(place / "base" / "bin" / "appd", "--version", variables=base)
    assert re.search(rf"^{python.parent}/python3\.\d+: appd {re.escape(VERSION)}, CPython 3\.", told, re.MULTILINE)
    assert run(python, "-m", "appd", "--version", variables=base) == told


def test_applications_can_import_it_outside_a_worker():
    code = "import appd; print(appd.version, issubclass(appd.RequestTimeout, Exception)); appd.worker()"
    ended = end(PYTHON, "-c", code)
    assert ended.stdout == f"{VERSION} False\n"
    assert ended.returncode == 1 and "RuntimeError: appd.worker(): this process is no worker of appd" in ended.stderr


def test_a_type_checker_knows_what_applications_import(place):
    place.write("typed.py", "import appd\n\nnumber: int = appd.worker()\nversion: str = appd.version\n"
                            "timeout: type[BaseException] = appd.RequestTimeout\n")
    place.write("wrong.py", "import appd\n\nnumber: str = appd.worker()\n")
    check = [TOOLS / "bin" / "mypy", "--strict", "--cache-dir", place / "cache", "--python-executable", PYTHON]
    run(*check, place / "typed.py")
    ended = end(*check, place / "wrong.py")
    assert ended.returncode == 1 and 'expression has type "int", variable has type "str"' in ended.stdout


# ---- how it runs


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_it_serves_flask_behind_nginx_and_reloads(serve, place, preload):
    server, nginx = serve(*preload)
    for mode in MODES:
        told = web.get(nginx.port(mode), "/").json()
        assert told["prefix"] == str(VENV) and told["executable"] == str(PYTHON)
        assert told["worker"] in (1, 2) and told["timeout"] == "BaseException" and told["version"] == VERSION
    former = children(server.pid)
    control("reload", place)
    wait_until(lambda: not set(former) & set(children(server.pid)), "the former generation is gone")
    assert len(re.findall(rf"ready.*; {PYTHON}, CPython 3\.", control("status", place))) >= 2


def test_another_user_runs_the_workers(serve, place):
    try:
        run(PYTHON, "-c", "", user="nobody")
    except PermissionError:
        pytest.skip("this Python lies where only root can go")
    server, nginx = serve("--user", "nobody")
    worker = web.get(nginx.port("uwsgi"), "/").json()["pid"]
    nobody = pwd.getpwnam("nobody").pw_uid
    status = Path(f"/proc/{worker}/status").read_text()
    assert re.search(rf"^Uid:\t{nobody}\t{nobody}\t{nobody}\t", status, re.MULTILINE)


def make_environment(python, folder, wheel):
    run(python, "-m", "venv", "--clear", folder)
    install(folder, wheel)
    return run(folder / "bin" / "python", "-c", "import platform; print(platform.python_version())").strip()


@pytest.mark.skipif(not FORMER_WHEEL, reason="there is no Python of another minor version")
@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_reload_takes_the_python_of_another_version_and_no_request_is_lost(serve, place, preload):
    place.write("site_of_wheel.py", PLAIN_SITE.format(tells="sys.version.split()[0]"))
    environment = place / "other"
    former = make_environment(FORMER_PYTHON, environment, FORMER_WHEEL)
    # The program is of the present Python's environment, so its workers have another one than its own.
    server, nginx = serve("--virtualenv", environment, *preload)
    workers = children(server.pid)
    with Load([nginx.port(mode) for mode in MODES]) as load:
        load.wait_more(200)
        assert set(load.bodies) == {former}
        present = make_environment(PYTHON, environment, WHEEL)
        load.wait_more(200)
        assert f"{environment}/bin/python, CPython {present}" in control("reload", place)
        wait_until(lambda: not set(workers) & set(children(server.pid)), "the former workers have ended")
        load.wait_more(200)
    assert load.wrong == []
    assert former != present and set(load.bodies) == {former, present}
    assert web.get(nginx.port("scgi"), "/").body.decode() == present


# ---- environments without it, or with another version


def check(environment, place):
    return end(APPD, "--check", "--socket", place / "app.sock", "--chdir", place.path,
               "--module", "wsgiref.simple_server:demo_app", "--virtualenv", environment)


def test_an_environment_without_it_is_refused_with_the_command_that_mends_it(environment, place):
    ended = check(environment, place)
    assert ended.returncode == EXIT_START
    line = ended.stderr.splitlines()[-1]
    mend = re.search(rf"; run ({environment}/bin/python -m pip install appd=={re.escape(VERSION)}) ", line).group(1)
    install(environment, mend.rpartition(" ")[2])
    ended = check(environment, place)
    assert ended.returncode == 0 and "the configuration is valid" in ended.stdout, ended.stderr


@pytest.mark.skipif(not NEXT_WHEEL, reason="there is no second wheel")
def test_an_environment_with_another_version_is_refused_by_name(environment, place):
    install(environment, NEXT_WHEEL)
    ended = check(environment, place)
    assert ended.returncode == EXIT_START
    line = ended.stderr.splitlines()[-1]
    assert f"the worker is of appd {version_of(NEXT_WHEEL)}, and its master of appd {VERSION}" in line


@pytest.mark.skipif(not NEXT_WHEEL, reason="there is no second wheel")
def test_no_request_is_lost_from_an_installation_to_the_upgrade(serve, place, environment):
    place.write("site_of_wheel.py", PLAIN_SITE.format(tells="appd.version"))
    install(environment, WHEEL)
    program = (environment / "bin" / "appd",)
    server, nginx = serve(program=program)
    with Load([nginx.port(mode) for mode in MODES]) as load:
        load.wait_more(200)
        install(environment, "-U", "appd")
        load.wait_more(200)
        before = children(server.pid)
        told = control("upgrade", place, program)
        assert "generation 2 serves (2 workers)" in told
        wait_until(lambda: not set(before) & set(children(server.pid)), "the old workers have ended")
        load.wait_more(200)
    assert load.wrong == []
    assert set(load.bodies) == {VERSION, version_of(NEXT_WHEEL)}
    assert web.get(nginx.port("scgi"), "/").body.decode() == version_of(NEXT_WHEEL)
    assert f"appd {version_of(NEXT_WHEEL)} (pid {server.pid})" in control("status", place, program)
