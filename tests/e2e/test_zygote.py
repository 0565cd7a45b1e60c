"""The zygote, from which --preload forks the workers: deaths, and the end."""

import os
import signal
from pathlib import Path

import pytest

import every_wire
import preloaded
import wire
from preloaded import PROBE, SERVE, ask_each, no_zombie, notes, replaced, workers, zygote
from processes import alive, children, wait_until

protocol = every_wire.protocol

preload = preloaded.preload


# ---- deaths


def test_a_worker_that_is_killed_is_forked_anew_while_the_other_serves(preload):
    server = preload("probe", PROBE)
    first, second = workers(server)
    os.kill(first, signal.SIGKILL)
    for _ in range(50):
        assert server.call("fastcgi").status == 200
    anew = replaced(server, "worker 1", first)
    server.wait_event("worker.died", rf"^worker 1 \(pid {first}\)", "SIGKILL")
    assert set(ask_each(server, [anew, second])) >= {anew, second}
    assert len(notes(server, "import")) == 1
    assert set(children(server.pid)) == {zygote(server), anew, second}
    no_zombie(server)


def test_a_zygote_that_is_killed_is_replaced_and_nobody_notices(preload):
    server = preload("probe", PROBE)
    first, second = workers(server)
    before = zygote(server)
    os.kill(before, signal.SIGKILL)
    for _ in range(50):
        assert server.call("fastcgi").status == 200
    after = replaced(server, "zygote", before)
    assert workers(server) == [first, second]
    os.kill(first, signal.SIGKILL)
    anew = replaced(server, "worker 1", first)
    ask_each(server, [anew, second])
    assert notes(server, "import") == [before, after]
    no_zombie(server)


def test_a_worker_that_dies_together_with_the_zygote_waits_for_the_next_one(preload):
    server = preload("probe", PROBE)
    first, second = workers(server)
    before = zygote(server)
    os.kill(before, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    anew = replaced(server, "worker 1", first)
    ask_each(server, [anew, second])
    no_zombie(server)


def test_a_zygote_that_cannot_import_any_more_leaves_the_workers_alone(preload, place):
    server = preload("fragile", "import os\nif os.path.exists(os.environ['PROBE_DIR'] + '/broken'):\n"
                                "    raise RuntimeError('fragile: not now')\n" + SERVE)
    (server.gates / "broken").touch()
    before = zygote(server)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: len(server.find_events("worker.start_failed", "fragile: not now")) >= 3, "failed imports")
    assert server.call("fastcgi").body == b"served"
    assert len(server.find_events("worker.start_failed", "fragile: not now")) < 20, "it spins"
    (server.gates / "broken").unlink()
    replaced(server, "zygote", before)


def test_orphans_of_the_application_are_reaped(preload):
    server = preload("orphans", """
import os, subprocess
def application(environ, start_response):
    start_response("200 OK", [])
    shell = subprocess.run(["sh", "-c", "sleep 0.2 & echo $!"], stdout=subprocess.PIPE)
    return [shell.stdout.strip()]
""")
    orphan = int(server.call("fastcgi").body)
    wait_until(lambda: not Path(f"/proc/{orphan}").exists(), "the orphan is reaped")
    assert set(children(server.pid)) == {zygote(server), *workers(server)}


# ---- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_stop_leaves_no_process(preload, number):
    server = preload("probe", PROBE)
    family = children(server.pid)
    assert len(family) == 3
    os.killpg(server.pid, number)  # as a terminal does
    assert server.wait_exit(within=10) == 0
    wait_until(lambda: not any(map(alive, family)), "all are gone")
    assert not os.path.exists(server.address)


def test_a_stop_finishes_what_runs(start, protocol):
    server = start("--preload", threads=2)
    gate = server.gate("held")
    connection = wire.begin(protocol, server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    os.killpg(server.pid, signal.SIGINT)  # as a terminal does: it is not the workers' to answer
    wait_until(lambda: not server.accepts(), "new connections are refused")
    gate.open()
    assert connection.read_response().status == 200
    assert server.wait_exit() == 0
    connection.close()


def test_a_hook_at_fork_that_hangs_does_not_hold_up_a_stop(start, place):
    place.write("hangs.py", "import os, time\nos.register_at_fork(after_in_child=lambda: time.sleep(1000))\n" + SERVE)
    server = start("--preload", "--log-level", "debug", "--pythonpath", place.path, module="hangs", wait=False)
    server.wait_event("worker.started", r"^worker 1 .*\(pid \d+\)")
    family = children(server.pid)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=15) == 0
    assert server.find_events("worker.killed", r"\bworker 1 \(pid \d+\)")
    wait_until(lambda: not any(map(alive, family)), "all are gone")


def test_zygote_and_workers_do_not_outlive_a_killed_master(preload):
    server = preload("probe", PROBE)
    family = children(server.pid)
    pids = workers(server)
    server.send_signal(signal.SIGKILL)
    server.wait_exit()
    wait_until(lambda: not any(map(alive, family)), "all are gone")
    assert sorted(notes(server, "atexit")) == sorted(pids)


def test_a_socket_of_a_dead_worker_is_not_kept_open_by_others(preload):
    """Only workers have what a worker has accepted, not the zygote nor those forked later."""
    server = preload("probe", PROBE)
    with wire.FastCgi(server.address) as connection:
        assert connection.request(wire.variables()).status == 200
        for pid in workers(server):
            os.kill(pid, signal.SIGKILL)
        assert connection.closed_by_peer()


def test_a_worker_has_its_own_link_and_no_other(preload):
    """Whoever holds another's link keeps it from seeing the end of it."""
    server = preload("probe", PROBE, workers=4)

    def sockets(pid):
        targets = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        return {target for target in targets if target.startswith("socket:")}

    zygotes = sockets(zygote(server))
    family = [sockets(pid) for pid in workers(server, 4)]
    assert [len(zygotes - each) for each in family] == [1] * 4, "the zygote's link"
    own = [each - zygotes for each in family]
    assert [len(each) for each in own] == [1] * 4 and len(set.union(*own)) == 4
