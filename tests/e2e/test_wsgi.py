"""PEP 3333, what it asks of a server, sentence by sentence over the real wire.

The applications are in tests/apps/wsgi_cases.py, reached under /case/; the numbers only keep the order of
the PEP: environ, the call, start_response, write, the iterable, status and method, streams, file wrapper.
"""

import os
import select
import socket

import pytest

import wire
from processes import unique, wait_until

MIB = 1 << 20


@pytest.fixture
def case(probe, protocol):
    """Calls an application of wsgi_cases.py over each wire: case(name, query=…, body=…, …)."""
    probe.forget_log()

    def call(name, query="", **rest):
        return probe.call(protocol, f"/case/{name}", query=query, **rest)

    return call


@pytest.fixture
def begin_case(probe, protocol):
    """Like `case`, for a response that is read later."""
    probe.forget_log()
    open_ones = []

    def call(name, query="", body=b"", end_body=True, **rest):
        named = wire.variables(path=f"/case/{name}", query=query, **rest)
        connection = wire.begin(protocol, probe.address, named, body, end_body)
        open_ones.append(connection)
        return connection

    yield call
    for connection in open_ones:
        connection.close()


@pytest.fixture
def environ(probe, protocol):
    def call(**rest):
        return probe.call(protocol, "/environ", **rest).json()

    return call


def nothing_comes(connection, within=0.1) -> bool:
    return not connection.pending and not select.select([connection.socket], [], [], within)[0]


def read_until(connection, protocol, wanted: bytes) -> bytes:
    """The response's bytes without framing, until `wanted` is among them."""
    found = b""
    while wanted not in found:
        if protocol == "fastcgi":
            got = connection.read_record()
            assert got and got.kind == wire.STDOUT, f"{got} after {found!r}"
            found += got.content
        else:
            data = connection.read_some()
            assert data, f"the end after {found!r}"
            found += data
    return found


# ---- environ


def test_01_environ_is_a_plain_dict_made_anew_for_each_request(case):
    for _ in range(3):
        assert case("environ_kind").json() == {"plain": True, "marked": False}


def test_02_all_cgi_keys_and_values_are_str_of_single_bytes(case, environ):
    header = [("X-Bytes", bytes(range(0x80, 0x100)))]
    assert case("environ_text", headers=header).json() == {"wrong": []}
    assert environ(headers=header)["HTTP_X_BYTES"].encode("latin-1") == bytes(range(0x80, 0x100))


def test_03_the_required_variables_are_always_there(environ):
    bare = [(name, None) for name in ("QUERY_STRING", "SERVER_PORT", "SERVER_PROTOCOL", "SCRIPT_NAME",
                                      "CONTENT_TYPE", "REMOTE_ADDR", "REMOTE_PORT")]
    found = environ(extra=bare + [("SERVER_NAME", "")])
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SERVER_NAME"] and found["SERVER_PROTOCOL"].startswith("HTTP/")
    assert found["SERVER_PORT"].isdigit()
    assert (found["SCRIPT_NAME"], found["PATH_INFO"], found["QUERY_STRING"]) == ("", "/environ", "")


def test_04_length_and_type_are_absent_or_text_and_never_http_variables(environ):
    found = environ(extra=[("HTTP_CONTENT_LENGTH", "0"), ("HTTP_CONTENT_TYPE", "text/plain")])
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & set(found)
    assert found.get("CONTENT_LENGTH") in (None, "0") and "CONTENT_TYPE" not in found
    found = environ(body=b"12345", extra=[("CONTENT_TYPE", "text/plain")])
    assert (found["CONTENT_LENGTH"], found["CONTENT_TYPE"]) == ("5", "text/plain")


def test_05_http_variables_are_the_clients_fields_and_paths_have_their_form(environ):
    found = environ(headers=[("X-One", "1"), ("Accept", "*/*")])
    sent = {name for name in found if name.startswith("HTTP_")}
    assert sent == {"HTTP_HOST", "HTTP_X_ONE", "HTTP_ACCEPT"}
    for script, path, expected in (("", "/environ", ("", "/environ")), ("/", "environ", ("", "/environ")),
                                   ("/environ", None, ("", "/environ")),
                                   ("/app/", "/environ", ("/app", "/environ"))):
        found = environ(extra=[("SCRIPT_NAME", script), ("PATH_INFO", path)])
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == expected


def test_06_version_is_a_tuple_and_the_scheme_follows_https(case, environ):
    flags = case("flags").json()
    assert (flags["wsgi.version"], flags["wsgi.url_scheme"]) == ("(1, 0)", "'http'")
    for value, scheme in (("on", "https"), ("1", "https"), ("off", "http"), ("", "http")):
        assert environ(extra=[("HTTPS", value)])["wsgi.url_scheme"] == scheme
    assert environ(extra=[("HTTPS", "on")])["HTTPS"] == "on"


@pytest.mark.parametrize("workers, threads", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_07_multithread_and_multiprocess_tell_the_truth_and_run_once_is_false(start, workers, threads):
    server = start(workers=workers, threads=threads)
    for protocol in wire.WIRES:
        flags = server.call(protocol, "/case/flags").json()
        assert flags["wsgi.multithread"] == str(threads > 1)
        assert flags["wsgi.multiprocess"] == str(workers > 1)
        assert flags["wsgi.run_once"] == "False"


def test_08_extensions_have_lower_case_keys_with_a_dot_and_a_prefix_of_their_own(environ):
    own = [name for name in environ() if name != name.upper()]
    assert "wsgi.input" in own
    assert all(name.split(".")[0] in ("wsgi", "appd") and "." in name for name in own), own


# ---- the call


def test_09_the_application_is_called_once_with_two_positional_arguments(case, probe):
    name = unique("call")
    assert case("call_shape", f"token={name}").json() == {"positional": 2, "named": [], "start": True}
    assert probe.counted(name) == {"called": 1}


def test_10_an_exception_before_the_head_is_a_500_with_a_traceback_and_close(case, probe):
    response = probe.call("fastcgi", "/fail")
    assert (response.status, response.complete) == (500, True)
    probe.wait_event("application.raised", "(?s)Traceback.*ValueError: probe: failed before the head")
    name = unique("close")
    response = case("raise_in_first_next", f"token={name}")
    assert response.status == 500 and b"ValueError" not in response.body
    event = probe.wait_event("application.raised", "(?s)Traceback.*ValueError: case: raised in the first next")
    assert "/case/raise_in_first_next" in event.text
    assert probe.counted(name) == {"next": 1, "close": 1}


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


def test_22_date_and_server_are_left_to_the_front(case):
    assert case("bare_response").fields == [("X-Only", "this")]


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


def test_45_no_transfer_encoding_is_added(case):
    for name in ("two_chunks", "one_chunk_generated", "write_and_return", "empty_chunks"):
        assert case(name).field("Transfer-Encoding") is None


# ---- wsgi.input


def test_46_read_gives_what_was_asked_or_the_rest(case):
    assert case("read_sizes", body=b"abcdefghij").json() == ["", "abc", "defg", "hij", "", ""]


@pytest.mark.parametrize("how", ["none", "minus", "bare"])
@pytest.mark.parametrize("size", [1, 70_000, 3 * MIB])
def test_46_read_without_a_size_gives_all(case, how, size):
    found = case("read_all", f"how={how}", body=b"x" * size).json()
    assert found == {"exact": True, "length": size}


def test_46_read_fills_its_size_from_a_body_that_comes_in_pieces(begin_case, probe, protocol):
    connection = begin_case("read_filled", method="POST", length=10, body=b"abc", end_body=False)
    for piece in (b"def", b"ghij"):
        if protocol == "fastcgi":
            connection.stdin(piece, end=False)
        else:
            connection.send(piece)
    assert connection.read_response().json() == "abcdefghij"


def test_47_lines_are_read_as_from_a_binary_file(case):
    body = b"first\nsecond\n\nthird\nfourth\nfifth\nsixth"
    assert case("read_lines", body=body).json() == {
        "readline": "first\n", "readline 2": "se", "readline rest": "cond\n", "readline 0": "",
        "readline -1": "\n", "readlines hint": ["third\n"], "iterated": ["fourth\n", "fifth\n"],
        "readlines": [], "at the end": ["", "", ""], "iterated at the end": [],
    }


def test_47_iterating_gives_lines_to_the_end_of_the_body_and_no_further(case):
    found = case("read_iterated", body=b"a\nb\n\nlast").json()
    assert found == {"lines": ["a\n", "b\n", "\n", "last"], "next": "StopIteration",
                     "next again": "StopIteration"}


def test_48_without_a_body_reading_ends_at_once(case):
    assert case("read_nothing").json() == ["", "", ""]
    assert case("read_nothing", method="POST", length=0).json() == ["", "", ""]


@pytest.mark.parametrize("sent", [10, 2 * MIB])
def test_49_a_body_that_the_front_cuts_short_is_an_error_and_no_end(begin_case, probe, protocol, sent):
    counted = unique("cut")
    connection = begin_case("read_cut", f"token={counted}", method="POST", length=4 * MIB,
                            body=b"x" * sent, end_body=True)
    if protocol == "fastcgi":
        assert connection.read_response().status >= 400
        probe.wait_event(("body.cut", "request.bad"), "/case/read_cut")
    else:
        connection.close()
    if sent > MIB:  # more than is read ahead: the application runs already
        assert probe.wait_counted(counted, "OSError") == {"called": 1, "OSError": 1}
    assert probe.call(protocol, "/hello").status == 200
    assert not {"complete", "end of file"} & set(probe.counted(counted))


def test_50_closing_the_input_changes_nothing(case):
    assert case("close_input", body=b"abcd").json() == {"read": "abcd"}


@pytest.mark.parametrize("size", [1, 100_000, 3 * MIB])
def test_50_an_unread_body_does_not_cost_the_response(probe, protocol, size):
    for _ in range(3):
        response = probe.call(protocol, "/ignore", body=b"x" * size)
        assert (response.status, response.json()) == (200, {"read": 0})


def test_50_an_unread_body_does_not_cost_the_kept_connection(probe):
    with wire.FastCgi(probe.address) as connection:
        for size in (3 * MIB, 0, 1):
            named = wire.variables("POST", "/ignore", length=size)
            assert connection.request(named, b"x" * size).json() == {"read": 0}


def test_51_expect_is_the_fronts_business(case):
    response = case("read_sizes", body=b"abcdefghij", headers=[("Expect", "100-continue")])
    assert (response.status, response.json()[1]) == (200, "abc")


def test_51_a_body_of_unknown_length_is_given_its_true_one(probe):
    for length in ("", None, "-1"):
        with wire.FastCgi(probe.address) as connection:
            named = wire.variables("POST", "/environ", headers=[("Transfer-Encoding", "chunked")],
                                   extra=[("CONTENT_LENGTH", length)])
            environ = connection.request(named, b"x" * 70_000).json()
        assert environ["CONTENT_LENGTH"] == "70000" and "HTTP_TRANSFER_ENCODING" not in environ


# ---- wsgi.errors


def test_52_errors_is_a_text_stream_into_the_log(case, probe):
    assert case("errors_stream").json() == {"bytes": "TypeError"}
    for text in ("case: plain", "case: line one", "case: line two", "case: printed"):
        probe.wait_event("application.errors", text)
    event = probe.wait_event("application.errors", "case: snowman")
    assert "\u2603" in event.text or "\\u2603" in event.text
    assert "udc80" in event.text


# ---- wsgi.file_wrapper


@pytest.fixture
def stored(probe):
    """A file of a known content in the probe's folder."""
    content = bytes(range(256)) * 1000
    path = probe.gates / unique("file")
    path.write_bytes(content)
    path.chmod(0o644)
    return path.name, content


def test_53_the_wrapper_iterates_in_blocks_and_has_close_when_the_file_has(case, probe):
    counted = unique("wrapper")
    assert case("wrapper_shape", f"token={counted}").json() == {
        "plain has close": False, "plain": ["abcdef"], "closing has close": True, "closing": ["abcd", "ef"],
    }
    assert probe.counted(counted)["close"] == 1


def test_53_the_wrapper_sends_nothing_before_it_is_returned(case, probe):
    counted = unique("wrapper")
    response = case("wrapper_waits", f"token={counted}")
    assert (response.status, response.body) == (202, b"wrapped")
    assert probe.wait_counted(counted, "close")["close"] == 1


@pytest.mark.parametrize("at", [0, 1, 100_000, 255_999, 256_000])
def test_54_a_file_is_sent_from_its_position_to_its_end(case, stored, at):
    name, content = stored
    response = case("wrapper_of_file", f"name={name}&at={at}")
    assert (response.status, response.body == content[at:], response.complete) == (200, True, True)
    assert response.field("Content-Length") in (None, str(len(content) - at))


def test_54_what_the_application_has_read_through_a_buffer_is_not_sent_again(case, stored):
    name, content = stored
    assert case("wrapper_of_file", f"name={name}&at=10&buffered=7").body == content[17:]


def test_54_a_file_is_sent_no_further_than_content_length(case, stored):
    name, content = stored
    response = case("wrapper_of_file", f"name={name}&at=5&length=1000")
    assert (response.body == content[5:1005], response.field("Content-Length"), response.complete) == (
        True, "1000", True)


def test_54_a_file_shorter_than_content_length_is_refused_or_visibly_cut(case, probe, stored):
    name, content = stored
    response = case("wrapper_of_file", f"name={name}&at=255000&length=5000")
    assert response.status == 500 or (response.body == content[255_000:], response.complete) == (True, False)
    assert "Content-Length" in probe.wait_event("response.invalid", "/case/wrapper_of_file").text


def test_54_a_file_that_becomes_shorter_while_it_is_sent_is_visibly_cut(begin_case, probe):
    path = probe.gates / unique("file")
    path.touch(0o644)
    os.truncate(path, 16 << 20)
    connection = begin_case("wrapper_of_file", f"name={path.name}")
    assert connection.socket.recv(1, socket.MSG_PEEK)  # it is under way, and the socket is full
    os.truncate(path, 0)
    assert not connection.read_response().complete
    connection.close()
    probe.wait_event("response.file_short")


def test_55_anything_with_read_works(case, probe):
    counted = unique("wrapper")
    assert case("wrapper_of_memory", f"token={counted}").body == b"in memory " * 1000
    assert probe.wait_counted(counted, "close")["close"] == 1
    assert case("wrapper_iterated").body == b"iterated"


def test_55_head_reads_nothing_of_the_file_and_closes_it(case, probe, stored):
    name, _ = stored
    response = case("wrapper_of_file", f"name={name}", method="HEAD")
    assert (response.status, response.body) == (200, b"")
    counted = unique("wrapper")
    assert case("wrapper_of_memory", f"token={counted}", method="HEAD").body == b""
    assert probe.wait_counted(counted, "close") == {"close": 1}


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
