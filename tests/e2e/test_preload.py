"""--preload: the application is imported once, and the workers are forked from there."""

import os
import re
import signal
from pathlib import Path

import pytest

import wire
from appd import parse_log, select_events
from processes import alive, children, wait_until

EXIT_START = 4
MIB = 1 << 20
BIG = 100 * MIB
PROBE = """
import atexit, os, random, secrets, signal, ssl, tempfile, threading, time, uuid

print("imported", end="")

def note(what):
    with open(os.environ["PROBE_DIR"] + "/notes", "a") as notes:
        notes.write(f"{what} {os.getpid()}\\n")

note("import")
atexit.register(note, "atexit")
os.register_at_fork(before=lambda: note("before"), after_in_parent=lambda: note("parent"),
                    after_in_child=lambda: note("child"))
context = ssl.create_default_context()
signal.signal(signal.SIGUSR1, lambda *_: note("usr1"))
main = threading.main_thread()
drawn = random.random()

def application(environ, start_response):
    if environ["QUERY_STRING"]:
        time.sleep(0.05)
    bound = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(*bound, server_hostname="example.test")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    start_response("200 OK", [])
    facts = [os.getpid(), os.getppid(), random.random(), uuid.uuid4(), secrets.token_hex(), os.urandom(8).hex(),
             os.path.basename(tempfile.mktemp()), bound[1].pending > 100, threading.main_thread() is main,
             environ["wsgi.multiprocess"], environ["wsgi.multithread"]]
    return [" ".join(map(str, facts)).encode()]
"""
BIG_MODULE = """
import os
data = os.urandom(1 << 20) * 100
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(len(data)).encode()]
"""


@pytest.fixture
def preload(start, place):
    """preload(name of a module, its text, …): a server that has imported it once."""

    def start_one(name, text, *options, workers=2, threads=1, **rest):
        place.write(f"{name}.py", text)
        return start("--preload", "--log-level", "debug", "--pythonpath", place.path, *options, module=name,
                     workers=workers, threads=threads, **rest)

    return start_one


def notes(server, what) -> list:
    """The pids that have noted this."""
    lines = (server.gates / "notes").read_text().split("\n")[:-1]
    return [int(line.split()[1]) for line in lines if line.split()[0] == what]


# What --preload says of what the import leaves behind.
FINDINGS = ("preload.noticed", "preload.forced", "preload.refused")


def last_pid(server, name) -> int:
    found = server.find_events(("worker.prepared", "worker.ready"), rf"^{name} \(pid \d+\)")
    return int(re.search(r"pid (\d+)", found[-1].text).group(1))


def zygote(server) -> int:
    return last_pid(server, "zygote")


def workers(server, count=2) -> list:
    return [last_pid(server, f"worker {number}") for number in range(1, count + 1)]


def ask_each(server, pids) -> dict:
    """A response of each of these workers: pid → its fields."""
    responses = {}

    def ask_several():
        asked = [wire.begin("uwsgi", server.address, wire.variables(query="wait")) for _ in range(6)]
        for connection in asked:
            fields = connection.read_response().body.decode().split()
            responses[int(fields[0])] = fields
            connection.close()
        return set(pids) <= set(responses)

    wait_until(ask_several, f"a response of each of {pids}")
    return responses


def no_zombie(server):
    def state(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""

    family = {server.pid, *children(server.pid)}
    family |= {below for pid in list(family) for below in children(pid)}
    wait_until(lambda: "Z" not in map(state, family), f"no zombie among {family}")


def replaced(server, name, before) -> int:
    wait_until(lambda: last_pid(server, name) != before, f"another {name} than {before}")
    return last_pid(server, name)


# ---- what the application sees


def test_it_is_imported_once_and_served_by_all_workers_over_every_wire(preload, protocol):
    server = preload("probe", PROBE)
    assert server.call(protocol).status == 200
    assert set(ask_each(server, workers(server))) == set(workers(server))
    assert notes(server, "import") == [zygote(server)]
    assert set(children(server.pid)) == {zygote(server), *workers(server)}
    ready = server.wait_event("server.ready").text
    assert "preload" in ready
    assert [event.pid for event in server.find_events("zygote.ready")] == [zygote(server)]
    accepting = server.find_events("worker.accepting")
    assert {event.pid for event in accepting} == set(workers(server)) and len(accepting) == 2
    no_zombie(server)


def test_what_one_sends_to_its_process_group_reaches_no_other(preload):
    server = preload("probe", PROBE)
    for pid in (zygote(server), *workers(server)):
        assert os.getpgid(pid) == os.getsid(pid) == pid


def test_workers_differ_in_what_must_be_random_and_agree_in_what_they_are(preload):
    server = preload("probe", PROBE)
    one, other = ask_each(server, workers(server)).values()
    assert one[1] == other[1] == str(server.pid), "the parent"
    for at in range(2, 7):
        assert one[at] != other[at]
    assert one[7:] == other[7:] == ["True", "True", "True", "False"]


def test_hooks_at_fork_run_once_for_each_worker(preload):
    server = preload("probe", PROBE)
    assert notes(server, "before") == notes(server, "parent") == [zygote(server)] * 2
    assert sorted(notes(server, "child")) == sorted(workers(server))


def test_exit_handlers_run_once_in_each_worker_and_not_in_the_zygote(preload):
    server = preload("probe", PROBE)
    pids = workers(server)
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert sorted(notes(server, "atexit")) == sorted(pids)
    assert server.output() == "imported", "what it printed, once"


def test_signal_handlers_of_the_import_work_in_workers_and_sigterm_drains(preload):
    server = preload("probe", PROBE, workers=1)
    (pid,) = workers(server, 1)
    os.kill(pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGTERM)
    server.wait_event("worker.asked_to_end", rf"^worker 1 \(pid {pid}\)", "SIGTERM")
    assert notes(server, "usr1") in ([pid], [])  # Python may end before it runs the handler


def test_memory_of_the_import_is_shared(preload, start, place):
    shared = preload("big", BIG_MODULE)
    assert shared.call("fastcgi").body == str(BIG).encode()
    own = start("--pythonpath", place.path, module="big", workers=2)
    assert max(map(pss, workers(shared))) < 60 * MIB
    assert sum(map(pss, children(shared.pid))) < 1.5 * BIG
    assert sum(map(pss, own.worker_pids())) > 2 * BIG


def pss(pid) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE).group(1)) * 1024


# ---- what the import leaves behind

THREAD = """
import threading
def flush(): threading.Event().wait()
threading.Thread(target=flush, name="flusher", daemon=True).start()
"""
SOCKET = """
import socket
connection = socket.socket(type=socket.SOCK_DGRAM)
connection.connect(("127.0.0.1", 9))
"""
SERVE = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
"""


def run(installed, place, name, text, *options):
    place.write(f"{name}.py", text)
    return installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", name,
                         "--workers", 2, *options)


@pytest.mark.parametrize("left, named", [
    (THREAD, 'module leaves: "flusher", in flush\\(\\);'),
    (SOCKET, r"module leaves: UDP socket connected to 127\.0\.0\.1:9\b"),
], ids=["thread", "socket"])
def test_threads_and_sockets_that_the_import_left_refuse_the_start(installed, place, left, named):
    ended = run(installed, place, "leaves", left + SERVE, "--preload")
    assert ended.returncode == EXIT_START
    events = parse_log(ended.stderr)
    assert select_events(events, "preload.refused", named), ended.stderr
    assert select_events(events, "preload.refused", "--preload=force", "register_at_fork")
    assert select_events(events, "worker.start_failed", "^zygote .*import_application: ")
    assert not (place / "app.sock").exists()


@pytest.mark.parametrize("option, code", [("--preload", EXIT_START), ("--preload=force", 0)])
def test_a_check_says_the_same_as_a_start(installed, place, option, code):
    ended = run(installed, place, "leaves", THREAD + SERVE, option, "--check")
    assert ended.returncode == code and select_events(parse_log(ended.stderr), FINDINGS[1:], '"flusher"')


def test_force_starts_all_the_same_and_names_them(start, place):
    place.write("leaves.py", THREAD + SOCKET + SERVE)
    server = start("--preload=force", "--pythonpath", place.path, module="leaves", workers=2)
    assert server.call("fastcgi").body == b"served"
    for what in ("flusher", "UDP socket connected to"):
        (event,) = server.find_events(FINDINGS, what)
        assert (event.name, event.level, event.role) == ("preload.forced", "warn", "zygote")


FLUSHER = """
import os, threading, weakref
class Flusher:
    def __init__(self):
        self.start()
        again = weakref.WeakMethod(self.start)
        os.register_at_fork(after_in_child=lambda: again()())
    def start(self):
        self.wanted, self.flushed = threading.Event(), threading.Event()
        threading.Thread(target=self.flush, name="flusher", daemon=True).start()
    def flush(self):
        while self.wanted.wait():
            self.wanted.clear()
            self.flushed.set()
"""
USES_FLUSHER = """
import flushing
flusher = flushing.Flusher()
def application(environ, start_response):
    flusher.wanted.set()
    start_response("200 OK", [])
    return [str(flusher.flushed.wait(20)).encode()]
"""


def test_a_thread_that_its_module_starts_again_at_a_fork_is_accepted(preload, place):
    """As exporters of OpenTelemetry do."""
    place.write("flushing.py", FLUSHER)
    server = preload("uses_flusher", USES_FLUSHER)
    assert {server.call("fastcgi").body for _ in range(6)} == {b"True"}
    (event,) = server.find_events(FINDINGS, '"flusher"')
    assert (event.name, event.level, event.role) == ("preload.noticed", "info", "zygote")
    assert re.search(r"\bmodule flushing, .*\bimport of uses_flusher: ", event.text)


@pytest.mark.parametrize("left", [THREAD + USES_FLUSHER, USES_FLUSHER + THREAD], ids=["before", "after"])
def test_one_that_is_accepted_makes_no_other_acceptable(installed, place, left):
    place.write("flushing.py", FLUSHER)
    ended = run(installed, place, "leaves", left, "--preload")
    assert ended.returncode == EXIT_START
    said = select_events(parse_log(ended.stderr), FINDINGS, '"flusher"')
    assert sorted(event.name for event in said) == ["preload.noticed", "preload.refused"]


ALGEBRA = """
import os, numpy
matrix = numpy.arange(250_000.0).reshape(500, 500) % 7
before = float((matrix @ matrix).sum())
def application(environ, start_response):
    same = float((matrix @ matrix).sum()) == before
    start_response("200 OK", [])
    return [f"{os.getpid()} {same}".encode()]
"""


def test_numpy_with_the_threads_of_openblas_is_accepted_and_computes_in_all_workers(preload):
    server = preload("algebra", ALGEBRA, threads=2, env={"OPENBLAS_NUM_THREADS": "3"})
    found = server.find_events(FINDINGS)
    threads = min(3, len(os.sched_getaffinity(0))) - 1  # not more than there are processors
    assert [(event.level, event.role) for event in found] == [("info", "zygote")] * threads
    for event in found:
        assert re.search(r"\bimport of numpy\.\S*_multiarray_umath \(lib\S*openblas\S*\): ", event.text)
        assert "OPENBLAS_NUM_THREADS=1" in event.text
    responses = ask_each(server, workers(server))
    assert {response[1] for response in responses.values()} == {"True"}


def test_the_variable_that_is_named_keeps_openblas_from_its_threads(preload):
    server = preload("algebra", ALGEBRA, "--env", "OPENBLAS_NUM_THREADS=1")
    assert server.find_events(FINDINGS) == []
    assert server.call("uwsgi").body.endswith(b"True")


def test_what_the_import_left_is_no_matter_without_preload(start, place):
    place.write("leaves.py", THREAD + SOCKET + SERVE)
    server = start("--pythonpath", place.path, module="leaves")
    assert server.call("fastcgi").body == b"served"
    assert not server.find_events(FINDINGS)


@pytest.mark.parametrize("option", ["--preload", "--preload=force"])
def test_an_application_that_cannot_be_imported_stops_the_start(installed, place, option):
    ended = run(installed, place, "broken", "raise RuntimeError('broken: at import')", option)
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "worker.start_failed", "^zygote .*import_application: ",
                         r"Traceback \(most recent call last\)", "broken: at import"), ended.stderr
    assert not (place / "app.sock").exists()


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
