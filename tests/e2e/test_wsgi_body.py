"""PEP 3333, sentence by sentence over the real wire: the iterable that the application returns, and its end.

The applications are in tests/apps/wsgi_*_cases.py, reached under /case/; the numbers only keep the order of
the PEP.
"""

import pytest

import every_wire
import wsgi_calls
from every_wire import of_fronts
from processes import unique, wait_until
from wsgi_calls import read_until

case, begin_case = wsgi_calls.case, wsgi_calls.begin_case
protocol = every_wire.protocol


# ---- the iterable


@pytest.mark.parametrize("kind, shown", [("none", "NoneType"), ("int", "int"), ("str", "str")])
def test_28_a_return_value_that_is_no_iterable_of_bytes_is_a_500_and_named(case, probe, kind, shown):
    response = case(f"returns_{kind}")
    assert (response.status, response.complete) == (500, True)
    event = probe.wait_event("response.invalid", rf"\b{shown}\b")
    assert f"GET /case/returns_{kind}" in event.text


def test_28_a_bytes_object_is_refused_or_sent_whole_with_a_warning(case, probe):
    response = case("returns_bytes")
    assert (response.status, response.body) == (200, b"plain bytes") or response.status == 500
    assert probe.wait_event(("response.bytes", "response.invalid"), r"/case/returns_bytes: .*\bbytes\b")


def test_29_start_response_may_be_called_in_the_first_next(case):
    response = case("start_in_first_next")
    assert (response.status, response.body) == (201, b"late")


@pytest.mark.parametrize("name", ["never_started", "never_started_empty", "started_after_chunk"])
def test_29_without_start_response_before_the_first_chunk_it_is_a_500(case, probe, name):
    assert case(name).status == 500
    probe.wait_event("response.invalid", rf"/case/{name}: .*start_response")


@pytest.mark.parametrize("name, kind", [("chunk_str", "str"), ("chunk_bytearray", "bytearray")])
def test_30_a_chunk_that_is_no_bytes_is_a_500_before_the_head(case, probe, name, kind):
    counted = unique("chunk")
    assert case(name, f"token={counted}").status == 500
    assert f"/case/{name}" in probe.wait_event("response.invalid", rf"\b{kind}\b").text
    assert probe.counted(counted)["close"] == 1


def test_30_a_chunk_that_is_no_bytes_breaks_the_response_after_the_head(case, probe):
    counted = unique("chunk")
    response = case("chunk_str_later", f"token={counted}")
    assert (response.status, response.body, response.complete) == (200, b"fine", False)
    probe.wait_event("response.invalid", r"\bstr\b")
    assert probe.counted(counted)["close"] == 1


def test_31_empty_chunks_are_skipped_and_neither_send_the_head_nor_end_the_response(case):
    response = case("empty_chunks")
    assert (response.body, response.complete) == (b"ab", True)
    response = case("empty_chunk_before_head")
    assert (response.status, response.body) == (202, b"replaced")


def test_32_each_chunk_is_sent_before_the_next_is_asked_for(begin_case, probe, protocol):
    gate = probe.gate(unique("gate"))
    connection = begin_case("chunk_then_wait", f"gate={gate.name}")
    read_until(connection, protocol, b"before,")
    gate.open()
    read_until(connection, protocol, b"after")


@pytest.mark.parametrize("count", [2, 3, 50, 51])
def test_32_no_chunk_waits_for_the_application_to_make_the_next(begin_case, probe, protocol, count):
    """Also those that are made in haste, which may be sent together."""
    gate = probe.gate(unique("gate"))
    connection = begin_case("chunks_then_wait", f"gate={gate.name}&count={count}")
    all_chunks = b"".join(b"%d," % number for number in range(count))
    assert read_until(connection, protocol, all_chunks).endswith(b"\r\n\r\n" + all_chunks)
    gate.open()
    read_until(connection, protocol, b"after")


def test_33_the_length_of_one_chunk_is_the_length_of_the_response(case):
    assert case("one_chunk").field("Content-Length") == "12"
    assert case("no_chunk").field("Content-Length") == "0"
    assert case("status_without_body", "code=204").field("Content-Length") is None
    assert case("status_without_body", "code=304").field("Content-Length") is None
    assert case("two_chunks").field("Content-Length") in (None, "7")
    assert case("one_chunk_generated").field("Content-Length") in (None, "9")


def test_33_for_head_the_length_is_that_of_the_get_or_absent(case):
    assert case("one_chunk", method="HEAD").field("Content-Length") == "12"
    assert case("no_chunk", method="HEAD").field("Content-Length") is None
    assert case("two_chunks", method="HEAD").field("Content-Length") in (None, "7")


def test_34_nothing_but_iteration_length_and_close_is_asked_of_the_iterable(case):
    assert case("watched").body == b"watched"
    assert set(case("attributes").json()) <= {"__iter__", "__len__", "close"}


def test_35_close_of_the_returned_object_is_called_and_not_its_iterators(case, probe):
    name = unique("close")
    assert case("close_of_returned", f"token={name}").body == b"one,two"
    wait_until(lambda: probe.counted(name) == {"close": 1}, f"one close, not {probe.counted(name)}")


@pytest.mark.parametrize("name, method, query", [
    ("close_normal", "GET", ""),
    ("close_normal", "HEAD", ""),
    ("close_after_error", "GET", ""),
    ("chunk_str", "GET", ""),
    ("chunk_str_later", "GET", ""),
    ("close_without_body", "GET", ""),
    ("status_with_body", "GET", "code=304"),
    ("too_long", "GET", ""),
    ("too_short", "GET", ""),
    ("raise_in_first_next", "GET", ""),
])
def test_35_close_is_called_exactly_once_in_every_case(case, probe, name, method, query):
    counted = unique("close")
    case(name, f"{query}&token={counted}", method=method)
    assert probe.wait_counted(counted, "close")["close"] == 1


def test_35_close_is_called_when_the_client_goes(begin_case, probe, protocol):
    counted = unique("close")
    connection = begin_case("endless", f"token={counted}")
    read_until(connection, protocol, b"xxxx")
    connection.close()
    found = probe.wait_counted(counted, "close")
    assert found["close"] == 1 and "never stopped" not in found


def test_36_an_error_in_close_is_logged_and_the_response_stays(case, probe):
    response = case("close_raises", f"token={unique('close')}")
    assert (response.status, response.body, response.complete) == (200, b"sent", True)
    probe.wait_event("application.raised", "case: raised in close")
    probe.forget_log()
    assert case("close_raises_before_head", f"token={unique('close')}").status == 500
    probe.wait_event(("application.raised", "response.invalid"), "case: raised in close|start_response")


def test_36_a_generator_that_is_left_early_ends_in_silence(case, probe):
    counted = unique("generator")
    assert case("generator_closed", f"token={counted}").body == b"abc"
    assert probe.wait_counted(counted, "finished") == {"finished": 1}
    assert not probe.find_events(("application.raised", "application.errors", "response.invalid"))


def test_36_a_generator_that_yields_in_reaction_to_its_close_is_logged(case, probe):
    assert case("generator_resists").body == b"abc"
    assert "/case/generator_resists" in probe.wait_event("application.raised", "RuntimeError").text


def test_37_a_response_ends_at_its_content_length_and_the_rest_is_dropped_and_logged_once(case, probe):
    counted = unique("long")
    response = case("too_long", f"token={counted}")
    assert (response.body, response.complete) == (b"abcdef", True)
    assert probe.wait_counted(counted, "close") == {"next": 2, "close": 1}
    assert probe.wait_event("response.excess", "/case/too_long").level == "warn"
    assert [event.name for event in probe.events() if "/case/too_long" in event.text] == ["response.excess"]


def test_38_a_response_shorter_than_its_content_length_is_visibly_cut_and_logged(case, probe):
    response = case("too_short", f"token={unique('short')}")
    assert (response.body, response.field("Content-Length"), response.complete) == (b"abcdef", "100", False)
    assert "/case/too_short" in probe.wait_event("response.invalid", "Content-Length").text


def test_39_an_exception_after_the_head_cuts_the_response_visibly(case, probe):
    response = case("raises_after_head")
    assert (response.status, response.body, response.complete) == (200, b"half", False)
    probe.wait_event("application.raised", "(?s)Traceback.*case: raised after the head")


def test_40_an_exception_after_start_response_but_before_the_head_is_a_500(case, probe):
    response = case("raises_after_start")
    assert (response.status, response.field("X-Head"), response.complete) == (500, None, True)
    probe.wait_event("application.raised", "case: raised after start_response")


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt"])
def test_41_an_exit_of_the_application_is_an_error_of_its_request_alone(case, probe, name):
    worker = probe.only_worker()
    snake = {"SystemExit": "system_exit", "KeyboardInterrupt": "keyboard_interrupt"}[name]
    assert case(f"raises_{snake}").status == 500
    probe.wait_event("application.raised", name)
    assert case("one_chunk").status == 200 and probe.only_worker() == worker


# ---- status and method


def test_42_head_calls_the_application_and_sends_its_head_alone(case, probe):
    counted = unique("head")
    response = case("length_for_head", f"token={counted}", method="HEAD")
    assert (response.status, response.body, response.field("Content-Length")) == (200, b"", "12")
    assert probe.wait_counted(counted, "close")["close"] == 1


@pytest.mark.parametrize("code", ["204", "205", "304"])
def test_43_a_bodiless_status_has_no_body_and_the_excess_is_logged(case, probe, code):
    response = case("status_with_listed_body", f"code={code}")
    assert (response.status, response.body, response.field("X-Probe")) == (int(code), b"", "kept")
    assert response.field("Transfer-Encoding") is None
    if code == "204":
        assert response.field("Content-Length") is None
    assert probe.wait_event("response.excess", "/case/status_with_listed_body").level == "warn"


def test_44_a_missing_content_type_is_not_made_up(case):
    assert case("bare_response").field("Content-Type") is None


@of_fronts
def test_45_no_transfer_encoding_is_added(case):
    for name in ("two_chunks", "one_chunk_generated", "write_and_return", "empty_chunks"):
        assert case(name).field("Transfer-Encoding") is None


# ---- the client goes away


@pytest.mark.parametrize("name, sign", [("endless", "close"), ("endless_write", "OSError")])
def test_56_a_client_that_went_stops_the_application_quietly(begin_case, probe, protocol, name, sign):
    counted = unique("gone")
    connection = begin_case(name, f"token={counted}")
    read_until(connection, protocol, b"xxxx")
    connection.close()
    found = probe.wait_counted(counted, sign)
    assert found[sign] == 1 and "never stopped" not in found
    assert probe.call(protocol, "/hello").status == 200
    loud = [event for event in probe.events() if event.level in ("warn", "error")]
    assert not loud, loud
