"""The first page of README.md, command by command: a machine with a real systemd and a real nginx.

Its first block, which builds and installs, is a stage of .ci/run. docs.check compares the block's packages with
deploy/packages.sh.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))

import systemd
from appd import Installation, find_binary, is_sanitized
from pages import Page
from processes import Place

pytestmark = pytest.mark.skipif(bool(systemd.why_not()) or is_sanitized(find_binary()),
                                reason=systemd.why_not() or "a sanitizer needs what the unit forbids")

UNIT_OF_NGINX = Path("/lib/systemd/system/nginx.service")


def first_page() -> list:
    """The blocks of commands, without the first, which installs packages and builds."""
    build, *blocks = [block.text for block in Page.read(ROOT / "README.md").blocks if block.language == "sh"
                      and "deploy/quickstart" not in block.text]
    assert "cmake --install build/release" in build and len(blocks) == 4
    return blocks


@pytest.fixture
def machine():
    """With the project's folder in /srv, where commands are given, and what Debian's nginx has installed and
    started. Its network is its own, so port 80 is free."""
    installed, place = Installation(find_binary()), Place()
    project = place.folder("project")
    for folder in ("configs", "deploy"):
        shutil.copytree(ROOT / folder, project / folder)
    made = systemd.Systemd(place, installed.binary, project / "deploy")
    try:
        for file in (project / "configs").rglob("*.conf"):
            made.write(f"/srv/{file.relative_to(project)}", file.read_text())
        made.write("/etc/systemd/system/nginx.service", UNIT_OF_NGINX.read_text())
        made.do("mount -t tmpfs tmpfs /var/log/nginx; ip link set lo up; rm -rf /etc/appd /srv/site; "
                "ln -sf ../sites-available/default /etc/nginx/sites-enabled/default; "
                "systemctl daemon-reload; systemctl start nginx")
        yield made
    finally:
        made.stop()
        place.remove()
        installed.remove()


def test_the_first_page_ends_in_a_site_that_can_be_deployed_to(machine):
    write, start, connect, deploy = first_page()
    machine.do(write)
    assert re.search(r"app:application on /run/appd/app.sock: \d+ of \d+ workers ready", machine.do(start))
    answer = machine.do(connect)
    assert answer.startswith("HTTP/1.1 200 OK") and answer.endswith("Hello\n"), answer
    assert machine.do("curl -s -H 'Host: example.org' http://localhost/") == "Hello\n", "Debian's page is gone"
    machine.do("sed -i s/Hello/Bye/ /srv/site/app.py")
    machine.do(deploy)
    assert machine.do("curl -s http://localhost/") == "Bye\n"
    machine.do("echo 'raise RuntimeError' >> /srv/site/app.py")
    assert machine.run(deploy).returncode != 0
    assert machine.do("curl -s http://localhost/") == "Bye\n"
