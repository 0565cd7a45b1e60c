"""Workers are replaced after a while, or when they hang, and no request is lost."""

import os
import re
import signal
import time

import pytest

import kept
import wire
from fronts import MODES, Nginx
from kept import over_kept_wires
from load import Load
from processes import alive, children, stop_process, wait_until

SITE = '''
import hashlib, os
kept = []
def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        kept.append(b"x" * 2_000_000)
    if environ["REQUEST_METHOD"] == "POST":
        body = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
    else:
        body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''


@pytest.fixture
def site(start, place):
    place.write("recycled_site.py", SITE)
    return lambda *options, **rest: start("--pythonpath", place.path, *options, module="recycled_site", **rest)


def test_no_request_is_lost_while_workers_are_replaced(site):
    server = site("--max-requests", 200, "--max-requests-jitter", 100, workers=4)
    nginx = Nginx(server.address)
    try:
        with Load([nginx.port(mode) for mode in MODES]) as load:
            wait_until(lambda: load.wrong or len(server.find_events("worker.recycled")) >= 8, "eight replacements")
        assert load.wrong == []
        for event in server.find_events("worker.recycled"):
            answered = int(re.search(r"(\d+) requests \(--max-requests\)", event.text).group(1))
            assert answered >= 200
            assert re.search(r"[\d.]+ \w*B a request", event.text)
    finally:
        nginx.stop()
    wait_until(lambda: len(children(server.pid)) == 4, "four workers, as before")


@over_kept_wires
def test_the_replacement_is_ready_before_the_old_one_ends_and_takes_its_connections(site, protocol):
    server = site("--max-requests", 5, "--log-level", "debug")
    (first,) = children(server.pid)
    with kept.connect(protocol, server.address) as connection:
        assert {connection.ask() for _ in range(5)} == {b"%d" % first}
        wait_until(lambda: not alive(first), "the first worker has ended")
        (second,) = wait_until(lambda: len(children(server.pid)) == 1 and children(server.pid), "one is left")
        assert connection.ask() == b"%d" % second
    (ready,) = server.find_events("worker.ready", rf"\(pid {second}\)")
    (ended,) = server.find_events("worker.stopped", rf"\(pid {first}\)", r"\bcode 0\b")
    assert server.events().index(ready) < server.events().index(ended)


def test_never_more_than_a_quarter_at_the_same_time(site, place):
    """Replacements that do not get ready: one of four waits for each, so only one is asked for."""
    server = site("--max-lifetime", "500ms", workers=4)
    place.write("recycled_site.py", "import time; time.sleep(1000)")
    wait_until(lambda: len(children(server.pid)) == 5, "one more is started")
    end = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > end, "several looks at all that are as old")
    assert len(children(server.pid)) == 5
    assert len(server.find_events("worker.recycled")) == 1


def test_a_replacement_that_cannot_start_leaves_the_old_worker_serving(site, place):
    server = site("--max-requests", 3)
    (first,) = children(server.pid)
    place.write("recycled_site.py", "raise RuntimeError('broken meanwhile')")
    for _ in range(5):
        assert server.call("scgi", "/").body == b"%d" % first
    server.wait_event("worker.backoff")
    assert server.call("scgi", "/").body == b"%d" % first
    place.write("recycled_site.py", SITE)
    wait_until(lambda: not alive(first), "it has been replaced in the end")
    assert server.call("scgi", "/").status == 200


def test_a_worker_that_has_lived_for_long_is_replaced(site):
    server = site("--max-lifetime", "300ms")
    (first,) = children(server.pid)
    wait_until(lambda: not alive(first), "it has ended")
    assert "(--max-lifetime)" in server.wait_event("worker.recycled").text
    assert server.call("scgi", "/").status == 200


def test_a_worker_that_has_become_too_large_is_replaced(site):
    server = site("--max-memory", "80M")
    (first,) = children(server.pid)
    for _ in range(60):
        server.call("scgi", "/leak")
    text = server.wait_event("worker.recycled", within=30).text
    assert "MiB (--max-memory)" in text
    assert 1.7 < float(re.search(r"([\d.]+) MiB a request", text).group(1)) < 2.2
    wait_until(lambda: not alive(first), "it has ended")


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["plain", "preloaded"])
def test_a_worker_that_stands_still_is_killed_and_replaced(site, options):
    server = site("--heartbeat", "500ms", *options, workers=2)
    worker = int(server.call("scgi", "/").body)
    stop_process(worker)
    event = server.wait_event("worker.unresponsive")
    assert event.level == "error" and f"(pid {worker})" in event.text
    wait_until(lambda: not alive(worker), "it is killed")
    wait_until(lambda: len(server.find_events("worker.ready")) >= 1, "another is ready")
    assert server.call("scgi", "/").status == 200
    assert len(server.find_events("worker.unresponsive")) == 1


def test_a_retired_worker_that_stands_still_is_killed_too(site):
    server = site("--heartbeat", "500ms")
    (first,) = children(server.pid)
    stop_process(first)
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: not alive(first), "it is killed", 30)
    server.wait_event("reload.finished")
    assert server.call("scgi", "/").status == 200


def test_a_zygote_that_stands_still_is_killed_when_it_is_needed(site):
    server = site("--preload", "--heartbeat", "500ms")
    zygote = next(pid for pid in children(server.pid) if pid != int(server.call("scgi", "/").body))
    worker = int(server.call("scgi", "/").body)
    stop_process(zygote)
    os.kill(worker, signal.SIGKILL)
    server.wait_event("worker.died", rf"^zygote \(pid {zygote}\) .*\(--heartbeat\)")
    wait_until(lambda: not alive(zygote), "it is killed")
    assert server.call("scgi", "/").status == 200


def test_a_server_with_nothing_to_do_is_not_taken_for_dead(site):
    server = site("--heartbeat", "1s", workers=2)
    before = children(server.pid)
    end = time.monotonic() + 4
    wait_until(lambda: time.monotonic() > end, "four times as long as a sign of life may be missing")
    assert children(server.pid) == before
    assert server.find_events("worker.unresponsive") == []


def test_what_a_retired_worker_was_given_and_never_took_goes_to_the_next_generation(start):
    """It stands still, so others still count on it; and nothing replaces it."""
    server = start("--heartbeat", "500ms", workers=2, threads=1)
    gate = server.gate("held")
    held = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    idle = server.call("scgi", "/whoami").json()["pid"]
    stop_process(idle)
    given = wire.begin("scgi", server.address, wire.variables(path="/hello"))
    server.send_signal(signal.SIGHUP)
    server.wait_event("worker.unresponsive")
    assert given.read_response().status == 200
    gate.open()
    assert held.read_response().status == 200


def test_what_the_application_does_at_its_exit_may_take_longer_than_a_sign_of_life(site, place):
    place.write("recycled_site.py", SITE + """
import atexit, time

def end():
    time.sleep(1.5)
    open(os.environ["PROBE_DIR"] + "/ended", "w").close()

atexit.register(end)
""")
    server = site("--heartbeat", "500ms")
    (first,) = children(server.pid)
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: not alive(first), "it has ended", 30)
    assert (server.gates / "ended").exists()
    assert server.find_events("worker.unresponsive") == []
