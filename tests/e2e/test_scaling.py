"""--workers MIN..MAX: as many workers as the requests need."""

import signal

import wire
from processes import children, unique, wait_until


def hold(server, count):
    """So many requests at gates of their own: (gate, connection) of each; those that find no thread wait."""
    held = []
    for _ in range(count):
        gate = server.gate(unique("held"))
        held.append((gate, wire.begin("scgi", server.address, wire.variables(path="/hold", query=f"gate={gate.name}"))))
    return held


def let_go(held):
    for gate, connection in held:
        gate.open()
        assert connection.read_response().status == 200


def test_workers_come_when_requests_wait_and_go_when_they_do_not(start):
    server = start("--scale-down-idle", "600ms", workers="1..3", threads=1)
    assert len(children(server.pid)) == 1
    held = hold(server, 3)
    for gate, _ in held:
        gate.wait_entered()  # each has a worker of its own
    assert len(children(server.pid)) == 3
    more = hold(server, 1)
    assert len(children(server.pid)) == 3, "not more than three"
    let_go(held)
    let_go(more)
    wait_until(lambda: len(children(server.pid)) == 1, "one is enough")
    assert len(server.find_events("scaling.up")) == 2
    assert len(server.find_events("scaling.down")) == 2
    assert server.call("uwsgi", "/hello").status == 200


def test_without_need_there_are_as_many_as_at_least(start):
    server = start(workers="2..5")
    for _ in range(50):
        assert server.call("fastcgi", "/hello").status == 200
    assert len(children(server.pid)) == 2
    assert "(workers: 2..5," in server.wait_event("server.ready").text


def test_a_reload_starts_as_many_as_there_are(start):
    server = start(workers="1..3", threads=1)
    held = hold(server, 2)
    for gate, _ in held:
        gate.wait_entered()
    server.send_signal(signal.SIGHUP)
    assert "(2 workers)" in server.wait_event("reload.finished").text
    let_go(held)
    wait_until(lambda: len(children(server.pid)) == 2, "the old ones have ended")
