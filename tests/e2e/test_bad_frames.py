"""What bytes get that break a protocol's rules, or are of none, and what a protocol's less usual records get."""

import struct

import pytest

import bad_input
import wire
from bad_input import the_one_event
from processes import unique

server, undisturbed = bad_input.server, bad_input.undisturbed


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


def test_an_abort_ends_the_request_and_leaves_the_others(server):
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
