"""C code that keeps the interpreter: what has not begun goes to other workers, and what has is not blamed."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import wire
from processes import Gate, stop_process, unique, wait_until

NO_PROGRESS = ("request.slow", "request.deadline", "request.stuck")

# PyDLL calls with the interpreter held. `cat` opens its pipe when nobody else can have that any more.
SITE = """
import ctypes, json, os, threading
c = ctypes.PyDLL(None)

def hold(pipe):
    c.system(b"exec cat " + os.fsencode(pipe))

def wait(pipe):
    with open(pipe, "rb") as gate:
        gate.read()

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    body = json.dumps(os.getpid()).encode()
    if path == "/hold":
        hold(query)
    if path == "/wait":
        wait(query)
    if path == "/thread":
        first, then = query.split(",")
        threading.Thread(target=lambda: (wait(first), hold(then)), daemon=True).start()
    if path == "/big":
        body = body * 4000000  # more than the socket takes
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def site(start, place):
    place.write("keeping.py", SITE)
    return lambda *options, **rest: start("--pythonpath", place.path, *options, module="keeping", **rest)


@pytest.fixture
def connect():
    with ExitStack() as ends:
        yield lambda server: ends.enter_context(wire.FastCgi(server.address))


def send(connection, path, query=""):
    connection.begin(1, keep=True)
    connection.params(wire.variables(path=path, query=query))
    connection.stdin(b"")


def send_big(connection):
    """A request whose call has returned, while most of its response is still to be sent."""
    send(connection, "/big")
    connection.pending = connection.read_some()


def whoami(connection):
    return connection.request(wire.variables()).json()


def keep_interpreter(server, connection):
    """Sends a request whose worker has no interpreter for others until the gate that is returned opens."""
    gate = Gate(server.gates, unique("gate"))
    send(connection, "/hold", str(gate.path))
    gate.wait_entered()
    return gate


def keep_interpreter_in_thread(server, connection):
    """The same with a thread that the application has started."""
    first, then = (Gate(server.gates, unique("gate")) for _ in range(2))
    send(connection, "/thread", f"{first.path},{then.path}")
    first.wait_entered()
    assert connection.read_response().status == 200
    first.open()
    then.wait_entered()
    return then


def runs_a_program(pid):
    return any((thread / "children").read_text() for thread in Path(f"/proc/{pid}/task").iterdir())


class Pair:
    """Two workers; the interpreter of one of them, `kept`, will be kept until `gate` opens."""

    def __init__(self, server, connect, keep=keep_interpreter, before=None):
        self.server = server
        connections = [connect(server) for _ in range(12)]
        for _ in range(20):
            owners = [whoami(connection) for connection in connections]
            self.kept = max(owners, key=owners.count)
            self.keeper, *self.waiting = [connection for connection, owner in zip(connections, owners)
                                          if owner == self.kept]
            if before:
                before(self.waiting)
            self.gate = keep(server, self.keeper)
            # Where everything takes long the request may have gone to the other worker.
            if runs_a_program(self.kept) and len(self.waiting) > 4:
                (self.other,) = set(server.worker_pids()) - {self.kept}
                return
            self.gate.open()
            if before:
                self.waiting[0].read_response()
            if keep is keep_interpreter:
                self.keeper.read_response()
        raise AssertionError("the interpreter of the worker with more connections was never kept")

    def finish(self):
        self.gate.open()
        assert self.keeper.read_response().json() == self.kept


@pytest.fixture
def pair(site, connect):
    return Pair(site(workers=2, threads=4), connect)


def test_requests_go_to_another_worker_while_the_interpreter_is_kept(pair):
    for connection in pair.waiting:
        send(connection, "/")
    assert {connection.read_response().json() for connection in pair.waiting} == {pair.other}
    pair.finish()
    assert not pair.server.find_events((*NO_PROGRESS, "worker.stuck"))


def test_one_request_after_another_goes_there(pair):
    for connection in pair.waiting:
        assert whoami(connection) == pair.other
    pair.finish()
    assert pair.server.call("uwsgi").status == 200


def test_new_connections_are_served_by_the_other_worker(pair, protocol):
    with ExitStack() as ends:
        begun = [ends.enter_context(wire.begin(protocol, pair.server.address, wire.variables())) for _ in range(40)]
        assert {one.read_response().json() for one in begun} == {pair.other}
    pair.finish()


def test_a_worker_serves_again_when_it_has_its_interpreter(pair):
    assert whoami(pair.waiting[0]) == pair.other
    pair.finish()
    stop_process(pair.other)
    assert {whoami(connection) for connection in pair.waiting[1:]} == {pair.kept}
    os.kill(pair.other, signal.SIGCONT)


def test_requests_that_nobody_else_can_take_begin_when_the_interpreter_is_free(site, connect):
    server = site("--slow-request", "400ms", threads=4)
    keeper, *waiting = [connect(server) for _ in range(7)]
    gate = keep_interpreter(server, keeper)
    for connection in waiting:
        send(connection, "/")
    event = server.wait_event("interpreter.held", r"\brequests? in the queue .* GET /hold\?\S+ \(thread \d\)$")
    assert event.level == "warn"
    server.wait_event("request.slow", r"^GET /hold\?\S+ ")
    gate.open()
    assert {connection.read_response().json() for connection in [keeper, *waiting]} == {server.only_worker()}
    assert len(server.find_events(NO_PROGRESS)) == 1
    assert len(server.find_events("interpreter.held")) == 1


def test_that_requests_wait_for_the_interpreter_is_said_again_the_next_time(site, connect):
    server = site("--slow-request", "400ms", threads=2)
    keeper, *waiting = [connect(server) for _ in range(5)]
    for times in range(1, 21):  # it is said no more often than is looked between the times
        gate = keep_interpreter(server, keeper)
        for connection in waiting:
            send(connection, "/")
        wait_until(lambda: len(server.find_events("request.slow", "^GET /hold")) == times, "that it is kept is seen")
        gate.open()
        for connection in (keeper, *waiting):
            assert connection.read_response().status == 200
        if len(server.find_events("interpreter.held", r"\bqueue\b")) == 2:
            return
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            assert whoami(keeper) == server.only_worker()
    raise AssertionError("it was said once")


def test_requests_in_the_queue_are_refused_when_it_is_time(site, connect):
    server = site("--queue-timeout", "300ms", threads=4)
    keeper, *waiting = [connect(server) for _ in range(7)]
    gate = keep_interpreter(server, keeper)
    for connection in waiting:
        send(connection, "/")
    assert {connection.read_response().status for connection in waiting} == {503}
    gate.open()
    assert keeper.read_response().status == 200
    assert server.call("uwsgi").status == 200


def test_only_who_keeps_the_interpreter_is_overdue(site, connect):
    server = site("--slow-request", "400ms", "--request-timeout", "2s", "--timeout-grace", "1m", threads=4)
    innocents = [connect(server) for _ in range(2)]
    gates = []
    for connection in innocents:
        gates.append(Gate(server.gates, unique("gate")))
        send(connection, "/wait", str(gates[-1].path))
        gates[-1].wait_entered()
    keeper = connect(server)
    gate = keep_interpreter(server, keeper)
    for each in gates:
        each.open()
    for _ in innocents:
        server.wait_event("interpreter.held", r"^GET /wait\S+ \(thread \d\) .* GET /hold\S+ \(thread \d\)")
    server.wait_event("request.deadline", r"^GET /hold\S+ .* \S+ s \(--request-timeout\b")
    gate.open()
    assert {connection.read_response().status for connection in innocents} == {200}
    assert keeper.read_response().status in (200, 504), "as it is, or is not, interrupted before it answers"
    assert len(server.find_events("request.deadline")) == 1


def test_what_waits_behind_a_call_that_never_ends_is_answered_and_the_worker_replaced(site, connect):
    server = site("--request-timeout", "300ms", "--timeout-grace", "300ms", threads=4)
    worker = server.only_worker()
    begun, keeper, *waiting = [connect(server) for _ in range(8)]
    first = Gate(server.gates, unique("gate"))
    send(begun, "/wait", str(first.path))
    first.wait_entered()
    gate = keep_interpreter(server, keeper)
    first.open()
    for connection in waiting:
        send(connection, "/")
    assert {connection.read_response().status for connection in waiting} == {503}
    assert [connection.read_response().status for connection in (begun, keeper)] == [504, 504]
    wait_until(lambda: server.worker_pids() not in ([], [worker]), "another is in its place")
    assert server.call("uwsgi").status == 200
    gate.open()


def test_a_thread_of_the_applications_own_that_keeps_the_interpreter(site, connect):
    pair = Pair(site(workers=2, threads=4), connect, keep_interpreter_in_thread)
    for connection in pair.waiting:
        send(connection, "/")
    assert {connection.read_response().json() for connection in pair.waiting} == {pair.other}
    pair.gate.open()
    wait_until(lambda: whoami(pair.waiting[0]), "it serves")


def test_the_loop_does_not_wait_for_the_interpreter_to_release_what_it_has_sent(site, connect):
    pair = Pair(site(workers=2, threads=4), connect, keep_interpreter_in_thread,
                before=lambda waiting: send_big(waiting[0]))
    response = pair.waiting[0].read_response()
    assert response.complete and response.body.startswith(str(pair.kept).encode())
    for connection in pair.waiting[1:]:
        send(connection, "/")
    assert {connection.read_response().json() for connection in pair.waiting[1:]} == {pair.other}
    pair.gate.open()


def test_it_is_said_that_a_thread_of_the_applications_own_keeps_the_interpreter(site, connect):
    server = site("--slow-request", "400ms", threads=2)
    keeper, waiting = connect(server), connect(server)
    gate = keep_interpreter_in_thread(server, keeper)
    send(waiting, "/")
    server.wait_event("interpreter.held", r"\brequest in the queue .* a thread that the application has started$")
    gate.open()
    assert waiting.read_response().status == 200
