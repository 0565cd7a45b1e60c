"""PEP 3333, sentence by sentence over the real wire: start_response, and the write that it returns.

The applications are in tests/apps/wsgi_*_cases.py, reached under /case/; the numbers only keep the order of
the PEP.
"""

import select

import every_wire
import wsgi_calls
from processes import unique
from wsgi_calls import read_until

case, begin_case = wsgi_calls.case, wsgi_calls.begin_case
protocol = every_wire.protocol


def nothing_comes(connection, within=0.1) -> bool:
    return not connection.pending and not select.select([connection.socket], [], [], within)[0]


# ---- start_response


def test_11_start_response_takes_two_or_three_arguments_and_returns_write(case):
    response = case("start_arguments")
    assert (response.status, response.json()) == (202, [True, True])


def test_12_start_response_sends_nothing_itself(begin_case, probe):
    gate = probe.gate(unique("gate"))
    connection = begin_case("start_then_wait", f"gate={gate.name}")
    gate.wait_entered()
    assert nothing_comes(connection)
    gate.open()
    assert connection.read_response().body == b"after the gate"


def test_13_a_second_call_without_exc_info_raises_and_keeps_the_first_head(case):
    response = case("start_twice")
    assert (response.status, response.field("X-Head")) == (201, "first")
    assert response.body in (b"AssertionError", b"RuntimeError")


def test_14_a_second_call_with_exc_info_replaces_an_unsent_head_completely(case):
    response = case("start_replaced")
    assert (response.status, response.reason, response.field("X-Head")) == (503, "Replaced", "second")
    assert response.field("Content-Type") is None and response.field("Content-Length") in (None, "8")
    assert response.body == b"replaced"


def test_15_with_exc_info_after_the_head_the_exception_is_raised_again_and_not_kept(case, probe):
    name = unique("again")
    response = case("start_after_head", f"token={name}")
    assert (response.status, response.body, response.complete) == (200, b"abcdef", True)
    assert probe.counted(name) == {"same": 1, "traceback": 1}
    assert case("kept_exception", f"token={name}").json()["alive"] is False


def test_16_a_bad_status_raises_at_the_call(case):
    response = case("bad_statuses")
    accepted = [name for name, raised in response.json().items() if raised == "nothing"]
    assert (response.status, accepted) == (200, [])


def test_16_a_bare_status_is_tolerated_with_a_warning(case, probe):
    response = case("bare_status")
    assert (response.status, response.body) == (200, b"bare")
    assert response.reason, "the fronts need a reason"
    assert probe.wait_event("response.no_reason", "/case/bare_status").level == "warn"


def test_17_bad_header_lists_names_and_values_raise_at_the_call(case):
    response = case("bad_fields")
    accepted = [name for name, raised in response.json().items() if raised == "nothing"]
    assert (response.status, accepted) == (200, [])


def test_18_letters_beyond_latin_1_raise_at_the_call(case):
    response = case("wide_letters")
    accepted = [name for name, raised in response.json().items() if raised == "nothing"]
    assert (response.status, accepted) == (200, [])


def test_19_hop_by_hop_fields_raise_at_the_call(case):
    response = case("hop_by_hop")
    accepted = [name for name, raised in response.json().items() if raised == "nothing"]
    assert (response.status, accepted) == (200, [])


def test_20_repeated_fields_keep_their_order_whatever_their_case(case):
    response = case("repeated_fields")
    assert response.all("Set-Cookie") == ["a=1", "b=2", "c=3"]
    assert response.field("X-Other") == "between"


def test_20_a_repeated_or_unreadable_content_length_raises_at_the_call(case):
    response = case("bad_lengths")
    accepted = [name for name, raised in response.json().items() if raised == "nothing"]
    assert (response.status, accepted) == (200, [])


def test_21_later_changes_of_the_list_have_no_effect(case):
    response = case("changed_list")
    assert (response.field("X-Head"), response.field("X-Late")) == ("given", None)


def test_22_date_and_server_are_left_to_the_front(case, protocol):
    added = {"http": ["Date", "Transfer-Encoding"]}.get(protocol, [])
    fields = case("bare_response").fields
    assert fields[0] == ("X-Only", "this")
    assert sorted(name for name, _ in fields[1:]) == added


# ---- write


def test_23_write_takes_bytes_only(case):
    assert set(case("write_types").json().values()) == {"TypeError"}


def test_24_the_first_write_with_content_sends_the_head(case):
    response = case("write_nothing")
    assert (response.status, response.body) == (202, b"replaced")
    response = case("write_then_replace")
    assert (response.status, response.body) == (200, b"sent,ValueError")


def test_25_what_write_was_given_is_sent_while_the_application_goes_on(begin_case, probe, protocol):
    gate = probe.gate(unique("gate"))
    connection = begin_case("write_then_wait", f"gate={gate.name}")
    read_until(connection, protocol, b"before,")
    gate.wait_entered()
    gate.open()
    read_until(connection, protocol, b"after")


def test_26_a_write_past_content_length_is_cut_with_a_warning(case, probe):
    probe.forget_log()
    response = case("write_too_much")
    assert (response.body, response.complete) == (b"abcd", True)
    probe.wait_event("response.excess", "/case/write_too_much")


def test_26_written_bytes_precede_the_iterables(case):
    assert case("write_and_return").body == b"written,returned"


def test_27_with_write_no_length_is_made_of_the_iterable(case):
    for name, body in (("write_and_return", b"written,returned"), ("write_and_return_nothing", b"written")):
        response = case(name)
        assert response.body == body
        assert response.field("Content-Length") in (None, str(len(body)))
