"""Process titles: ps says which application a process belongs to, and what it does for it."""

from pathlib import Path

import pytest

import wire
from appd import READY
from processes import Process, children, give_away, wait_until

MODULE = "wsgi_probe:application"


def title(pid) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def name(pid) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_each_process_says_role_and_application(start, preload):
    server = start(*preload, workers=2)
    assert title(server.pid) == f"appd: master {MODULE}"
    below = [title(pid) for pid in children(server.pid)]
    zygote = [f"appd: zygote {MODULE}"] if preload else []
    assert sorted(below) == [f"appd: worker 1 {MODULE}", f"appd: worker 2 {MODULE}", *zygote]
    assert name(server.pid) == "appd"
    assert {name(pid) for pid in children(server.pid)} == {"appd-worker"}


@pytest.fixture
def run(installed, place):
    """Starts appd with nothing but a file on its command line."""
    processes = []

    def run_one(module, env=None):
        configure(place, module)
        process = Process("appd", [installed.binary, "--config", place / "appd.ini"], place, env)
        processes.append(process)
        process.wait_ready(lambda: READY in process.log())
        return process

    yield run_one
    for process in processes:
        assert process.stop() == 0


def configure(place, module):
    file = place.path.joinpath(*module.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("import os\ndef application(e, s): s('200 OK', []); return [os.environ['KEPT'].encode()]")
    give_away(place.path)
    place.write("appd.ini", f"[appd]\nmodule = {module}\nsocket = {place / 'app.sock'}\nworkers = 1\n"
                            f"control = {place / 'control'}\n")


def test_a_title_may_be_longer_than_the_arguments_were_and_leaves_the_environment_alone(run, place):
    module = "site_of_" + "many_" * 40
    kept = "x" * 1000
    process = run(module, {"KEPT": kept})
    assert title(process.pid) == f"appd: master {module}"
    assert [title(pid) for pid in children(process.pid)] == [f"appd: worker 1 {module}"]
    assert wire.call("fastcgi", str(place / "app.sock"), "/").body == kept.encode()


def test_the_title_follows_a_reload_and_the_arguments_an_upgrade(run, installed, place):
    process = run("site_of_one", {"KEPT": "a"})
    assert title(process.pid) == "appd: master site_of_one"
    for verb, module in [("reload", "site_of_two"), ("upgrade", "site_of_three")]:
        configure(place, module)
        assert installed.run(verb, "--control", place / "control").returncode == 0
        wait_until(lambda: title(process.pid) == f"appd: master {module}", "the title of the new generation")
        wait_until(lambda: [title(pid) for pid in children(process.pid)] == [f"appd: worker 1 {module}"], "its worker's")
        assert wire.call("fastcgi", str(place / "app.sock"), "/").body == b"a"
