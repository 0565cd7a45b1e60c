"""What deploy/ and configs/ hold is sound: the unit, the example sites."""

import re
import subprocess

import pytest

from appd import ROOT
from fronts import point_at
from processes import Port

EXIT_START = 4
UNITS = ROOT / "deploy" / "systemd"
UNIT = UNITS / "appd.service"
TEMPLATE = UNITS / "appd@.service"


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


@pytest.fixture(params=[(UNIT, "appd.service"), (TEMPLATE, "appd@blog.service")], ids=lambda param: param[1])
def unit(request, installed, place):
    """A unit with the binary under test; the template as one of its instances."""
    source, name = request.param
    text = source.read_text()
    assert text.count("/usr/local/bin/appd ") == 2
    return place.write(name, text.replace("/usr/local/bin/appd ", f"{installed.binary} "))


def complaints(*units) -> tuple:
    """What systemd has to say: (exit code, lines about these units)."""
    ended = run("systemd-analyze", "verify", "--man=no", *units)
    return ended.returncode, [line for line in ended.stderr.splitlines() if "appd" in line]


def settings(unit) -> list:
    """The lines that are no comments."""
    return [line for line in unit.read_text().splitlines() if line and not line.startswith("#")]


def test_the_unit_is_valid(unit):
    assert complaints(unit) == (0, [])


def test_a_mistake_in_a_unit_would_be_noticed(unit):
    unit.write_text(unit.read_text().replace("Type=notify", "Typ=notify"))
    assert complaints(unit)[1]


def test_the_socket_unit_is_valid_and_named_as_it_says(installed, place):
    service = place.write("appd.service", UNIT.read_text().replace("/usr/local/bin/appd ", f"{installed.binary} "))
    socket = place.copy(UNITS / "appd.socket")
    assert complaints(socket, service) == (0, [])
    text = socket.read_text()
    name = re.search("^FileDescriptorName=(.*)$", text, re.MULTILINE).group(1)
    assert f"socket = systemd:{name} " in text


def test_the_unit_waits_for_readiness_reloads_and_has_a_watchdog(unit):
    """Without Type=notify systemd would not give the service the way to tell."""
    lines = settings(unit)
    assert "Type=notify" in lines and any(line.startswith("WatchdogSec=") for line in lines)


@pytest.mark.parametrize("text, code", [("def application(e, s): pass", 0), ("raise RuntimeError('not today')", EXIT_START)],
                         ids=["good", "broken"])
def test_a_reload_by_the_unit_waits_for_its_outcome(start, installed, place, text, code):
    """As systemd runs it: with the folder that it has made for the service."""
    runtime, config = place.folder("runtime"), place.write("site.ini", "[appd]\n")
    environment = {"RUNTIME_DIRECTORY": str(runtime)}
    place.write("site_of_a_unit.py", "def application(e, s): pass")
    server = start("--config", config, "--pythonpath", place.path, module="site_of_a_unit", env=environment)
    place.write("site_of_a_unit.py", text)
    (order,) = (line.partition("=")[2] for line in settings(UNIT) if line.startswith("ExecReload="))
    binary, *arguments = order.replace("/etc/appd/appd.ini", str(config)).split()
    assert binary == "/usr/local/bin/appd"
    ended = installed.run(*arguments, env=environment)
    assert ended.returncode == code
    said = ended.stderr if code else ended.stdout
    assert ("not today" if code else "generation 2 serves") in said
    assert bool(server.find_events("reload.finished")) == (code == 0)


def test_no_restart_of_what_none_mends_and_no_end_for_one_worker_without_memory(unit):
    lines = settings(unit)
    assert {"Restart=on-failure", "RestartPreventExitStatus=2 3 4", "OOMPolicy=continue"} <= set(lines)


def test_the_socket_can_be_given_to_the_fronts_group(unit):
    """chown is among the system calls that @privileged takes away, so it is given back after that."""
    filters = [line for line in settings(unit) if line.startswith("SystemCallFilter=")]
    assert filters.index("SystemCallFilter=@chown") > filters.index("SystemCallFilter=~@privileged @resources")


def test_the_unit_is_hardened(unit):
    """systemd's own measure of exposure, from 0 (none) to 10 times 10. docs/systemd.md has the score."""
    ended = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    score = re.search(r"exposure level for \S+: (\d+\.\d)", ended.stdout).group(1)
    assert f"{score} of 10" in (ROOT / "docs" / "systemd.md").read_text()


def test_the_template_differs_from_the_service_in_what_an_instance_has_of_its_own():
    service, template = settings(UNIT), settings(TEMPLATE)
    own = [line for line in template if "%i" in line]
    assert [line for line in template if "%i" not in line] == [
        line for line in service if line in template]
    assert sorted(line.partition("=")[0] for line in own) == [
        "Description", "Environment", "ExecReload", "ExecStart", "RuntimeDirectory", "StateDirectory", "User"]
    as_service = {line.replace("-%i", "").replace("%i.ini", "appd.ini").replace(": %i", "") for line in own}
    assert as_service - set(service) == {"User=appd"} and set(service) - set(template) <= as_service


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
