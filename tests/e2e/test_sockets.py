"""Sockets: kinds of addresses, file modes, stale and live socket files, what is left at exit."""

import grp
import os
import pwd
import re
import socket
import stat

import pytest

import wire
from appd import parse_log, peer_of, select_events
from processes import Port, give_away, unique, unprivileged

EXIT_SOCKET = 3


def mode_of(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def fails_to_start(installed, *sockets, options=()):
    """Runs appd with these sockets to its end, which must be at once."""
    listen = [word for each in sockets for word in ("--socket", each)]
    return installed.run(*listen, *options, "--module", "wsgi_probe:application", "--workers", 1,
                         "--pythonpath", installed.apps)


def why(ended, name, *fields) -> list:
    return select_events(parse_log(ended.stderr), name, *fields)


def test_a_unix_socket_is_for_user_and_group_by_default(start):
    server = start()
    assert stat.S_ISSOCK(os.stat(server.address).st_mode)
    assert mode_of(server.address) == 0o660


@pytest.mark.parametrize("mode", ["0600", "0666", "777"])
def test_the_mode_of_a_unix_socket_is_as_asked(start, mode):
    assert mode_of(start("--socket-mode", mode).address) == int(mode, 8)


def test_the_umask_does_not_narrow_the_mode(start):
    assert mode_of(start(umask=0o777).address) == 0o660


def test_owner_and_group_of_a_unix_socket_are_as_asked(start):
    """Those that anybody may set: the own ones."""
    server = start()
    status = os.stat(server.place.path)
    group = grp.getgrgid(status.st_gid).gr_name
    other = start("--socket-group", group, "--socket-owner", str(status.st_uid))
    found = os.stat(other.address)
    assert (found.st_uid, found.st_gid) == (status.st_uid, status.st_gid)


def test_an_unknown_group_stops_the_start(installed, place):
    ended = fails_to_start(installed, place / "app.sock", options=["--socket-group", "no-such-group"])
    assert ended.returncode != 0 and "no-such-group" in ended.stderr
    assert not (place / "app.sock").exists()


def test_a_stale_socket_file_is_replaced(start, place):
    path = place / "app.sock"
    peer_of(path).close()  # closed, but its file stays: as after a crash
    give_away(path)
    assert path.exists()
    start(socket_option=path)
    for protocol in wire.WIRES:
        assert wire.call(protocol, str(path), "/hello").status == 200


def test_a_live_socket_is_refused_and_left_alone(start, installed):
    first = start()
    ended = fails_to_start(installed, first.address)
    assert ended.returncode == EXIT_SOCKET
    assert why(ended, "socket.in_use", re.escape(first.address))
    assert first.call("fastcgi", "/hello").status == 200


def test_a_file_that_is_no_socket_is_refused_and_left_alone(installed, place):
    path = place.write("app.sock", "somebody's notes")
    ended = fails_to_start(installed, path)
    assert ended.returncode == EXIT_SOCKET and why(ended, "socket.in_use", re.escape(str(path)))
    assert path.read_text() == "somebody's notes"


def test_a_folder_that_does_not_exist_is_named(installed, place):
    ended = fails_to_start(installed, place / "nowhere" / "app.sock")
    assert ended.returncode == EXIT_SOCKET
    assert why(ended, "socket.failed", f"folder {place / 'nowhere'} does not exist")


def test_a_folder_that_may_not_be_written_to_is_named_with_the_user(installed, place):
    place.folder("locked").chmod(0o500)
    ended = fails_to_start(installed, place / "locked" / "app.sock")
    assert ended.returncode == EXIT_SOCKET
    user = pwd.getpwuid(unprivileged().get("user", os.getuid())).pw_name
    assert why(ended, "socket.failed", f"user {user} cannot write to the folder {place / 'locked'}")


def test_a_path_too_long_for_a_socket_is_an_error_and_not_cut(installed, place):
    path = place / ("long" * 40)
    ended = fails_to_start(installed, path)
    assert ended.returncode in (2, EXIT_SOCKET)
    assert os.listdir(place.path) == []


def test_the_socket_file_is_removed_at_exit(start):
    server = start()
    server.send_signal(15)
    assert server.wait_exit() == 0
    assert not os.path.exists(server.address)


def test_a_socket_file_that_was_replaced_meanwhile_is_left_at_exit(start):
    """Another server may have taken the path over: its file is not ours to remove."""
    server = start()
    os.unlink(server.address)
    other = peer_of(server.address)
    server.send_signal(15)
    assert server.wait_exit() == 0
    assert os.path.exists(server.address)
    other.close()


def test_a_path_may_be_written_with_unix_before_it(start, protocol):
    server = start(socket_option="unix:app.sock")
    assert server.call(protocol, "/hello").status == 200


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def test_a_tcp_port_is_listened_on(start, protocol, family):
    port = Port(family)
    name = f"[{port.host}]" if family == socket.AF_INET6 else port.host
    start(socket_option=f"{name}:{port.number}")
    assert wire.call(protocol, port.address, "/hello").status == 200
    port.release()


def test_a_taken_port_is_refused_and_named(start, installed):
    port = Port()
    start(socket_option=f"127.0.0.1:{port.number}")
    ended = fails_to_start(installed, f"127.0.0.1:{port.number}")
    assert ended.returncode == EXIT_SOCKET and why(ended, "socket.in_use", str(port.number))
    port.release()


def test_an_abstract_name_is_listened_on(start, protocol):
    name = f"@appd-e2e-{os.getpid()}-{unique('name')}"
    start(socket_option=name)
    assert wire.call(protocol, name, "/hello").status == 200


def test_several_sockets_serve_the_same_application(start, protocol):
    port = Port()
    server = start("--socket", "unix:second.sock", "--socket", f"127.0.0.1:{port.number}")
    for address in (server.address, str(server.place / "second.sock"), port.address):
        assert wire.call(protocol, address, "/whoami").json()["pid"] == server.only_worker()
    port.release()


@pytest.mark.parametrize("bad", ["", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:http!", "[::1:80", "@"])
def test_an_address_that_cannot_be_is_an_error_of_configuration(installed, bad):
    ended = fails_to_start(installed, bad)
    assert ended.returncode == 2
    assert "socket" in ended.stderr


def test_a_pinned_protocol_takes_no_other(start):
    for pinned in wire.WIRES:
        server = start("--protocol", pinned)
        assert server.call(pinned, "/hello").status == 200
        for other in set(wire.WIRES) - {pinned}:
            try:
                assert wire.call(other, server.address, "/hello", timeout=20).status >= 400
            except (ValueError, AssertionError, TimeoutError):
                pass  # a response in the pinned protocol's form, or none
            assert server.call(pinned, "/hello").status == 200


def test_one_connection_may_come_byte_by_byte(probe, protocol):
    """The protocol is told by the first bytes however they come."""
    named = wire.variables(path="/hello")
    whole = {
        "fastcgi": wire.record(wire.BEGIN_REQUEST, 1, b"\0\1\0\0\0\0\0\0")
        + wire.record(wire.PARAMS, 1, wire.pairs(named)) + wire.record(wire.PARAMS, 1)
        + wire.record(wire.STDIN, 1),
        "uwsgi": wire.uwsgi_packet(named),
        "scgi": wire.scgi_packet(named),
    }[protocol]
    with wire.CLIENTS[protocol](probe.address) as connection:
        if protocol == "fastcgi":
            connection.expect(1)
        for at in range(len(whole)):
            connection.send(whole[at : at + 1])
        assert connection.read_response().body == b"Hello, world!\n"


def test_many_connections_wait_in_the_backlog(start):
    """More at once than the usual 128 of other servers are taken, none refused."""
    server = start(threads=1)
    gate = server.gate("busy")
    running = wire.begin("fastcgi", server.address, wire.variables(path="/hold", query="gate=busy"))
    gate.wait_entered()
    waiting = [wire.begin("fastcgi", server.address, wire.variables(path="/hello")) for _ in range(400)]
    gate.open()
    assert running.read_response().status == 200
    assert [each.read_response().status for each in waiting] == [200] * 400
    for each in (running, *waiting):
        each.close()
