"""A wheel that was installed into a fresh environment: what is in it, and a Flask site that it serves behind nginx.

tests/wheel/run builds the wheel and names both in the environment.
"""

import os
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
from processes import Place, Process, children, give_away, wait_until

WHEEL = Path(os.environ["APPD_WHEEL"])
VENV = Path(os.environ["APPD_WHEEL_VENV"])
MOST_BYTES = 6 * 1024 * 1024
READY = " server.ready: "

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


def run(*arguments, **rest):
    return subprocess.run([str(each) for each in arguments], check=True, capture_output=True, text=True, timeout=60,
                          **rest).stdout


def test_it_is_small_and_needs_no_library_that_a_machine_may_lack():
    assert WHEEL.stat().st_size <= MOST_BYTES
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
    assert [name for name in names if re.search(r"appd/_worker\..*\.so$", name)]
    for wanted in (r"appd/__init__\.py$", r"appd/py\.typed$", r"appd/_worker\.pyi$", r"scripts/appd$",
                   r"share/appd/configs/appd\.ini$", r"share/appd/configs/nginx/appd-fastcgi-kept\.conf$"):
        assert any(re.search(wanted, name) for name in names), f"{wanted} in {names}"
    (module,) = VENV.glob("lib/python3*/site-packages/appd/_worker.*.so")
    for binary in (VENV / "bin" / "appd", module):
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", binary)))
        assert needed <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, binary
        assert "_ZTI" not in run("nm", "-D", "--defined-only", module)
    assert re.findall(r" T (\w+)", run("nm", "-D", "--defined-only", module)) == ["PyInit__worker"]


def test_both_halves_tell_their_versions_and_the_module_is_the_program():
    told = run(VENV / "bin" / "appd", "--version")
    version = re.search(r"^appd (\S+)$", told, re.MULTILINE).group(1)
    assert re.search(rf"^{VENV}/bin/python: appd {version}, CPython 3\.", told, re.MULTILINE)
    assert run(VENV / "bin" / "python", "-m", "appd", "--version") == told


def test_applications_can_import_it_outside_a_worker():
    code = "import appd; print(appd.version, issubclass(appd.RequestTimeout, Exception)); appd.worker()"
    ended = subprocess.run([VENV / "bin" / "python", "-c", code], capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"\d+\.\d+\.\d+ False\n", ended.stdout)
    assert ended.returncode == 1 and "RuntimeError: appd.worker(): this process is no worker of appd" in ended.stderr


@pytest.fixture
def place():
    made = Place()
    yield made
    made.remove()


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_it_serves_flask_behind_nginx_and_reloads(place, preload):
    place.write("site_of_wheel.py", SITE)
    give_away(place.path)
    socket = place / "app.sock"
    server = Process("appd", [VENV / "bin" / "appd", "--socket", socket, "--chdir", place.path, "--module",
                              "site_of_wheel", "--workers", 2, "--socket-mode", "0666", "--control", place / "control", *preload],
                     place, as_root=True)
    server.wait_ready(lambda: READY in server.log())
    nginx = Nginx(socket)
    try:
        for mode in MODES:
            told = web.get(nginx.port(mode), "/").json()
            assert told["prefix"] == str(VENV) and told["executable"] == f"{VENV}/bin/python"
            assert told["worker"] in (1, 2) and told["timeout"] == "BaseException"
            assert told["pid"] in children(server.pid)
        run(VENV / "bin" / "appd", "reload", "--control", place / "control")
        wait_until(lambda: told["pid"] not in children(server.pid), "the former generation is gone")
        status = run(VENV / "bin" / "appd", "status", "--control", place / "control")
        assert len(re.findall(rf"ready.*; {VENV}/bin/python, CPython 3\.", status)) >= 2
    finally:
        nginx.stop()
        assert server.stop() == 0
