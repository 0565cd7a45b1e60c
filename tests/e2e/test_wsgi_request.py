"""PEP 3333, sentence by sentence over the real wire: what the application is called with.

The applications are in tests/apps/wsgi_*_cases.py, reached under /case/; the numbers only keep the order of
the PEP.
"""

import pytest

import every_wire
import wire
import wsgi_calls
from every_wire import of_fronts
from processes import unique

case, begin_case = wsgi_calls.case, wsgi_calls.begin_case
protocol = every_wire.protocol
MIB = 1 << 20


@pytest.fixture
def environ(probe, protocol):
    def call(**rest):
        return probe.call(protocol, "/environ", **rest).json()

    return call


# ---- environ


def test_01_environ_is_a_plain_dict_made_anew_for_each_request(case):
    for _ in range(3):
        assert case("environ_kind").json() == {"plain": True, "marked": False}


def test_02_all_cgi_keys_and_values_are_str_of_single_bytes(case, environ):
    header = [("X-Bytes", bytes(range(0x80, 0x100)))]
    assert case("environ_text", headers=header).json() == {"wrong": []}
    assert environ(headers=header)["HTTP_X_BYTES"].encode("latin-1") == bytes(range(0x80, 0x100))


@of_fronts
def test_03_the_required_variables_are_always_there(environ):
    bare = [(name, None) for name in ("QUERY_STRING", "SERVER_PORT", "SERVER_PROTOCOL", "SCRIPT_NAME",
                                      "CONTENT_TYPE", "REMOTE_ADDR", "REMOTE_PORT")]
    found = environ(extra=bare + [("SERVER_NAME", "")])
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SERVER_NAME"] and found["SERVER_PROTOCOL"].startswith("HTTP/")
    assert found["SERVER_PORT"].isdigit()
    assert (found["SCRIPT_NAME"], found["PATH_INFO"], found["QUERY_STRING"]) == ("", "/environ", "")


@of_fronts
def test_04_length_and_type_are_absent_or_text_and_never_http_variables(environ):
    found = environ(extra=[("HTTP_CONTENT_LENGTH", "0"), ("HTTP_CONTENT_TYPE", "text/plain")])
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & set(found)
    assert found.get("CONTENT_LENGTH") in (None, "0") and "CONTENT_TYPE" not in found
    found = environ(body=b"12345", extra=[("CONTENT_TYPE", "text/plain")])
    assert (found["CONTENT_LENGTH"], found["CONTENT_TYPE"]) == ("5", "text/plain")


def test_05_http_variables_are_the_clients_fields(environ):
    found = environ(headers=[("X-One", "1"), ("Accept", "*/*")])
    sent = {name for name in found if name.startswith("HTTP_")}
    assert sent == {"HTTP_HOST", "HTTP_X_ONE", "HTTP_ACCEPT"}


@of_fronts
def test_05_paths_have_their_form(environ):
    for script, path, expected in (("", "/environ", ("", "/environ")), ("/", "environ", ("", "/environ")),
                                   ("/environ", None, ("", "/environ")),
                                   ("/app/", "/environ", ("/app", "/environ"))):
        found = environ(extra=[("SCRIPT_NAME", script), ("PATH_INFO", path)])
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == expected


@of_fronts
def test_06_version_is_a_tuple_and_the_scheme_follows_https(case, environ):
    flags = case("flags").json()
    assert (flags["wsgi.version"], flags["wsgi.url_scheme"]) == ("(1, 0)", "'http'")
    for value, scheme in (("on", "https"), ("1", "https"), ("off", "http"), ("", "http")):
        assert environ(extra=[("HTTPS", value)])["wsgi.url_scheme"] == scheme
    assert environ(extra=[("HTTPS", "on")])["HTTPS"] == "on"


@pytest.mark.parametrize("workers, threads", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_07_multithread_and_multiprocess_tell_the_truth_and_run_once_is_false(start, workers, threads):
    server = start(workers=workers, threads=threads, http=True)
    for protocol in wire.ALL_WIRES:
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
    # More than is read ahead: the application runs already. A client's body is stored until it is complete.
    if sent > MIB and protocol != "http":
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
