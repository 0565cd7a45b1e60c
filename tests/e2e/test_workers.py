"""Workers of one thread each that give each other what would have to wait."""

import os
import signal
import time
from contextlib import ExitStack

import pytest

import wire
from appd import FromOwnBinary, find_binary, is_sanitized
from processes import all_threads_are, stop_process, unique, wait_until

ROUNDS = 30  # of a stop in the middle of everything


@pytest.fixture
def connect():
    """Opens connections of a test's own: connect(client, server)."""
    with ExitStack() as ends:
        yield lambda client, server: ends.enter_context(client(server.address))


class Pair:
    """Two workers; one of them, `blocked`, is in a call and will stay there until `gate` opens."""

    def __init__(self, server, connect):
        self.server = server
        kept = [connect(wire.FastCgi, server) for _ in range(10)]
        self.waiting = []
        while not self.waiting:
            owners = [whoami(connection) for connection in kept]
            self.blocker = kept[owners.index(max(owners, key=owners.count))]
            self.gate = server.gate(unique("gate"))
            send(self.blocker, "/hold", f"gate={self.gate.name}")
            self.gate.wait_entered()
            # The request went over to the other worker if it came before the thread was quite free.
            self.other = server.call("uwsgi", "/whoami").json()["pid"]
            (self.blocked,) = set(server.worker_pids()) - {self.other}
            self.waiting = [connection for connection, owner in zip(kept, owners)
                            if owner == self.blocked and connection is not self.blocker]
            if not self.waiting:
                self.gate.open()
                self.blocker.read_response()

    def wait_for_other(self):
        """Until it is idle: it has time for its peer, and needs none of the peer's."""
        wait_until(lambda: all_threads_are("S", self.other), "it has finished what it did")

    def stop_other(self):
        self.wait_for_other()
        stop_process(self.other)

    def finish(self):
        self.gate.open()
        response = self.blocker.read_response()
        assert (response.status, response.complete, response.json()["pid"]) == (200, True, self.blocked)


@pytest.fixture
def pair(start, connect):
    return Pair(start("--graceful-timeout", "30s", workers=2, threads=1), connect)


def send(connection, path, query=""):
    """Sends a request on a kept connection."""
    connection.begin(1, keep=True)
    connection.params(wire.variables(path=path, query=query))
    connection.stdin(b"")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def whoami(connection):
    return connection.request(wire.variables(path="/whoami")).json()["pid"]


def test_requests_on_kept_connections_of_a_blocked_worker_are_answered_by_the_other(pair):
    for connection in pair.waiting:
        assert whoami(connection) == pair.other
    pair.finish()
    for connection in pair.waiting:
        pair.wait_for_other()
        assert whoami(connection) == pair.other, "it is the other's connection now"
    assert whoami(pair.blocker) == pair.blocked


@pytest.mark.parametrize("size", [1, 30_000])
def test_a_body_goes_over_with_its_request(pair, size):
    body = os.urandom(size)
    named = wire.variables("POST", "/echo", length=size)
    for connection in pair.waiting:
        response = connection.request(named, body)
        assert (response.status, response.body == body) == (200, True)
    pair.finish()


def test_new_connections_are_answered_by_the_other(pair, protocol):
    for _ in range(20):
        assert pair.server.call(protocol, "/whoami").json()["pid"] == pair.other
    pair.finish()


@pytest.mark.skipif(is_sanitized(find_binary()), reason="a sanitizer looks at objects through a pipe, and none can be made")
def test_what_is_given_to_a_worker_without_descriptors_is_not_lost(pair):
    asked = pair.server.call("uwsgi", "/no_descriptors", query="seconds=1").json()["pid"]
    assert asked == pair.other
    for connection in pair.waiting:
        send(connection, "/hello")
    pair.server.wait_event("accept.failed", "from another worker")
    for connection in pair.waiting:
        assert connection.read_response().status == 200
    pair.finish()


def test_each_request_is_one_line_of_the_access_log(start, connect):
    pair = Pair(start("--access-log", "-", workers=2, threads=1), connect)
    for number, connection in enumerate(pair.waiting):
        assert connection.request(wire.variables(path="/hello", query=f"number={number}")).status == 200
    pair.finish()

    def lines():
        return [line for line in pair.server.output().splitlines() if "/hello?number=" in line]

    wait_until(lambda: len(lines()) >= len(pair.waiting), "a line for each request")
    for number in range(len(pair.waiting)):
        assert sum(f"number={number} " in line for line in lines()) == 1
    pair.server.send_signal(signal.SIGTERM)
    assert pair.server.wait_exit() == 0
    assert len(lines()) == len(pair.waiting)


def test_the_death_of_a_worker_with_connections_of_another_disturbs_no_other(pair):
    given, *kept = pair.waiting
    assert whoami(given) == pair.other
    os.kill(pair.other, signal.SIGKILL)
    assert given.closed_by_peer(), "it was the dead one's"
    for connection in kept:
        assert whoami(connection) not in (pair.blocked, pair.other), "the replacement has time"
    pair.finish()
    assert whoami(pair.blocker) == pair.blocked
    assert pair.server.call("uwsgi", "/hello").status == 200


def test_what_a_worker_was_given_and_had_not_taken_is_answered_by_its_replacement(pair):
    pair.stop_other()
    given, *_ = pair.waiting
    before = descriptors(pair.blocked)
    send(given, "/whoami")
    wait_until(lambda: descriptors(pair.blocked) == before - 1, "the connection is given away")
    os.kill(pair.other, signal.SIGKILL)
    assert given.read_response().json()["pid"] not in (pair.blocked, pair.other)
    pair.finish()


@pytest.fixture
def inherited_pair(installed, place, connect):
    """inherited_pair(*options): a pair that cannot be started again after `upgrade`, since the application fails then."""
    servers = []

    def start_pair(*options):
        place.write("site_that_breaks.py", "import os\nassert 'upgraded' not in os.listdir(os.path.dirname(__file__))\n"
                                           "from wsgi_probe import application\n")
        server = FromOwnBinary(installed, "--pythonpath", place.path, "--heartbeat", "0", *options,
                               module="site_that_breaks", workers=2, threads=1)
        servers.append(server)

        def upgrade():
            place.write("upgraded", "")
            server.send_signal(signal.SIGUSR2)
            server.wait_event("reload.refused", within=30)

        pair = Pair(server, connect)
        pair.upgrade = upgrade
        return pair

    yield start_pair
    for server in servers:
        server.stop()


def test_so_it_is_by_the_other_after_an_upgrade_that_leaves_no_replacement(inherited_pair):
    pair = inherited_pair()
    pair.stop_other()
    given, *_ = pair.waiting
    before = descriptors(pair.blocked)
    send(given, "/whoami")
    wait_until(lambda: descriptors(pair.blocked) == before - 1, "the connection is given away")
    pair.upgrade()
    os.kill(pair.other, signal.SIGKILL)
    pair.server.wait_event("worker.died", rf"\(pid {pair.other}\) .*\bSIGKILL\b")
    pair.finish()
    assert given.read_response().json()["pid"] == pair.blocked


def test_who_does_not_know_of_a_death_gives_the_dead_nothing(inherited_pair):
    pair = inherited_pair("--queue-timeout", "500ms")
    pair.upgrade()
    os.kill(pair.other, signal.SIGKILL)
    pair.server.wait_event("worker.died", rf"\(pid {pair.other}\) .*\bSIGKILL\b")
    for connection in pair.waiting:
        send(connection, "/whoami")
    # They have waited, and been looked at each millisecond, for half a second; now they are answered here.
    for connection in pair.waiting:
        assert connection.read_response().status == 503
    pair.finish()


SLOW_TO_REPLACE = """
import os, time
while os.path.exists(os.environ["PROBE_DIR"] + "/two-are-enough"):
    time.sleep(0.01)
from wsgi_probe import application
"""


def test_a_worker_that_drains_is_given_nothing_although_it_has_time(start, connect, place):
    place.write("slow_to_replace.py", SLOW_TO_REPLACE)
    server = start("--queue-timeout", "500ms", "--graceful-timeout", "30s", "--pythonpath", place.path,
                   module="slow_to_replace", workers=2, threads=2)
    (server.gates / "two-are-enough").touch()
    leaving, staying = server.worker_pids()
    kept = {}
    for pid, peer in ((leaving, staying), (staying, leaving)):
        stop_process(peer)  # so that it takes none
        kept[pid] = [connect(wire.FastCgi, server) for _ in range(6)]
        assert {whoami(connection) for connection in kept[pid]} == {pid}
        os.kill(peer, signal.SIGCONT)

    def hold(connection):
        gate = server.gate(unique("gate"))
        send(connection, "/hold", f"gate={gate.name}")
        gate.wait_entered()
        return gate

    last, idle, *_ = kept[leaving]
    gates = [hold(last)]
    os.kill(leaving, signal.SIGTERM)
    wait_until(lambda: whoami(idle) == staying, "it drains: idle connections were handed over to its peer")
    first, second, *waiting = kept[staying]
    gates += [hold(first), hold(second)]
    for connection in waiting:
        send(connection, "/whoami")
    # They have been looked at each millisecond meanwhile.
    assert [connection.read_response().status for connection in waiting] == [503] * len(waiting)
    for gate in gates:
        gate.open()
    responses = [connection.read_response() for connection in (last, first, second)]
    assert [response.json()["pid"] for response in responses] == [leaving, staying, staying]


def test_a_stop_while_requests_go_over_loses_none(start, connect):
    for number in range(ROUNDS):
        server = start("--graceful-timeout", "30s", workers=2, threads=1)
        kept = [connect(wire.FastCgi, server) for _ in range(6)]
        for connection in kept:
            whoami(connection)
        query = "seconds=0.004"
        for connection in kept:
            send(connection, "/sleep", query)
        single = [wire.begin("uwsgi", server.address, wire.variables(path="/sleep", query=query))
                  for _ in range(4)]
        time.sleep(number * 0.0005)  # at another moment of what is going on
        server.send_signal(signal.SIGTERM)
        for connection in kept + single:
            response = connection.read_response()
            assert (response.status, response.complete) == (200, True), f"in round {number}"
            connection.close()
        assert server.wait_exit() == 0
