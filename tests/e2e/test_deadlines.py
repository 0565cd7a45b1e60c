"""Deadlines of requests: in the queue, and while they run."""

import re
import select
import signal
import time

import pytest

import every_wire
import wire
from processes import wait_until

protocol = every_wire.protocol


def ask(server, protocol, path, query=""):
    """Sends a request whose response is read later."""
    return wire.begin(protocol, server.address, wire.variables(path=path, query=query))


# ---- in the queue


def test_a_request_that_waits_for_too_long_gets_503_and_is_never_started(start, protocol):
    server = start("--queue-timeout", "300ms", "--access-log", "-", threads=1)
    gate = server.gate("busy")
    with ask(server, protocol, "/hold", "gate=busy") as running:
        gate.wait_entered()
        begun = time.monotonic()
        response = server.call(protocol, "/parts", query="token=late&gate=none")
        waited = time.monotonic() - begun
        assert (response.status, response.complete) == (503, True)
        assert int(response.field("Retry-After")) > 0
        assert b"--queue-timeout" in response.body
        assert 0.3 <= waited < 10
        event = server.wait_event("queue.timeout", "--queue-timeout")
        assert (event.level, event.text.startswith("GET /parts?token=late")) == ("warn", True)
        gate.open()
        assert running.read_response().status == 200
    assert server.counted("late") == {}
    (line,) = [line for line in server.output().splitlines() if "/parts" in line]
    assert '" 503 ' in line and float(line.split("queue=")[1].split()[0]) >= 300


def test_without_a_queue_timeout_requests_wait_as_long_as_it_takes(start):
    server = start("--queue-timeout", "0", threads=1)
    gate = server.gate("busy")
    with ask(server, "uwsgi", "/hold", "gate=busy") as running, ask(server, "uwsgi", "/hello") as waiting:
        gate.wait_entered()
        waiting.socket.settimeout(0.5)
        try:
            waiting.socket.recv(1)
            raise AssertionError("nothing can have come")
        except TimeoutError:
            waiting.socket.settimeout(wire.TIMEOUT)
        gate.open()
        assert [running.read_response().status, waiting.read_response().status] == [200, 200]


def test_a_request_whose_front_goes_away_while_it_waits_is_never_started(start, protocol):
    server = start("--log-level", "debug", "--access-log", "-", threads=1)
    gate = server.gate("busy")
    with ask(server, protocol, "/hold", "gate=busy") as running:
        gate.wait_entered()
        ask(server, protocol, "/parts", "token=gone&gate=none").close()
        server.wait_event("connection.lost", r"\bGET /parts\b")
        gate.open()
        assert running.read_response().status == 200
    assert server.counted("gone") == {}
    wait_until(lambda: any("/parts" in line and '" 499 ' in line for line in server.output().splitlines()),
               "its line in the access log")


# ---- slow requests


@pytest.fixture
def watched(start):
    """Starts servers with the application that takes its time."""
    return lambda *options, **rest: start(*options, module="deadlines:application", **rest)


def test_a_slow_request_is_logged_once_with_its_stack_and_goes_on(watched, protocol):
    server = watched("--slow-request", "200ms")
    response = server.call(protocol, "/loop", query="seconds=0.8")
    assert (response.status, response.body) == (200, b"looped\n")
    (event,) = server.find_events("request.slow", "--slow-request")
    assert event.level == "warn"
    assert re.match(r"GET /loop\?seconds=0\.8 .* 0\.\d+ s \(--slow-request", event.text)
    assert re.search(r"thread [1-4], .* 0\.\d s\b", event.text)
    _, *frames = event.text.splitlines()
    assert all(frame.strip().startswith("File ") for frame in frames)
    assert any("deadlines.py" in frame and frame.endswith("in compute") for frame in frames)
    assert any(frame.endswith("in loop") for frame in frames)


@pytest.mark.parametrize("path", ["sleep", "hold"])
def test_a_thread_in_c_code_shows_its_stack_also_with_the_interpreter_held(watched, path):
    server = watched("--slow-request", "200ms")
    with ask(server, "uwsgi", f"/{path}", "seconds=1.5") as connection:
        event = server.wait_event("request.slow", "--slow-request", within=1.4)
        assert f"GET /{path}" in event.text and f"in {path}" in event.text
        assert connection.read_response().status == 200


def test_the_stacks_are_there_when_every_pool_thread_is_stuck(watched):
    server = watched("--slow-request", "200ms", threads=3)
    asked = [ask(server, "scgi", "/sleep", f"seconds=1.2&number={number}") for number in range(3)]
    for number in range(3):
        event = server.wait_event("request.slow", f"number={number} ", within=1.1)
        assert event.text.count("in sleep") == 1
    assert [connection.read_response().status for connection in asked] == [200] * 3
    for connection in asked:
        connection.close()
    threads = {re.search(r"thread (\d)", event.text).group(1) for event in server.find_events("request.slow")}
    assert threads == {"1", "2", "3"}


def test_blocks_are_progress_and_a_stream_that_stops_is_slow(watched, protocol):
    server = watched("--slow-request", "400ms")
    assert server.call(protocol, "/blocks", query="seconds=0.1").body == b"block," * 10
    assert server.find_events("request.slow") == []
    # Longer than a busy machine keeps who watches from looking: time in which that did not run does not count.
    assert server.call(protocol, "/stall", query="seconds=2.5").body == b"first,second"
    (event,) = server.find_events("request.slow", "--slow-request")
    assert "GET /stall" in event.text and "in compute" in event.text


def dawdle(server, protocol, seconds):
    """A front that pauses in the middle of a body that it sends, and before it reads a large response."""
    named = wire.variables("POST", "/read", length=5000)
    with wire.begin(protocol, server.address, named, body=bytes(4000), end_body=False) as front:
        time.sleep(seconds)
        if protocol == "fastcgi":
            front.stdin(bytes(1000))
        else:
            front.send_body(bytes(1000))
        assert front.read_response().json() == {"length": 5000}
    with ask(server, protocol, "/big", "token=big") as front:
        time.sleep(seconds)
        assert len(front.read_response().body) == 20_000_000


def test_the_time_of_the_front_is_not_the_applications(watched, protocol):
    server = watched("--slow-request", "200ms", "--body-buffer", "1K")
    dawdle(server, protocol, 0.6)
    assert server.find_events("request.slow") == []


def test_without_a_limit_nothing_is_slow(watched):
    server = watched("--slow-request", "0")
    assert server.call("uwsgi", "/loop", query="seconds=0.5").status == 200
    assert server.find_events(("request.slow", "request.deadline", "request.stuck")) == []


# ---- requests that make no progress


SHORT = ("--slow-request", "0", "--request-timeout", "300ms")


def test_an_overdue_request_is_interrupted_and_gets_504(watched, protocol):
    server = watched(*SHORT, "--access-log", "-", "--log-level", "debug")
    pid = server.only_worker()
    begun = time.monotonic()
    response = server.call(protocol, "/loop", query="seconds=60&token=overdue")
    assert (response.status, response.complete) == (504, True)
    assert 0.3 <= time.monotonic() - begun < 5
    assert server.counted("overdue") == {"finally": 1}
    (event,) = server.find_events("request.deadline", "--request-timeout")
    assert (event.level, event.text.startswith("GET /loop?seconds=60&token=overdue ")) == ("error", True)
    assert "in compute" in event.text and "in loop" in event.text
    server.wait_event("request.interrupted", r"GET /loop\b")
    assert server.find_events("application.raised") == []
    assert server.only_worker() == pid
    (line,) = [line for line in server.output().splitlines() if "overdue" in line and "/loop" in line]
    assert '" 504 ' in line


def test_a_call_that_no_thread_can_be_started_to_interrupt_goes_on(start, place):
    place.write("allows_no_thread.py", """
import resource, time
def application(environ, start_response):
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    end = time.monotonic() + 1
    while time.monotonic() < end:
        pass
    start_response("200 OK", [])
    return [b"done"]
""")
    server = start(*SHORT, "--timeout-grace", "0", "--pythonpath", place.path, module="allows_no_thread")
    assert server.call("uwsgi").body == b"done"
    server.wait_event("request.deadline")
    assert server.wait_event("request.not_interrupted").level == "error"


def test_the_thread_takes_the_next_request_and_neighbours_notice_nothing(watched):
    server = watched(*SHORT, threads=2)
    for number in range(5):
        with ask(server, "uwsgi", "/loop", f"seconds=60&token={number}") as overdue:
            asked = 0
            while not select.select([overdue.socket], [], [], 0)[0]:
                assert server.call("scgi", "/loop", query="seconds=0.02&token=short").status == 200
                asked += 1
            assert overdue.read_response().status == 504
            assert asked >= 2
    assert server.counted("short")["finally"] >= 10
    names = {server.call("uwsgi", "/whoami").json()["thread"] for _ in range(200)}
    assert names <= {"appd-1", "appd-2"}
    assert len(server.find_events("request.deadline")) == 5


def test_the_only_thread_goes_on_after_each_interrupt(watched, protocol):
    server = watched(*SHORT, threads=1)
    for _ in range(3):
        assert server.call(protocol, "/loop", query="seconds=60").status == 504
        assert server.call(protocol, "/loop", query="seconds=0.01").status == 200


def test_a_framework_that_answers_exceptions_does_not_answer_this_one(watched):
    server = watched(*SHORT)
    assert server.call("uwsgi", "/framework", query="seconds=60").status == 504


def test_an_application_may_answer_by_itself(watched, protocol):
    server = watched(*SHORT)
    response = server.call(protocol, "/catch", query="seconds=60")
    assert (response.status, response.body) == (503, b"BaseException")


def test_a_stream_that_stops_is_broken_off_and_one_that_goes_on_is_not(watched, protocol):
    server = watched(*SHORT)
    assert server.call(protocol, "/blocks", query="seconds=0.1").body == b"block," * 10
    with ask(server, protocol, "/stall", "seconds=60&token=stall") as front:
        assert b"first," in front.read_some()
        rest = front.read_to_end()
        assert b"second" not in rest
    assert server.wait_counted("stall", "close") == {"next": 2, "finally": 1, "close": 1}
    assert server.call(protocol, "/loop", query="seconds=0").status == 200


def test_the_time_that_the_front_takes_is_not_overdue(watched, protocol):
    server = watched(*SHORT, "--body-buffer", "1K")
    dawdle(server, protocol, 0.8)


def test_without_a_limit_a_request_takes_as_long_as_it_takes(watched):
    server = watched("--request-timeout", "0", "--slow-request", "100ms")
    assert server.call("uwsgi", "/loop", query="seconds=0.8").status == 200


def test_an_interrupt_never_hits_the_next_request(watched):
    """Calls end all around the deadline, one after another on the same thread."""
    server = watched("--slow-request", "0", "--request-timeout", "50ms", threads=1)
    late = 0  # short requests that really lasted for so long, on a busy machine
    with wire.FastCgi(server.address) as front:
        for number in range(60):
            seconds = 0.044 + number % 10 * 0.001
            long = front.request(wire.variables(path="/loop", query=f"seconds={seconds}&token=long"))
            assert long.status in (200, 504)
            for _ in range(3):
                begun = time.monotonic()
                short = front.request(wire.variables(path="/loop", query="seconds=0.002&token=next"))
                is_late = time.monotonic() - begun >= 0.05
                assert short.status == 200 or is_late
                late += is_late
    assert len([event for event in server.events() if re.search("/loop.*token=next", event.text)]) <= late


# ---- threads that do not come back


STUCK = (*SHORT, "--timeout-grace", "300ms")
EXIT_STUCK = 6
ENDED = ("worker.died", "worker.exited")  # the latter if another had taken its place before


def wait_replaced(server, pid):
    """Waits until another worker serves in the place of `pid`, which ended as a stuck one does."""
    event = server.wait_event(ENDED, rf"\bcode {EXIT_STUCK}\b")
    assert str(pid) in event.text
    wait_until(lambda: server.worker_pids() and server.only_worker() != pid, "another worker is there")
    assert server.call("uwsgi", "/whoami").json()["pid"] == server.only_worker()


@pytest.mark.parametrize("path", ["sleep", "hold", "swallow"])
def test_a_stuck_request_gets_504_and_its_worker_is_replaced(watched, protocol, path):
    server = watched(*STUCK, "--access-log", "-")
    pid = server.only_worker()
    begun = time.monotonic()
    response = server.call(protocol, f"/{path}", query="seconds=60")
    assert (response.status, response.complete) == (504, True)
    assert 0.6 <= time.monotonic() - begun < 10
    wait_replaced(server, pid)
    (interrupted,) = server.find_events("request.deadline", "--request-timeout")
    (given_up,) = server.find_events("request.stuck", "--timeout-grace")
    for event in (interrupted, given_up):
        assert event.level == "error" and f"GET /{path}?seconds=60 " in event.text
        assert f"in {path}" in event.text
    (told,) = server.find_events("worker.stuck")
    assert (told.role, told.level) == ("master", "warn")
    assert f"GET /{path}?seconds=60 (thread " in told.text
    (line,) = [line for line in server.output().splitlines() if f"/{path}?" in line]
    assert '" 504 ' in line


def test_the_other_requests_of_a_stuck_worker_end_normally(watched):
    server = watched(*STUCK, threads=3)
    pid = server.only_worker()
    with wire.FastCgi(server.address) as idle, \
            ask(server, "scgi", "/blocks", "seconds=0.25&token=stream") as stream, \
            ask(server, "uwsgi", "/sleep", "seconds=60") as stuck:
        assert idle.request(wire.variables(path="/whoami")).json()["pid"] == pid
        assert stuck.read_response().status == 504
        server.wait_event("worker.stuck")
        # The master may hear of it a moment before the worker's loop.
        wait_until(lambda: server.call("scgi", "/whoami").json()["pid"] != pid, "another serves")
        assert pid in server.worker_pids(), "before the stream is at its end"
        assert stream.read_response().body == b"block," * 10
        wait_replaced(server, pid)
        assert idle.request(wire.variables(path="/whoami")).json()["pid"] == server.only_worker()


def test_a_stuck_stream_is_broken_off(watched, protocol):
    server = watched(*STUCK, threads=1)
    pid = server.only_worker()
    with ask(server, protocol, "/blocks", "seconds=30&token=x") as front:
        assert b"block," in front.read_some()
        assert b"block," not in front.read_to_end()
    wait_replaced(server, pid)


def test_what_waits_is_refused_when_all_threads_are_stuck(watched, protocol):
    server = watched(*STUCK, threads=2)
    pid = server.only_worker()
    stuck = [ask(server, protocol, "/sleep", f"seconds=60&number={number}") for number in range(2)]
    wait_until(lambda: len(server.find_events("request.deadline")) == 2, "both are overdue")
    with ask(server, protocol, "/whoami") as waiting:
        assert waiting.read_response().status in (503, 200)
    assert [each.read_response().status for each in stuck] == [504, 504]
    wait_replaced(server, pid)
    for each in stuck:
        each.close()


def test_a_stuck_request_whose_front_is_gone_ends_the_worker_too(watched):
    server = watched(*STUCK, threads=2)
    pid = server.only_worker()
    with ask(server, "uwsgi", "/sleep", "seconds=60&token=gone"):
        server.wait_counted("gone", "asleep")
    wait_replaced(server, pid)


def test_a_stop_while_a_thread_is_stuck_does_not_wait_for_the_graceful_timeout(watched):
    server = watched(*STUCK, "--graceful-timeout", "30s", threads=2)
    with ask(server, "uwsgi", "/sleep", "seconds=60") as front:
        server.wait_event("request.deadline")
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert front.read_response().status == 504
        assert server.wait_exit() == 0
        assert time.monotonic() - begun < 10


def test_a_thread_that_is_missed_only_after_the_drain_does_not_hold_up_its_worker(watched):
    """Its front has gone away, so nothing was left to drain."""
    server = watched(*SHORT, "--timeout-grace", "2s", "--graceful-timeout", "20s", "--log-level", "debug")
    with ask(server, "uwsgi", "/sleep", "seconds=60"):
        server.wait_event("request.deadline")
    server.wait_event("connection.lost", r"\bGET /sleep\b")
    server.send_signal(signal.SIGTERM)
    server.wait_event("worker.draining", "master")
    assert server.wait_exit() == 0
    assert server.find_events(ENDED, rf"\bcode {EXIT_STUCK}\b") and not server.find_events("worker.killed")


def test_without_a_grace_a_thread_may_take_as_long_as_it_takes(watched):
    server = watched(*SHORT, "--timeout-grace", "0")
    pid = server.only_worker()
    assert server.call("uwsgi", "/sleep", query="seconds=1.2").status in (200, 504)
    assert server.only_worker() == pid
    assert server.find_events("request.stuck") == []
