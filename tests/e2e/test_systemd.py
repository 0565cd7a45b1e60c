"""The units of deploy/systemd under a real systemd, by the commands that docs/systemd.md has for operators."""

import re
import threading

import pytest

import systemd
import wire
from appd import ROOT, find_binary, is_sanitized
from processes import wait_until

pytestmark = pytest.mark.skipif(bool(systemd.why_not()) or is_sanitized(find_binary()),
                                reason=systemd.why_not() or "a sanitizer needs what the unit forbids")

OPERATIONS = ROOT / "docs" / "operations.md"
PAGE = ROOT / "docs" / "systemd.md"
OWN_SOCKET = "/run/appd/app.sock"
PASSED_SOCKET = "/run/appd.sock"

SITE = """
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

HOME_SITE = """
from pathlib import Path

def application(environ, start_response):
    (Path.home() / "kept").write_text("so")
    start_response("200 OK", [])
    return [str(Path.home()).encode()]
"""

UPLOADS_SITE = """
from pathlib import Path

def application(environ, start_response):
    upload = Path("/srv/site/uploads/one")
    upload.write_text("so")
    start_response("200 OK", [])
    return [upload.owner().encode()]
"""


def documented(section, *words) -> str:
    """The block of commands, or of configuration, in that section that has all of the words."""
    (text,) = re.findall(rf"^{section}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if all(word in block for word in words))
    return block


def configuration() -> str:
    (text,) = re.findall(r"with this `/etc/appd/appd.ini`:\n\n```ini\n(.*?)^```$", OPERATIONS.read_text(),
                         re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture
def machine(installed, place):
    made = systemd.Systemd(place, installed.binary, ROOT / "deploy")
    try:
        made.write("/srv/site/app.py", SITE)
        made.write("/srv/appd.ini", configuration())
        yield made
    finally:
        made.stop()


@pytest.fixture
def service(machine):
    """With the service installed and running, as the documentation says."""
    machine.do(documented("## systemd", "install -d /etc/appd", "enable --now appd"))
    return machine


def responses(machine, socket) -> bool:
    return wire.call("uwsgi", machine.path(socket), "/").status == 200


def test_the_service_serves_reloads_and_stops(service):
    assert responses(service, OWN_SOCKET)
    assert re.search(r"app:application on /run/appd/app.sock: \d+ of \d+ workers ready",
                     service.do("systemctl status appd"))
    service.do("systemctl reload appd")
    assert responses(service, OWN_SOCKET)
    service.do("systemctl restart appd")
    assert responses(service, OWN_SOCKET)
    service.do("systemctl stop appd")
    assert service.show("appd", "Result") == "success"


def test_the_application_has_a_home_that_it_can_write_to(service):
    """Libraries keep caches and settings there, and some cannot be imported without."""
    service.write("/srv/site/app.py", HOME_SITE)
    service.do("systemctl reload appd")
    response = wire.call("uwsgi", service.path(OWN_SOCKET), "/")
    assert (response.status, response.body.decode()) == (200, "/var/lib/appd")


def test_a_user_of_its_own_may_write_to_a_folder_of_its_own(service):
    service.write("/srv/site/app.py", UPLOADS_SITE)
    service.do("systemctl reload appd")
    assert wire.call("uwsgi", service.path(OWN_SOCKET), "/").status == 500
    service.do(documented("## systemd", "DynamicUser=no", "ReadWritePaths="))
    response = wire.call("uwsgi", service.path(OWN_SOCKET), "/")
    assert (response.status, response.body.decode()) == (200, "mysite")


def test_a_running_service_gets_its_socket_from_systemd(service):
    service.do(documented("## Socket activation", "systemctl stop appd", "enable --now appd.socket"))
    assert responses(service, PASSED_SOCKET)
    service.do("systemctl restart appd")
    assert responses(service, PASSED_SOCKET)
    service.do("systemctl stop appd")
    assert responses(service, PASSED_SOCKET), "the request starts it"


class Client:
    """Asks all the time, where the front would."""

    def __init__(self, machine, socket):
        self.machine, self.socket = machine, socket
        self.statuses, self.ended = [], False
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        while not self.ended:
            socket = self.socket
            try:
                response = wire.call("uwsgi", self.machine.path(socket), "/").status
            except (OSError, EOFError) as error:
                response = repr(error)
            self.statuses.append((socket, response))

    def turn_to(self, socket):
        """As a front that is reloaded: returns when nothing is asked of the former socket any more."""
        self.socket = socket
        wait_until(lambda: self.statuses[-1][0] == socket, f"{socket} is asked")

    def end(self) -> set:
        self.ended = True
        self.thread.join()
        return {response for _, response in self.statuses}


def test_a_second_service_answers_meanwhile(service):
    client = Client(service, OWN_SOCKET)
    try:
        service.do(documented("## Socket activation", "start appd@meanwhile"))
        client.turn_to("/run/appd-meanwhile/app.sock")
        service.do(documented("## Socket activation", "systemctl stop appd", "enable --now appd.socket"))
        client.turn_to(PASSED_SOCKET)
        service.do(documented("## Socket activation", "stop appd@meanwhile"))
        service.do("systemctl restart appd")
    finally:
        told = client.end()
    assert told == {200}


@pytest.mark.parametrize("socket", ["systemd", "systemd:web"])
def test_without_its_socket_the_service_says_what_to_do(service, socket):
    """The unit of the socket cannot be started beside the running service, which ends at the next restart."""
    service.do(f"sed -i 's,^socket = .*,socket = {socket},; /^socket-group/d' /etc/appd/appd.ini;"
               "cp deploy/systemd/appd.socket /etc/systemd/system/; systemctl daemon-reload")
    assert service.run("systemctl start appd.socket").returncode != 0
    assert service.run("systemctl restart appd").returncode != 0
    status = service.show("appd", "StatusText")
    assert f"{socket}: the service manager has passed no socket: " in status
    (cure,) = re.findall('"(systemctl .*)"', status)
    service.do(cure)
    assert responses(service, PASSED_SOCKET)


@pytest.mark.parametrize("change, reason, code", [
    ("echo 'import no_such_module' >site/app.py",
     "failed at import_application: cannot import module 'app' (working directory /srv/site): ModuleNotFoundError: ", 4),
    ("echo 'warmup-accept = never' >>/etc/appd/appd.ini", "/etc/appd/appd.ini", 2),
    ("sed -i 's,^socket = .*,socket = /run/nowhere/app.sock,' /etc/appd/appd.ini", "/run/nowhere/app.sock", 3),
], ids=["module", "configuration", "address"])
def test_a_failed_start_is_told_in_the_status(service, change, reason, code):
    service.do(change)
    assert service.run("systemctl restart appd").returncode != 0
    told = service.run("systemctl status appd").stdout
    assert "failed (Result: exit-code)" in told
    assert re.search('Status: ".*' + re.escape(reason), told), told
    assert service.show("appd", "ExecMainStatus") == str(code)
    service.write("/srv/site/app.py", SITE)
    service.write("/etc/appd/appd.ini", configuration())
    service.do("systemctl restart appd")
    assert responses(service, OWN_SOCKET)
    assert "workers ready" in service.show("appd", "StatusText")
