"""Who may connect: --allow and FCGI_WEB_SERVER_ADDRS for TCP, --allow-user for Unix sockets."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import wire
from processes import Port, unprivileged, wait_until

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs to act for several users")
EXIT_CONFIGURATION = 2


@pytest.fixture
def port():
    made = Port()
    yield made
    made.release()


@pytest.fixture
def dual_port():
    """A port of all interfaces."""
    made = Port(socket.AF_INET6)
    yield made
    made.release()


def ask(host, port, source=None):
    """The status of a request from `source`, or None if the connection was closed without a response."""
    try:
        return wire.call("uwsgi", (host, port.number, *filter(None, [source])), "/hello").status
    except (ConnectionError, ValueError):
        return None


def test_only_the_named_addresses_may_connect(start, port):
    server = start("--allow", "127.0.0.2", "--allow", "127.1.0.0/16", socket_option=f"127.0.0.1:{port.number}")
    for source, status in (("127.0.0.2", 200), ("127.1.255.255", 200), ("127.0.0.3", None), ("127.2.0.0", None)):
        assert ask("127.0.0.1", port, source) == status, source
    assert server.wait_event("connection.not_admitted", r"\b127\.0\.0\.3 .*--allow\b").level == "warn"


def test_loopback_is_no_exception(start, port):
    server = start("--allow", "192.0.2.7", socket_option=f"127.0.0.1:{port.number}")
    assert ask("127.0.0.1", port, "127.0.0.1") is None
    assert server.wait_event("connection.not_admitted", r"\b127\.0\.0\.1 .*--allow\b")


def test_ipv4_over_a_socket_of_ipv6_is_ipv4(start, dual_port):
    start("--allow", "127.0.0.2", "--allow", "fd00::/8", socket_option=f"*:{dual_port.number}")
    assert ask("127.0.0.1", dual_port, "127.0.0.2") == 200
    assert ask("127.0.0.1", dual_port, "127.0.0.3") is None
    assert ask("::1", dual_port) is None


def test_ipv6_addresses_are_named_as_well(start, dual_port):
    start("--allow", "::1", socket_option=f"*:{dual_port.number}")
    assert ask("::1", dual_port) == 200
    assert ask("127.0.0.1", dual_port) is None


def test_without_a_list_everyone_may_connect_and_what_others_reach_is_warned_of(start, dual_port):
    server = start(socket_option=f"*:{dual_port.number}")
    assert ask("127.0.0.1", dual_port, "127.0.0.3") == 200
    assert "--allow" in server.wait_event("socket.exposed").text


@pytest.mark.parametrize("options, warned", [([], False), (["--proxy-protocol"], True),
                                             (["--proxy-protocol", "--allow", "10.0.0.0/8"], False)], ids=str)
def test_clients_that_may_claim_any_address_are_warned_of(start, dual_port, options, warned):
    server = start("--http", f"*:{dual_port.number}", *options)
    assert bool(server.find_events("socket.exposed", "--proxy-protocol")) == warned
    assert len(server.find_events("socket.exposed")) == warned


def test_a_reload_that_opens_a_socket_to_everyone_is_warned_of_once(start, dual_port, place):
    config = place.write("appd.ini", "[appd]\nproxy-protocol = yes\nallow = 127.0.0.0/8\n")
    server = start("--config", config, "--http", f"*:{dual_port.number}")
    assert not server.find_events("socket.exposed")
    place.write("appd.ini", "[appd]\nproxy-protocol = yes\n")
    for reloads in (1, 2):
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.find_events("reload.finished")) == reloads, "a reload")
        assert len(server.find_events("socket.exposed", "--proxy-protocol")) == 1


def test_a_list_takes_the_warning_away(start, dual_port):
    server = start("--allow", "127.0.0.0/8", socket_option=f"*:{dual_port.number}")
    assert not server.find_events("socket.exposed")
    assert not server.find_events("socket.allow_unused")


def test_refusals_do_not_fill_the_log(start, port):
    server = start("--allow", "192.0.2.7", socket_option=f"127.0.0.1:{port.number}")
    began = time.monotonic()
    for _ in range(50):
        assert ask("127.0.0.1", port) is None
    lines = server.find_events("connection.not_admitted", r"\b127\.0\.0\.1 .*--allow\b")
    assert 1 <= len(lines) <= time.monotonic() - began + 1


def test_the_addresses_of_the_environment_count(start, port):
    server = start(socket_option=f"127.0.0.1:{port.number}", env={"FCGI_WEB_SERVER_ADDRS": "127.0.0.2,127.0.0.4"})
    assert ask("127.0.0.1", port, "127.0.0.4") == 200
    assert ask("127.0.0.1", port, "127.0.0.3") is None
    assert server.wait_event("connection.not_admitted", r"\b127\.0\.0\.3 .*FCGI_WEB_SERVER_ADDRS\b")


def test_an_option_wins_over_the_environment(start, port):
    start("--allow", "127.0.0.3", socket_option=f"127.0.0.1:{port.number}",
          env={"FCGI_WEB_SERVER_ADDRS": "127.0.0.2"})
    assert ask("127.0.0.1", port, "127.0.0.3") == 200
    assert ask("127.0.0.1", port, "127.0.0.2") is None


def test_the_environment_does_not_concern_unix_sockets(start, protocol):
    server = start(env={"FCGI_WEB_SERVER_ADDRS": "192.0.2.7"})
    assert server.call(protocol, "/hello").status == 200
    assert not server.find_events("socket.allow_unused")


@pytest.mark.parametrize("options, env, named", [
    (("--allow", "front.example"), {}, "--allow"),
    (("--allow", "10.0.0.1/8"), {}, "--allow"),
    (("--allow-user", "no-such-user"), {}, "--allow-user"),
    ((), {"FCGI_WEB_SERVER_ADDRS": "10.0.0.1;10.0.0.2"}, "FCGI_WEB_SERVER_ADDRS"),
])
def test_what_is_no_address_or_user_stops_the_start(installed, place, options, env, named):
    for check in ((), ("--check",)):
        ended = installed.run("--socket", place / "app.sock", "--module", "wsgi_probe:application",
                              "--pythonpath", installed.apps, *options, *check, env=env)
        assert (ended.returncode, named in ended.stderr) == (EXIT_CONFIGURATION, True), ended.stderr


def test_options_that_ask_nobody_are_warned_of(start, port):
    assert start("--allow", "127.0.0.1").wait_event("socket.allow_unused", "--allow ")
    server = start("--allow-user", "root", socket_option=f"127.0.0.1:{port.number}")
    assert server.wait_event("socket.allow_unused", "--allow-user ")


@pytest.mark.parametrize("order", [signal.SIGHUP, signal.SIGUSR2], ids=["reload", "upgrade"])
def test_another_list_concerns_kept_connections_too(start, port, place, order):
    listen = f"127.0.0.1:{port.number}"
    ini = place.write("appd.ini", "[appd]\nallow = 127.0.0.2\n")
    server = start("--config", ini, socket_option=listen)
    with wire.FastCgi((*port.address, "127.0.0.2")) as kept, wire.FastCgi((*port.address, "127.0.0.3")) as other:
        assert kept.request(wire.variables(path="/hello")).status == 200
        assert other.closed_by_peer()
        place.write("appd.ini", "[appd]\nallow = 127.0.0.3\n")
        server.send_signal(order)
        assert kept.closed_by_peer()
    assert server.wait_event("connection.not_admitted", r"\b127\.0\.0\.2 .*--allow\b")
    assert ask("127.0.0.1", port, "127.0.0.3") == 200


# ---- Unix sockets


CLIENT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import wire
os.setgroups([]), os.setgid(int(sys.argv[3])), os.setuid(int(sys.argv[3]))
statuses = []
for protocol in wire.WIRES:
    try:
        statuses.append(wire.call(protocol, sys.argv[2], "/hello").status)
    except (OSError, ValueError, AssertionError) as error:
        statuses.append(type(error).__name__)
print(json.dumps(statuses))
"""


def ask_as(user, address):
    """The statuses that this user gets over each protocol."""
    ended = subprocess.run([sys.executable, "-c", CLIENT, Path(__file__).parent, address, str(user)],
                           capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@ROOT_ONLY
@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_only_the_named_users_and_root_may_connect(start, place, abstract):
    options = {"socket_option": f"@{place.path.name}"} if abstract else {}
    place.path.chmod(0o755)
    server = start("--socket-mode", "0666", "--allow-user", "12345", "--allow-user", "www-data", **options)
    server.place.path.chmod(0o755)
    address = options.get("socket_option", server.address)
    www_data = int(subprocess.run(["id", "-u", "www-data"], capture_output=True, check=True).stdout)
    for user in (12345, www_data, 0):
        assert ask_as(user, address) == [200, 200, 200], user
    for user in (12346, unprivileged()["user"]):
        assert 200 not in ask_as(user, address), user
    event = server.wait_event("connection.not_admitted", "--allow-user")
    assert re.search(r"user 12346 \(process \d+\)", event.text)


@ROOT_ONLY
def test_without_a_list_of_users_the_file_decides(start):
    server = start("--socket-mode", "0666")
    server.place.path.chmod(0o755)
    assert ask_as(12346, server.address) == [200, 200, 200]
