"""The images of deploy/container, in which the services of its compose.yaml run as a container runtime runs them.

tests/container/run makes the images that they begin with, and names their folder in the environment.
"""

import configparser
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))

from containerfile import instructions, seconds
from containers import Compose, Container
from processes import Gate, below, unique, wait_until

FOLDER = ROOT / "deploy" / "container"
BASES = Path(os.environ["APPD_CONTAINER_BASES"])
WORK = Path(os.environ["APPD_CONTAINER_WORK"])
USER = 10001
STATUS_NOT_READY = 4
MORE_PAGES = '''

@application.post("/length")
def length():
    from flask import request
    return str(len(request.get_data()))


@application.get("/gate")
def gate():
    with open("/run/appd/gate") as waited_for:
        return "through\\n" + waited_for.read()
'''


@pytest.fixture(scope="session")
def compose():
    context = WORK / "context"
    shutil.copytree(FOLDER, context)
    with open(context / "app.py", "a") as file:
        file.write(MORE_PAGES)
    return Compose(context / "compose.yaml", BASES, WORK)


@pytest.fixture
def start(compose):
    """Starts a service and waits until it is healthy. Volumes are new in each test."""
    compose.new_volumes()
    logs = WORK / unique("logs")
    logs.mkdir()
    running = []

    def start_one(name) -> Container:
        running.append(Container(compose, name, logs))
        running[-1].wait_healthy()
        return running[-1]

    yield start_one
    for each in reversed(running):
        each.stop()


def client(nginx: Container, path, *options) -> list:
    """The command of an HTTP client that shares no more than the network with nginx."""
    return ["nsenter", "-t", str(nginx.init), "--net", "curl", "-sS", "--fail", "--max-time", "30", *options,
            f"http://localhost:8080{path}"]


def get(nginx: Container, path, *options, body=None) -> str:
    return subprocess.run(client(nginx, path, *options), input=body, capture_output=True, text=True, check=True,
                          timeout=60).stdout


def process_status(pid) -> dict:
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def test_both_images_get_appd_by_the_same_steps():
    image = instructions((FOLDER / "Containerfile").read_text())
    front = instructions((FOLDER / "Containerfile.nginx").read_text())
    assert front[0] == ("FROM", "python:3.13-slim AS site")
    assert image[0] == ("FROM", "python:3.13-slim")
    (end,) = [number for number, each in enumerate(front) if each[0] == "FROM" and number]
    assert front[1:end] == image[1:end]


def read_options():
    file = configparser.ConfigParser()
    file.read(FOLDER / "appd.ini")
    return file["appd"]


def test_what_does_not_fit_in_memory_has_a_place(compose):
    assert read_options()["spool-dir"] in [each.partition(":")[0] for each in compose.services["appd"]["tmpfs"]]


def test_the_runtime_waits_for_all_that_may_still_run(compose):
    needed = sum(seconds(read_options()[name]) for name in ("graceful-timeout", "exit-timeout"))
    assert needed < seconds(compose.services["appd"]["stop_grace_period"])
    (needed,) = re.findall("worker_shutdown_timeout (.*);", (FOLDER / "nginx.conf").read_text())
    assert seconds(needed) < seconds(compose.services["nginx"]["stop_grace_period"])


def test_nginx_waits_for_appd_and_its_port_is_published(compose):
    nginx = compose.services["nginx"]
    assert nginx["depends_on"] == {"appd": {"condition": "service_healthy"}}
    assert [int(each.partition(":")[2]) for each in nginx["ports"]] == compose.images["nginx"].ports


def test_nginx_passes_requests_on(start):
    appd, nginx = start("appd"), start("nginx")
    assert get(nginx, "/") == "Hello\n"
    assert get(nginx, "/length", "--data-binary", "@-", body="x" * 3_000_000) == "3000000", "more than fits in memory"
    assert "GET / HTTP/1.1" in appd.output(), "the access log is on stdout"
    assert (nginx.stop(), appd.stop()) == (0, 0)
    assert "Read-only" not in appd.everything() + nginx.everything()


@pytest.mark.parametrize("others", [[], ["nginx"]], ids=["appd", "nginx"])
def test_no_process_has_rights(start, others):
    container = [start(name) for name in ["appd", *others]][-1]
    processes = [container.init, *below(container.init)]
    assert len(processes) > 1
    for pid in processes:
        status = process_status(pid)
        assert status["Uid"].split() == status["Gid"].split() == [str(USER)] * 4
        assert status["Groups"].split() == []
        assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
        assert status["NoNewPrivs"] == "1"
    assert process_status(container.init)["NSpid"].split()[-1] == "1"


def test_only_the_volume_and_memory_can_be_written(start):
    appd = start("appd")
    mounts = [line.split() for line in Path(f"/proc/{appd.init}/mountinfo").read_text().splitlines()]
    assert [each[5].split(",")[0] for each in mounts if each[4] == "/"] == ["ro"]
    writable = {each[4] for each in mounts if each[5].split(",")[0] == "rw"}
    assert {each for each in writable if not re.match("/(proc|dev|sys|usr/bin)(/|$)", each)} == {"/tmp", "/run/appd"}


def test_there_is_no_shell(start):
    """Of this test: what the others see is seen without one."""
    assert "Permission denied" in start("appd").run("sh", "-c", ":").stderr


def send(number, processes):
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def test_it_is_unhealthy_while_no_worker_is_ready(start):
    """Those that come in the place of dead ones stand still before they are ready."""
    appd = start("appd")
    appd.wait_ready(lambda: "server.ready: " in appd.log())  # a death before would end the start
    former = set(below(appd.init))
    send(signal.SIGKILL, former)

    def is_unhealthy():
        send(signal.SIGSTOP, set(below(appd.init)) - former)
        return appd.health() == STATUS_NOT_READY

    wait_until(is_unhealthy, "unhealthy")
    send(signal.SIGCONT, below(appd.init))
    appd.wait_healthy()


def test_it_is_unhealthy_when_the_master_does_not_answer(start):
    appd = start("appd")
    appd.send_signal(signal.SIGSTOP)
    assert appd.health() != 0
    appd.send_signal(signal.SIGCONT)
    appd.wait_healthy()


def test_nginx_is_unhealthy_without_the_application(start):
    appd, nginx = start("appd"), start("nginx")
    assert appd.stop() == 0
    assert nginx.health() != 0
    start("appd")
    nginx.wait_healthy()


@pytest.mark.parametrize("stopped", ["appd", "nginx"])
def test_its_stop_signal_lets_a_request_end(start, compose, stopped):
    containers = {name: start(name) for name in ("appd", "nginx")}
    gate = Gate(compose.volume("socket", "/run/appd", containers["appd"].image), "gate")
    gate.path.chmod(0o666)
    with subprocess.Popen(client(containers["nginx"], "/gate"), stdout=subprocess.PIPE, text=True) as request:
        gate.wait_entered()
        container = containers[stopped]
        container.send_signal(container.stop_signal)
        wait_until(lambda: re.search("server.stopping: |gracefully shutting down", container.log()), "it stops")
        gate.open()
        assert request.communicate(timeout=30)[0] == "through\n"
    assert container.wait_exit(container.stop_within) == 0


def test_it_starts_again_after_it_was_killed(start):
    appd, nginx = start("appd"), start("nginx")
    appd.send_signal(signal.SIGKILL)
    appd.wait_exit()
    start("appd")
    assert get(nginx, "/") == "Hello\n"
