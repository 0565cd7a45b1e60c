"""What deploy/ and configs/ hold is sound: the unit, the example sites."""

import re
import subprocess

import pytest

from appd import ROOT
from fronts import point_at
from processes import Port

UNIT = ROOT / "deploy" / "systemd" / "appd.service"


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


@pytest.fixture
def unit(installed, place):
    """The unit with the binary under test."""
    text = UNIT.read_text()
    assert text.count("/usr/local/bin/appd ") == 1
    return place.write("appd.service", text.replace("/usr/local/bin/appd ", f"{installed.binary} "))


def test_the_unit_is_valid(unit):
    ended = run("systemd-analyze", "verify", "--man=no", unit)
    about_it = [line for line in ended.stderr.splitlines() if "appd" in line]
    assert (ended.returncode, about_it) == (0, [])


def test_the_socket_unit_is_valid_and_named_as_it_says(unit, place):
    socket = place.copy(UNIT.with_name("appd.socket"))
    ended = run("systemd-analyze", "verify", "--man=no", socket, unit)
    about_it = [line for line in ended.stderr.splitlines() if "appd" in line]
    assert (ended.returncode, about_it) == (0, [])
    text = socket.read_text()
    name = re.search("^FileDescriptorName=(.*)$", text, re.MULTILINE).group(1)
    assert f"socket = systemd:{name} " in text


def test_the_unit_waits_for_readiness_and_has_a_watchdog():
    """Without Type=notify systemd would not give the service the way to tell."""
    lines = UNIT.read_text().splitlines()
    assert "Type=notify" in lines and any(line.startswith("WatchdogSec=") for line in lines)


def test_the_unit_is_hardened(unit):
    """systemd's own measure of exposure, from 0 (none) to 10 times 10."""
    ended = run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_nginx_accepts_the_example_site(place):
    """With the ports and paths of an unprivileged user."""
    configs = ROOT / "configs" / "nginx"
    place.folder("snippets")
    for snippet in configs.glob("appd-*.conf"):
        place.copy(snippet, f"snippets/{snippet.name}")
    for stock in ("fastcgi_params", "uwsgi_params", "scgi_params"):
        place.copy(f"/etc/nginx/{stock}")
    port = Port()
    site = (configs / "site.conf").read_text()
    assert site.count("listen 80;") == 1 and site.count("listen [::]:80;") == 1
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port.number};").replace("listen [::]:80;", "")
    place.write("site.conf", site)
    place.write("upstream.conf", point_at((configs / "appd-upstream.conf").read_text(), place / "app.sock"))
    paths = "\n".join(f"{kind}_temp_path {place.path}/{kind};"
                      for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    place.write("nginx.conf", f"pid {place.path}/nginx.pid; events {{}}\nhttp {{ access_log off; {paths}\n"
                              "include upstream.conf; include site.conf; }\n")
    ended = run("/usr/sbin/nginx", "-t", "-e", "stderr", "-c", place / "nginx.conf")
    port.release()
    assert ended.returncode == 0, ended.stderr


def test_apache_accepts_the_example_site(place):
    configs = ROOT / "configs" / "apache"
    for snippet in configs.glob("appd-*.conf"):
        place.copy(snippet)
    site = (configs / "site.conf").read_text()
    assert "/etc/apache2/appd/" in site
    place.write("site.conf", site.replace("/etc/apache2/appd/", f"{place.path}/"))
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                        for name in ("mpm_event", "authz_core", "env", "alias", "proxy", "proxy_fcgi"))
    place.write("httpd.conf", f"ServerRoot {place.path}\nServerName localhost\nListen 127.0.0.1:8000\nErrorLog /dev/null\n"
                              f"DefaultRuntimeDir {place.path}\n{modules}\nInclude site.conf\n")
    ended = run("/usr/sbin/apache2", "-t", "-f", place / "httpd.conf")
    assert ended.returncode == 0, ended.stderr
