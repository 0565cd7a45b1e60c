"""The log and the access log."""

import array
import fcntl
import re
import termios
import time

import pytest

import every_wire
import wire
from appd import Appd, parse_log
from every_wire import of_fronts
from processes import unique, wait_until

protocol = every_wire.protocol

LINE = re.compile(
    r'(?P<remote>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<bytes>\d+) '
    r'"(?P<referer>[^"]*)" "(?P<agent>[^"]*)" queue=(?P<queue>[\d.]+) app=(?P<app>[\d.]+)$')


@pytest.fixture(scope="module")
def logged(installed):
    """A server with its access log in a file."""
    server = Appd(installed, "--access-log", "access.log", http=True)
    yield server
    server.stop()


def unread_bytes(sender) -> int:
    """What the other end of a Unix socket has not read yet."""
    size = array.array("i", [0])
    fcntl.ioctl(sender, termios.TIOCOUTQ, size)
    return size[0]


def lines_of(server, marker, count=1) -> list:
    """The lines of the access log that have `marker`, once there are `count`."""
    path = server.place / "access.log"

    def look():
        found = [line for line in path.read_text().splitlines() if marker in line]
        return found if len(found) >= count else None

    return wait_until(look, f"{count} lines with {marker}", within=10)


def the_line(server, marker):
    (line,) = lines_of(server, marker)
    found = LINE.match(line)
    assert found, line
    return found


def test_an_event_is_one_line_with_level_time_pid_and_worker(start):
    server = start()
    server.call("fastcgi", "/log", query="text=an%20event")
    event = server.wait_event("application.errors", "an event")
    assert event.pid == server.only_worker() and event.role == "worker 1"
    line = next(line for line in server.log().splitlines() if "an event" in line)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line)


@of_fronts
@pytest.mark.parametrize("user", ["ada lovelace", '" 200 0 "-', "- - [1/Jan/1970]", "-", "a\tb\\ \x7f"])
def test_a_user_name_is_one_field_of_the_access_log(logged, protocol, user):
    path = f"/hello/{unique('user')}"
    assert logged.call(protocol, path, extra=[("REMOTE_USER", user)]).status == 200
    found = the_line(logged, path)
    assert found["user"] != "-" and found["request"] == f"GET {path} HTTP/1.1" and found["status"] == "200"
    unescaped = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), found["user"])
    assert unescaped == user


def test_start_and_stop_are_logged(start):
    server = start()
    assert any(event.role == "master" for event in server.find_events("server.ready", re.escape(server.address)))
    server.send_signal(15)
    server.wait_exit()
    assert server.find_events("server.stopping", "SIGTERM")
    assert len(parse_log(server.log())) == len([line for line in server.log().splitlines()
                                                if not line.startswith("  ")]), "each line is an event's"


def test_levels_below_the_one_asked_for_are_not_logged(start):
    server = start("--log-level", "error", wait=False)
    server.wait_ready(server.accepts)
    assert server.call("fastcgi", "/hello").status == 200
    assert server.call("fastcgi", "/fail").status == 500
    server.wait_event("application.raised", "Traceback")
    assert {event.level for event in server.events()} == {"error"}


def test_a_request_cannot_forge_a_log_line(start):
    server = start()
    text = "2026-01-01T00:00:00.000Z error [1 master] forged"
    server.call("fastcgi", "/log", query="text=x%0A" + text.replace(" ", "%20"))
    server.call("fastcgi", "/fail", extra=[("REQUEST_URI", f"/fail\n{text}")])
    server.wait_event("application.raised", "Traceback")
    assert not [event for event in server.events() if event.role == "master" and event.pid == 1]


@pytest.mark.parametrize("names", ["worker.dyed", ("worker.died", "worker.dyed"), "reloading"])
def test_a_name_that_no_event_has_fails_a_test_instead_of_finding_nothing(start, names):
    server = start()
    for look in (server.find_events, server.wait_event):
        with pytest.raises(AssertionError, match="no event is called"):
            look(names)


def test_there_is_no_access_log_unless_asked_for(start):
    server = start()
    assert server.call("fastcgi", "/hello").status == 200
    assert server.output() == "" and "GET /hello" not in server.log()


def test_a_request_is_one_line_in_the_access_log(logged, protocol):
    # Over a Unix socket, an HTTP client has neither address nor name.
    remote, user = ("-", "-") if protocol == "http" else ("192.0.2.7", "ann")
    logged.call(protocol, f"/hello/{protocol}", query="a=1", headers=[
        ("User-Agent", "test/1"), ("Referer", "http://example.test/from")],
        extra=[] if protocol == "http" else [("REMOTE_USER", user)])
    line = the_line(logged, f"/hello/{protocol}?a=1")
    assert (line["remote"], line["user"]) == (remote, user)
    assert line["request"] == f"GET /hello/{protocol}?a=1 HTTP/1.1"
    assert (line["status"], line["bytes"]) == ("200", "14")
    assert (line["referer"], line["agent"]) == ("http://example.test/from", "test/1")


@pytest.mark.parametrize("path, query, method, status, size", [
    ("/status", "code=204&mark={}", "GET", "204", "0"),
    ("/hello", "mark={}", "HEAD", "200", "0"),
    ("/sized", "size=3000000&length=no&mark={}", "GET", "200", "3000000"),
    ("/nowhere", "mark={}", "GET", "404", None),
    ("/fail", "mark={}", "GET", "500", None),
])
def test_status_and_size_are_those_of_the_response(logged, protocol, path, query, method, status, size):
    mark = f"{protocol}{path[1:]}{method}"
    response = logged.call(protocol, path, query=query.format(mark), method=method)
    line = the_line(logged, f"mark={mark} ")
    assert line["status"] == status
    assert line["bytes"] == (size if size is not None else str(len(response.body)))


def test_refused_requests_are_in_the_access_log_too(logged, protocol):
    logged.call(protocol, f"/refused-{protocol}", extra=[("CONTENT_LENGTH", "abc")])
    assert the_line(logged, f"/refused-{protocol}")["status"] == "400"


def test_a_client_that_went_before_the_head_is_a_499(logged, protocol):
    gate = logged.gate(f"gone-{protocol}")
    with wire.begin(protocol, logged.address,
                    wire.variables(path="/hold", query=f"gate={gate.name}")):
        gate.wait_entered()
    gate.open()
    assert the_line(logged, f"gate={gate.name}")["status"] == "499"


def test_a_client_that_went_before_the_end_is_a_499_with_the_bytes_until_then(logged, protocol):
    gate = logged.gate(f"left-{protocol}")
    with wire.begin(protocol, logged.address,
                    wire.variables(path="/parts", query=f"gate={gate.name}&token={gate.name}")) as front:
        gate.wait_entered()
        assert front.read_some()
    gate.open()
    logged.wait_counted(gate.name, "close")
    line = the_line(logged, f"gate={gate.name}")
    assert (line["status"], line["bytes"]) == ("499", str(len("first,")))


@of_fronts
def test_quotes_and_line_ends_in_a_request_cannot_forge_a_line(logged, protocol):
    evil = f'/evil-{protocol}" 200 1 "-" "x\n192.0.2.9 - - [now] "GET /forged-{protocol}'
    logged.call(protocol, "/hello", extra=[("REQUEST_URI", evil)])
    (line,) = lines_of(logged, f"/evil-{protocol}")
    assert LINE.match(line), line
    assert not [line for line in (logged.place / "access.log").read_text().splitlines()
                if line.startswith("192.0.2.9")]


def test_time_in_the_queue_and_in_the_application_are_apart(start, protocol):
    """Both are compared with what this test has seen: a busy machine makes them longer, never wrong."""
    server = start("--access-log", "access.log", threads=1)
    gate = server.gate("first")
    begun = time.monotonic()
    first = wire.begin(protocol, server.address, wire.variables(path="/hold", query="gate=first"))
    gate.wait_entered()
    entered = time.monotonic()
    second = wire.begin(protocol, server.address, wire.variables(path="/sleep", query="seconds=0.05&second"))
    wait_until(lambda: unread_bytes(second.socket) == 0, "the second request is in the worker")
    waits = time.monotonic()
    time.sleep(0.1)  # for it to wait
    opens = time.monotonic()
    gate.open()
    for connection in (first, second):
        assert connection.read_response().status == 200
        connection.close()
    first, second = the_line(server, "gate=first"), the_line(server, "&second")
    done = time.monotonic()  # only now: a call ends a little later than its response
    assert float(first["queue"]) <= (entered - begun) * 1000
    assert float(first["app"]) >= (opens - entered) * 1000
    assert float(second["queue"]) >= (opens - waits) * 1000 - 50  # between what was read and what is queued
    assert 50 <= float(second["app"]) <= (done - opens) * 1000


FILE_SIZE = 16 << 20  # more than sockets hold


def test_the_line_of_a_file_is_written_when_it_has_been_sent(start, protocol):
    server = start("--access-log", "access.log", threads=1)
    (server.gates / "large").write_bytes(bytes(FILE_SIZE))
    with wire.begin(protocol, server.address, wire.variables(path="/file", query="name=large&read")) as reader:
        reader.pending = reader.read_some()
        server.call("scgi", "/whoami")  # the only thread has done what it does for the file
        lines_of(server, "/whoami")
        assert "&read" not in (server.place / "access.log").read_text()
        begun = time.monotonic()
        time.sleep(0.05)  # for the reader to take its time
        waited = (time.monotonic() - begun) * 1000
        assert len(reader.read_response().body) == FILE_SIZE
    found = the_line(server, "&read")
    assert (found["status"], int(found["bytes"])) == ("200", FILE_SIZE)
    assert float(found["app"]) >= waited


def test_a_file_whose_reader_goes_away_has_499_and_what_was_sent(start, protocol):
    server = start("--access-log", "access.log", threads=1)
    (server.gates / "large").write_bytes(bytes(FILE_SIZE))
    with wire.begin(protocol, server.address, wire.variables(path="/file", query="name=large&left")) as reader:
        reader.pending = reader.read_some()
        server.call("scgi", "/whoami")
    found = the_line(server, "&left")
    assert found["status"] == "499"
    assert 0 < int(found["bytes"]) < FILE_SIZE


def test_the_access_log_may_go_to_stdout(start):
    server = start("--access-log", "-")
    server.call("fastcgi", "/hello", query="to=stdout")
    line = wait_until(lambda: server.output(), "a line on stdout")
    assert LINE.match(line.rstrip("\n")), line
    assert "to=stdout" not in server.log()


def test_the_format_of_the_access_log_may_be_chosen(start):
    server = start("--access-log", "-", "--access-log-format", "{status} {method} {uri} {{braces}}")
    server.call("fastcgi", "/hello", query="a=1")
    assert wait_until(server.output, "a line") == "200 GET /hello?a=1 {braces}\n"


def test_several_workers_write_whole_lines(start):
    server = start("--access-log", "access.log", workers=2)
    for number in range(200):
        assert server.call("uwsgi", "/hello", query=f"mark={number}").status == 200
    lines = lines_of(server, "mark=", count=200)
    assert len(lines) == 200 and all(map(LINE.match, lines))
