"""What bad input gets: a proper response, one line in the log, a worker that goes on, undisturbed neighbours."""

import select
import struct

import pytest

import web
import wire
from appd import Appd
from fronts import MODES, Apache, Nginx
from processes import Port, unique

MIB = 1 << 20


class Neighbour:
    """A request on another connection that runs through all of a test."""

    def __init__(self, server: Appd, protocol):
        self.gate = server.gate(unique("neighbour"))
        named = wire.variables(path="/hold", query=f"gate={self.gate.name}")
        self.connection = wire.begin(protocol, server.address, named)
        self.gate.wait_entered()

    def finish(self):
        self.gate.open()
        response = self.connection.read_response()
        self.connection.close()
        assert (response.status, response.complete, response.json()["held"]) == (200, True, True)


@pytest.fixture(scope="module")
def server(installed):
    # Debug: in other logs there is one line in a second of what clients repeat.
    running = Appd(installed, "--log-level", "debug", "--max-params", "32K", "--max-body", "1M",
                   "--header-timeout", "1s", "--body-timeout", "1s")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def undisturbed(server, request):
    """Round each test: the same worker, a neighbour that gets its response, and service afterwards."""
    protocol = request.getfixturevalue("protocol") if "protocol" in request.fixturenames else "fastcgi"
    worker = server.only_worker()
    neighbour = Neighbour(server, protocol)
    server.forget_log()
    yield
    neighbour.finish()
    assert server.only_worker() == worker
    for other in wire.WIRES:
        assert server.call(other, "/hello").status == 200


def the_one_event(server, names, *fields):
    """The event that names the matter, and no second one at that level."""
    event = server.wait_event(names, *fields)
    loud = [other for other in server.events() if other.level in ("warn", "error")]
    assert len(loud) <= 1, loud
    return event


# ---- variables larger than the limit


@pytest.mark.parametrize("size", [32 * 1024, 500_000], ids=["little", "much"])
def test_variables_above_the_limit_are_a_431_and_the_largest_is_named(server, protocol, size):
    if protocol == "uwsgi":
        size = min(size, 64_000)  # the protocol itself ends at 65535
    headers = [("X-Small", "s" * 900), ("X-Huge", "h" * size)]
    response = server.call(protocol, "/hello", headers=headers)
    assert (response.status, response.complete) == (431, True)
    event = the_one_event(server, "request.too_large", "HTTP_X_HUGE")
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


# ---- malformed frames


def fastcgi_frames():
    begin = wire.record(wire.BEGIN_REQUEST, 1, struct.pack("!HB5x", wire.RESPONDER, 0))
    params = wire.record(wire.PARAMS, 1, wire.pairs(wire.variables(path="/hello")))
    end_params, end_stdin = wire.record(wire.PARAMS, 1), wire.record(wire.STDIN, 1)
    return {
        "wrong version": (begin + wire.record(wire.PARAMS, 1, b"", version=2), 16, None),
        "short begin": (wire.record(wire.BEGIN_REQUEST, 1, b"\0\1\0"), 0, None),
        "second begin of the id": (begin + begin, 16, None),
        "params after their end": (begin + params + end_params + params, None, None),
        "body before the params' end": (begin + params + end_stdin, None, None),
        "pair cut off": (begin + wire.record(wire.PARAMS, 1, b"\x0e\x04REQUEST_ME") + end_params, None, 400),
        "length beyond the stream": (
            begin + wire.record(wire.PARAMS, 1, b"\x0e\xff\xff\xff\xffREQUEST_METHODGET") + end_params,
            None, (400, 431)),
    }


@pytest.mark.parametrize("name", list(fastcgi_frames()))
def test_a_malformed_fastcgi_frame_is_answered_where_it_can_be_and_logged(server, name):
    frames, offset, status = fastcgi_frames()[name]
    with wire.FastCgi(server.address) as connection:
        connection.expect(1)
        connection.send(frames)
        if status is None:
            assert b"Status: 200" not in connection.read_to_end()
        else:
            response = connection.read_response()
            assert response.status in (status if isinstance(status, tuple) else (status,))
            assert connection.read_to_end() == b""
    names = "connection.malformed" if status is None else ("request.bad", "request.too_large")
    event = the_one_event(server, names, "FastCGI")
    if offset is not None:
        assert str(offset) in event.text
    else:
        assert any(letter.isdigit() for letter in event.text)


UWSGI_FRAMES = {
    "key beyond the block": struct.pack("<BHB", 0, 8, 0) + struct.pack("<H", 500) + b"abcdef",
    "value beyond the block": struct.pack("<BHB", 0, 8, 0) + b"\1\0A" + struct.pack("<H", 500) + b"abc",
    "block ends inside a length": struct.pack("<BHB", 0, 4, 0) + b"\1\0A\1",
    "empty key": struct.pack("<BHB", 0, 7, 0) + b"\0\0\3\0abc",
}
SCGI_FRAMES = {
    "length with a leading zero": b"0024:CONTENT_LENGTH\x000\0SCGI\x001\0,",
    "no comma": b"24:CONTENT_LENGTH\x000\0SCGI\x001\0;",
    "odd number of texts": b"22:CONTENT_LENGTH\x000\0SCGI\0,",
    "no end of the last text": b"23:CONTENT_LENGTH\x000\0SCGI\x001,",
    "empty name": b"24:CONTENT_LENGTH\x000\0\x00SCGI1\0,",
    "length first missing": b"7:SCGI\x001\0,",
}


@pytest.mark.parametrize("name", list(UWSGI_FRAMES))
def test_a_malformed_uwsgi_block_is_a_400_and_logged(server, name):
    with wire.Uwsgi(server.address) as connection:
        connection.send(UWSGI_FRAMES[name])
        assert connection.read_response().status == 400
    event = the_one_event(server, "request.bad", "uwsgi")
    assert any(letter.isdigit() for letter in event.text)


@pytest.mark.parametrize("name", list(SCGI_FRAMES))
def test_a_malformed_scgi_head_is_a_400_and_logged(server, name):
    with wire.Scgi(server.address) as connection:
        connection.send(SCGI_FRAMES[name])
        assert connection.read_response().status == 400
    event = the_one_event(server, "request.bad", "SCGI")
    assert any(letter.isdigit() for letter in event.text)


def test_an_impossible_scgi_length_is_refused_without_waiting_for_it(server):
    with wire.Scgi(server.address, timeout=10) as connection:
        connection.send(b"9999999999:CONTENT_LENGTH\x000\0")
        assert connection.read_response().status in (400, 431)
    the_one_event(server, ("request.bad", "request.too_large"), "SCGI")


def test_other_uwsgi_modifiers_are_refused_so_that_front_and_log_show_it(start):
    pinned = start("--protocol", "uwsgi", "--log-level", "debug")
    for modifier in (1, 5, 10, 22, 97, 110, 173, 255):
        pinned.forget_log()
        with wire.Uwsgi(pinned.address) as connection:
            connection.send(wire.uwsgi_packet(wire.variables(path="/hello"), modifier1=modifier))
            response = connection.read_response()
        assert response.status >= 400 and b"Hello" not in response.body
        assert str(modifier) in the_one_event(pinned, "request.bad", "modifier").text
    assert pinned.call("uwsgi", "/hello").status == 200


def test_a_uwsgi_ping_is_answered(server):
    with wire.Uwsgi(server.address) as connection:
        connection.send(bytes([100, 0, 0, 0]))
        assert connection.read_to_end() == bytes([100, 0, 0, 1])


@pytest.mark.parametrize("role", [wire.AUTHORIZER, wire.FILTER, 77])
def test_other_fastcgi_roles_are_refused_and_the_connection_stays(server, role):
    with wire.FastCgi(server.address) as connection:
        connection.begin(1, role=role)
        connection.params(wire.variables(path="/hello"))
        connection.stdin(b"")
        assert connection.read_end(1) == (0, wire.UNKNOWN_ROLE)
        assert connection.request(wire.variables(path="/hello"), request_id=3).status == 200


def test_management_records_are_answered(server):
    with wire.FastCgi(server.address) as connection:
        asked = [("FCGI_MAX_REQS", ""), ("FCGI_MPXS_CONNS", ""), ("FCGI_NOT_KNOWN", "")]
        connection.send_record(wire.GET_VALUES, 0, wire.pairs(asked))
        found = connection.read_record()
        assert (found.kind, found.request_id) == (wire.GET_VALUES_RESULT, 0)
        values = wire.parse_pairs(found.content)
        assert values["FCGI_MPXS_CONNS"] == "1" and int(values["FCGI_MAX_REQS"]) > 1
        assert "FCGI_NOT_KNOWN" not in values
        connection.send_record(77, 0, b"")
        unknown = connection.read_record()
        assert (unknown.kind, unknown.content) == (wire.UNKNOWN_TYPE, bytes([77]) + bytes(7))
        assert connection.request(wire.variables(path="/hello")).status == 200


def test_several_requests_at_once_on_one_connection_are_answered_under_their_ids(server):
    with wire.FastCgi(server.address) as connection:
        gate = server.gate(unique("gate"))
        connection.begin(5)
        connection.params(wire.variables(path="/hold", query=f"gate={gate.name}"), 5)
        connection.stdin(b"", 5)
        gate.wait_entered()
        for number in (1, 65535, 300):
            named = wire.variables("POST", "/echo", length=len(str(number)))
            assert connection.request(named, str(number).encode(), number).body == str(number).encode()
        gate.open()
        assert connection.read_response(request_id=5).json()["held"] is True


def test_an_abort_ends_the_request_and_leaves_its_siblings(server):
    with wire.FastCgi(server.address) as connection:
        token = unique("aborted")
        connection.begin(1)
        connection.params(wire.variables(path="/sized", query=f"size={64 << 30}&token={token}"))
        connection.stdin(b"")
        assert connection.read_record().kind == wire.STDOUT
        server.forget_log()
        connection.abort(1)
        while (got := connection.read_record()).kind != wire.END_REQUEST:
            assert got.request_id == 1
        assert server.wait_counted(token, "close")["close"] == 1
        server.wait_event("request.aborted", r"GET /sized\b")
        assert connection.request(wire.variables(path="/hello"), request_id=2).status == 200


# ---- bytes that are no frame at all


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
                                   b"POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
                                   b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], ids=["GET", "POST", "TLS"])
def test_http_and_tls_get_a_400_that_names_the_directives(server, first):
    with wire.Uwsgi(server.address) as connection:
        connection.send(first)
        response = connection.read_response()
    assert response.status == 400
    for directive in (b"fastcgi_pass", b"uwsgi_pass", b"scgi_pass"):
        assert directive in response.body
    event = the_one_event(server, "connection.wrong_protocol", "HTTP" if first[0] != 0x16 else "TLS")
    assert "fastcgi_pass" in event.text


def test_bytes_of_no_known_protocol_close_the_connection_and_are_logged(server):
    with wire.Uwsgi(server.address) as connection:
        connection.send(b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8" * 4)
        connection.read_to_end()
    the_one_event(server, ("connection.unknown_protocol", "request.bad"))


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
