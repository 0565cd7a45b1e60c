"""What bad input gets: a proper response, one line in the log, a worker that goes on, undisturbed neighbours."""

import select
import struct

import pytest

import bad_input
import every_wire
import web
import wire
from bad_input import the_one_event
from every_wire import of_fronts
from fronts import MODES, Apache, Nginx
from processes import Port, unique

server, undisturbed = bad_input.server, bad_input.undisturbed
protocol = every_wire.protocol
MIB = 1 << 20


# ---- variables larger than the limit


@pytest.mark.parametrize("size", [32 * 1024, 500_000], ids=["little", "much"])
def test_variables_above_the_limit_are_a_431_and_the_largest_is_named(server, protocol, size):
    if protocol == "uwsgi":
        size = min(size, 64_000)  # the protocol itself ends at 65535
    headers = [("X-Small", "s" * 900), ("X-Huge", "h" * size)]
    response = server.call(protocol, "/hello", headers=headers)
    assert (response.status, response.complete) == (431, True)
    # A client's head is not read to its end.
    event = the_one_event(server, "request.too_large", "HTTP_X_HUGE" if protocol != "http" else "the request's head")
    assert "max-params" in event.text
    assert "hhhhhh" not in event.text, "values do not belong in the log"


def test_variables_just_below_the_limit_pass(server, protocol):
    response = server.call(protocol, "/environ", headers=[("X-Large", "l" * 30_000)])
    assert response.status == 200 and len(response.json()["HTTP_X_LARGE"]) == 30_000


def test_a_kept_connection_survives_a_431(server):
    with wire.FastCgi(server.address) as connection:
        named = wire.variables(path="/hello", headers=[("X-Huge", "h" * 200_000)])
        assert connection.request(named).status == 431
        assert connection.request(wire.variables(path="/hello"), request_id=2).status == 200


@pytest.mark.parametrize("count, status", [(900, 200), (1001, 431)])
def test_more_variables_than_any_front_sends_are_a_431(server, protocol, count, status):
    response = server.call(protocol, "/hello", headers=[(f"X{number}", "") for number in range(count)])
    assert (response.status, response.complete) == (status, True)
    if status == 431:
        the_one_event(server, "request.too_large", r"\b1000 variables")


# ---- bodies


@pytest.mark.parametrize("size", [MIB + 1, 8 * MIB])
def test_a_body_above_the_limit_is_a_413_though_it_is_unread(server, protocol, size):
    response = server.call(protocol, "/digest", body=b"x" * size)
    assert (response.status, response.complete) == (413, True)
    assert "max-body" in the_one_event(server, "request.too_large", "/digest").text


def test_a_body_of_the_limit_passes(server, protocol):
    assert server.call(protocol, "/digest", body=b"x" * MIB).json()["length"] == MIB


def test_a_body_of_unknown_length_above_the_limit_is_a_413(server):
    with wire.FastCgi(server.address) as connection:
        named = wire.variables("POST", "/digest", headers=[("Transfer-Encoding", "chunked")])
        assert connection.request(named, b"x" * (3 * MIB)).status == 413
        assert connection.request(wire.variables(path="/hello"), request_id=2).status == 200
    the_one_event(server, "request.too_large", "/digest")


@pytest.mark.parametrize("front", [Nginx, Apache])
def test_a_413_reaches_the_client_of_a_real_front(server, front):
    running = front(server.address)
    try:
        for mode in MODES:
            ports = [running.port(mode)]
            if front is Nginx:
                ports.append(running.port(mode, streaming=True))
            for port in ports:
                upload = web.Upload(3 * MIB)
                with web.Client(port) as client:
                    client.send(web.head("POST", "/digest", length=upload.size))
                    try:
                        for block in upload:
                            client.send(block)
                    except OSError:
                        pass  # the front may close after the response
                    assert client.read_reply().status == 413, mode
    finally:
        running.stop()


# ---- variables that make no sense


@of_fronts  # for clients: REFUSED of test_http.py
@pytest.mark.parametrize("extra", [
    [("REQUEST_METHOD", None)],
    [("REQUEST_METHOD", "")],
    [("CONTENT_LENGTH", "abc")],
    [("CONTENT_LENGTH", "-5")],
    [("CONTENT_LENGTH", "+5")],
    [("CONTENT_LENGTH", "5 ")],
    [("CONTENT_LENGTH", "0x10")],
    [("CONTENT_LENGTH", "99999999999999999999999")],
    [("CONTENT_LENGTH", "18446744073709551615")],
    [("CONTENT_LENGTH", "9223372036854775808")],
    [("REQUEST_METHOD", "GET"), ("REQUEST_METHOD", "POST")],
], ids=str)
def test_missing_method_and_impossible_length_are_a_400(server, protocol, extra):
    response = server.call(protocol, "/hello", extra=extra)
    assert (response.status, response.complete) == (400, True)
    the_one_event(server, "request.bad", extra[0][0])


def test_the_minus_one_of_caddy_is_no_error(server):
    with wire.FastCgi(server.address) as connection:
        named = wire.variables("POST", "/digest", extra=[("CONTENT_LENGTH", "-1")])
        assert connection.request(named, b"abc").json() == {
            "length": 3, "announced": "3",
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_parameters_without_content_are_a_400_and_the_connection_stays(server):
    with wire.FastCgi(server.address) as connection:
        assert connection.request([]).status == 400
        assert connection.request(wire.variables(path="/hello"), request_id=2).status == 200


# ---- connections that stop


def half_a_head(protocol) -> bytes:
    named = wire.variables(path="/hello")
    if protocol == "fastcgi":
        whole = wire.record(wire.BEGIN_REQUEST, 1, struct.pack("!HB5x", 1, 0)) + wire.record(
            wire.PARAMS, 1, wire.pairs(named))
        return whole[:-10]
    return (wire.uwsgi_packet(named) if protocol == "uwsgi" else wire.scgi_packet(named))[:-10]


def test_a_connection_that_stops_inside_the_head_is_closed_after_the_header_timeout(server, protocol):
    with wire.Connection(server.address, timeout=10) as connection:
        connection.send(half_a_head(protocol))
        connection.read_to_end()
    assert "header-timeout" in the_one_event(server, "connection.timeout").text


def test_a_connection_that_stops_inside_the_body_is_closed_after_the_body_timeout(server, protocol):
    named = wire.variables("POST", "/digest", length=1000)
    with wire.begin(protocol, server.address, named, b"x" * 10, end_body=False, timeout=10) as connection:
        connection.read_to_end()
    event = the_one_event(server, "body.timeout", "body-timeout")
    assert "/digest" in event.text


def test_an_idle_kept_connection_is_left_open(server):
    """Well past both timeouts: only the front closes its idle connections."""
    with wire.FastCgi(server.address) as connection:
        assert connection.request(wire.variables(path="/hello")).status == 200
        assert not connection.closed_by_peer(within=2.5)
        connection.socket.settimeout(wire.TIMEOUT)
        assert connection.request(wire.variables(path="/hello")).status == 200
    assert not server.find_events(("connection.timeout", "body.timeout"))


# ---- the application's own faults


def test_an_application_that_raises_before_the_head_is_a_500_with_its_traceback_logged(server, protocol):
    response = server.call(protocol, "/fail", query="a=1")
    assert (response.status, response.complete) == (500, True)
    event = the_one_event(server, "application.raised", "Traceback")
    assert "GET /fail?a=1" in event.text and "ValueError: probe: failed before the head" in event.text


@pytest.mark.parametrize("what, kind", [("None", "NoneType"), ("str", "str"), ("int", "int")])
def test_an_application_that_returns_no_iterable_is_a_500_and_its_type_is_named(server, protocol, what, kind):
    response = server.call(protocol, "/returns", query=f"what={what}")
    assert (response.status, response.complete) == (500, True)
    event = the_one_event(server, "response.invalid", rf"\b{kind}\b")
    assert f"GET /returns?what={what}" in event.text


def test_an_application_that_raises_after_the_head_leaves_a_visibly_incomplete_response(server, protocol):
    token = unique("late")
    response = server.call(protocol, "/fail_later", query=f"token={token}")
    assert (response.status, response.body, response.complete) == (200, b"half of it", False)
    event = the_one_event(server, "application.raised", "Traceback")
    assert "/fail_later" in event.text and "ValueError: probe: failed after the head" in event.text
    assert server.wait_counted(token, "close")["close"] == 1


@pytest.mark.parametrize("protocol", ["uwsgi", "scgi"])
def test_a_broken_off_response_without_length_ends_in_a_reset_over_tcp(start, protocol):
    """Its end would look like the response's end."""
    port = Port()
    start(socket_option=f"127.0.0.1:{port.number}")
    asked = wire.variables(path="/fail_later", query="length=no")
    with wire.begin(protocol, port.address, asked) as front, pytest.raises(ConnectionResetError):
        while front.socket.recv(1 << 16):
            pass
    port.release()


# ---- too much at once


def test_a_full_queue_is_a_503_with_retry_after(start, protocol):
    busy = start("--queue", "1", threads=1)
    gate = busy.gate("busy")
    running = wire.begin(protocol, busy.address, wire.variables(path="/hold", query="gate=busy"))
    gate.wait_entered()
    waiting = [wire.begin(protocol, busy.address, wire.variables(path="/hello")) for _ in range(2)]
    answered, _, _ = select.select([each.socket for each in waiting], [], [], wire.TIMEOUT)
    assert len(answered) == 1, "one waits, the other is refused while the first request still runs"
    (refused,) = [each for each in waiting if each.socket in answered]
    response = refused.read_response()
    assert (response.status, response.complete) == (503, True)
    assert int(response.field("Retry-After")) > 0
    assert "queue" in the_one_event(busy, "queue.full", "/hello").text
    gate.open()
    assert running.read_response().status == 200
    for each in waiting:
        if each is not refused:
            assert each.read_response().status == 200
    for each in (running, *waiting):
        each.close()
    assert busy.call(protocol, "/hello").status == 200
