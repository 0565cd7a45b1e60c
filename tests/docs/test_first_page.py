"""The first page of README.md, command by command: a machine with a real systemd and a real nginx.

Its first block gets appd with pip. In its place, what pip would install is put where pip would put it; tests/wheel/run
tries pip itself.
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
AS_PIP_DOES = """
python3 -m venv --without-pip --system-site-packages /srv/site/venv
mv /usr/local/bin/appd /srv/site/venv/bin/
mv /usr/local/libexec/appd/python/appd /srv/site/venv/lib/python3*/site-packages/
rm -r /usr/local/libexec/appd
mkdir -p /srv/site/venv/share/appd
mv /srv/project/configs /srv/deploy/systemd /srv/site/venv/share/appd/
"""


def first_page() -> list:
    """The blocks of commands, without the one that installs packages."""
    _, install, *blocks, _ = [block.text for block in Page.read(ROOT / "README.md").blocks if block.language == "sh"]
    *_, link = install.splitlines()
    assert "pip install appd" in install and link.startswith("ln -s ") and len(blocks) == 4
    return [link, *blocks]


@pytest.fixture
def machine():
    """With appd as pip has installed it, and what Debian's nginx has installed and started. Its network is its own, so
    port 80 is free."""
    installed, place = Installation(find_binary()), Place()
    project = place.folder("project")
    for folder in ("configs", "deploy"):
        shutil.copytree(ROOT / folder, project / folder)
    made = systemd.Systemd(place, installed.binary, project / "deploy")
    try:
        for file in (project / "configs").rglob("*.conf"):
            made.write(f"/srv/project/{file.relative_to(project)}", file.read_text())
        made.write("/etc/systemd/system/nginx.service", UNIT_OF_NGINX.read_text())
        made.do("mount -t tmpfs tmpfs /var/log/nginx; ip link set lo up; rm -rf /etc/appd /srv/site; "
                "ln -sf ../sites-available/default /etc/nginx/sites-enabled/default; "
                "systemctl daemon-reload; systemctl start nginx")
        made.do(AS_PIP_DOES)
        yield made
    finally:
        made.stop()
        place.remove()
        installed.remove()


def test_the_first_page_ends_in_a_site_that_can_be_deployed_to(machine):
    link, write, start, connect, deploy = first_page()
    machine.do(link)
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
