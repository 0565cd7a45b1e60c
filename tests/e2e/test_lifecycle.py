"""Start, stop, and the death of workers."""

import os
import re
import signal
import subprocess

import pytest

import every_wire
import wire
from appd import BY_MODULE, PYTHON, parse_log, select_events
from processes import alive, wait_until

protocol = every_wire.protocol

EXIT_START = 4


@pytest.fixture
def held(start, protocol):
    """A server with one request inside the application: (server, gate, connection)."""
    server = start("--graceful-timeout", "30s", threads=2)
    gate = server.gate("held")
    connection = wire.begin(protocol, server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    yield server, gate, connection
    connection.close()


def accepts_no_more(server):
    wait_until(lambda: not server.accepts(), "new connections are refused")


# ---- stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_stop_finishes_what_runs_and_exits_0(held, number):
    server, gate, connection = held
    server.send_signal(number)
    accepts_no_more(server)
    assert server.running(), "it waits for the running request"
    gate.open()
    response = connection.read_response()
    assert (response.status, response.complete) == (200, True)
    assert server.wait_exit() == 0
    assert not os.path.exists(server.address)


def test_a_stop_sent_to_the_whole_group_as_by_a_terminal_is_no_different(held):
    server, gate, connection = held
    os.killpg(server.pid, signal.SIGINT)
    accepts_no_more(server)
    gate.open()
    assert connection.read_response().status == 200
    assert server.wait_exit() == 0


def test_a_stop_also_answers_what_was_accepted_and_not_yet_begun(start, protocol):
    server = start("--graceful-timeout", "30s", threads=1)
    gate = server.gate("held")
    first = wire.begin(protocol, server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    second = wire.begin(protocol, server.address, wire.variables(path="/hello"))
    server.send_signal(signal.SIGTERM)
    accepts_no_more(server)
    gate.open()
    assert [first.read_response().status, second.read_response().status] == [200, 200]
    assert server.wait_exit() == 0
    first.close()
    second.close()


def test_a_stop_closes_idle_kept_connections(start):
    server = start()
    with wire.FastCgi(server.address) as connection:
        assert connection.request(wire.variables(path="/hello")).status == 200
        server.send_signal(signal.SIGTERM)
        assert connection.closed_by_peer()
    assert server.wait_exit() == 0
    assert server.find_events("server.stopping", "SIGTERM") and server.find_events("server.stopped")


def test_a_stop_runs_the_exit_handlers_of_the_application(start, place):
    place.write("at_exit.py", """
import atexit, os
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
def leave():
    open(os.environ["PROBE_DIR"] + "/left", "w").write("in order")
atexit.register(leave)
""")
    server = start("--pythonpath", place.path, module="at_exit")
    assert server.call("fastcgi").body == b"ok"
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert (server.gates / "left").read_text() == "in order"


def test_a_request_that_outlasts_the_graceful_timeout_is_given_up_and_named(start, protocol):
    server = start("--graceful-timeout", "1s")
    gate = server.gate("stuck")
    connection = wire.begin(protocol, server.address, wire.variables(path="/hold", query="gate=stuck"))
    gate.wait_entered()
    server.send_signal(signal.SIGTERM)
    server.wait_exit(within=15)
    assert "GET /hold?gate=stuck" in server.wait_event("worker.killed", "/hold").text
    connection.close()


def test_sigquit_stops_at_once(held):
    server, _, _ = held
    worker = server.only_worker()
    server.send_signal(signal.SIGQUIT)
    server.wait_exit(within=10)
    assert server.find_events("server.stopping_now", "SIGQUIT") and server.find_events("server.stopped")
    wait_until(lambda: not alive(worker), "the worker is gone")
    assert not os.path.exists(server.address)


def test_workers_do_not_outlive_a_killed_master(start):
    server = start(workers=2)
    workers = server.worker_pids()
    server.send_signal(signal.SIGKILL)
    server.wait_exit()
    wait_until(lambda: not any(map(alive, workers)), "the workers are gone")


# ---- workers


def test_as_many_requests_run_at_once_as_there_are_threads(start, protocol):
    server = start(threads=6)
    gates = [server.gate(f"gate-{number}") for number in range(6)]
    running = [wire.begin(protocol, server.address, wire.variables(path="/hold", query=f"gate={gate.name}"))
               for gate in gates]
    for gate in gates:
        gate.wait_entered()
    for gate in gates:
        gate.open()
    for connection in running:
        assert connection.read_response().status == 200
        connection.close()


def test_all_workers_serve(start):
    server = start(workers=3, threads=1)
    pids, seen = set(server.worker_pids()), set()
    assert len(pids) == 3

    def ask_several():
        asked = [wire.begin("uwsgi", server.address, wire.variables(path="/sleep", query="seconds=0.05"))
                 for _ in range(6)]
        for connection in asked:
            seen.add(connection.read_response().json()["pid"])
            connection.close()
        return seen == pids

    wait_until(ask_several, "a response of each worker")


@pytest.mark.parametrize("query, cause", [
    ("signal=SIGKILL", "SIGKILL"),
    ("signal=SIGSEGV", "SIGSEGV"),
    ("code=3", "3"),
    ("code=0", "0"),
])
def test_a_worker_that_dies_is_replaced_and_the_log_names_cause_and_request(start, protocol, query, cause):
    server = start()
    before = server.only_worker()
    server.forget_log()
    with wire.begin(protocol, server.address, wire.variables(path="/die", query=query)) as connection:
        connection.read_to_end()
    event = server.wait_event(("worker.died", "worker.exited"), r"/die\?")
    assert cause in event.text and f"GET /die?{query}" in event.text
    assert str(before) in event.text or event.pid == before
    assert event.level in ("warn", "error")
    after = wait_until(lambda: server.worker_pids() != [before] and server.worker_pids(), "a new worker")
    assert len(after) == 1
    assert server.call(protocol, "/whoami").json()["pid"] == after[0]


def test_the_other_worker_serves_while_one_is_dead(start, protocol):
    server = start(workers=2)
    first, second = server.worker_pids()
    os.kill(first, signal.SIGKILL)
    for _ in range(50):
        assert server.call(protocol, "/hello").status == 200
    wait_until(lambda: len(server.worker_pids()) == 2 and first not in server.worker_pids(), "a new worker")
    assert second in server.worker_pids()


def test_a_worker_that_cannot_start_again_is_tried_with_growing_pauses(start, place):
    """The module breaks after the first start: the master must neither spin nor give up."""
    place.write("breaks.py", """
import os
if os.path.exists(os.environ["PROBE_DIR"] + "/broken"):
    raise RuntimeError("breaks: not this time")
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
""")
    server = start("--pythonpath", place.path, module="breaks")
    (server.gates / "broken").touch()
    os.kill(server.only_worker(), signal.SIGKILL)

    def failures():
        return server.find_events("worker.start_failed", "breaks: not this time")

    wait_until(lambda: len(failures()) >= 3, "three failed starts")
    assert server.running()
    assert len(failures()) < 20, "it spins"
    (server.gates / "broken").unlink()
    wait_until(lambda: len(server.worker_pids()) == 1 and server.call("fastcgi").body == b"ok", "service again")


# ---- start


def run_broken(installed, place, module, text=None, *options):
    if text is not None:
        place.write(f"{module.partition(':')[0]}.py", text)
    return installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", module,
                         "--workers", 2, *options)


@pytest.mark.parametrize("text, shown", [
    ("import no_such_package", "ModuleNotFoundError"),
    ("def application(:", "SyntaxError"),
    ("raise RuntimeError('broken: at import')", "broken: at import"),
    ("import sys\nsys.exit(0)", "SystemExit"),
], ids=["missing import", "syntax", "raise", "exit"])
def test_an_application_that_cannot_be_imported_stops_the_start(installed, place, text, shown):
    ended = run_broken(installed, place, "broken:application", text)
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "worker.start_failed", "import_application: .*broken",
                         r'\n +File ".*broken\.py", line ', shown), ended.stderr
    assert not (place / "app.sock").exists()


@pytest.mark.parametrize("module, text, shown", [
    ("no_such_module:application", None, "no_such_module"),
    ("broken:missing", "value = 1", "missing"),
    ("broken:value", "value = 1", "callable"),
    ("broken", "value = 1", "application"),
    ("broken:make()", "def make(): return None", "callable"),
    ("broken:make()", "def make(): raise RuntimeError('broken: factory')", "broken: factory"),
], ids=["module", "attribute", "not callable", "no default name", "factory gives none", "factory raises"])
def test_an_application_that_is_not_there_stops_the_start(installed, place, module, text, shown):
    ended = run_broken(installed, place, module, text)
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "worker.start_failed", "import_application: ", shown), ended.stderr
    assert not (place / "app.sock").exists()


BROKEN_IN_ALL = """
import os, pathlib, time
here = pathlib.Path(os.environ["PROBE_DIR"])
if (here / "broken").exists():
    (here / f"met.{os.getpid()}").touch()
    while len(list(here.glob("met.*"))) < 3:  # so that none ends before the others have failed
        time.sleep(0.01)
    raise RuntimeError("broken in all")
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
"""


def test_broken_code_is_logged_once_and_not_by_each_worker(installed, start, place):
    place.write("site_of_three.py", BROKEN_IN_ALL)
    probe = place.folder("probe")
    (probe / "broken").touch()
    ended = installed.run("--socket", place / "app.sock", "--pythonpath", place.path, "--module", "site_of_three",
                          "--workers", 3, "--log-level", "debug", env={"PROBE_DIR": str(probe)})
    assert ended.returncode == EXIT_START
    assert ended.stderr.count("Traceback (most recent call last)") == 1, ended.stderr
    errors = [event for event in parse_log(ended.stderr) if event.level == "error"]
    assert [event.name for event in errors] == ["worker.start_failed", "server.start_failed"], ended.stderr
    assert "import_application" in errors[0].text
    again = select_events(parse_log(ended.stderr), "worker.start_failed_again", "import_application: .*broken in all$")
    assert len(again) == 2 and {event.level for event in again} == {"debug"}, ended.stderr


def test_so_it_is_in_a_reload_and_when_all_are_started_again(start, place):
    place.write("site_of_three.py", BROKEN_IN_ALL)
    server = start("--pythonpath", place.path, workers=3, module="site_of_three")
    workers = set(server.worker_pids())
    (server.gates / "broken").touch()
    server.send_signal(signal.SIGHUP)
    server.wait_event("reload.refused")
    assert server.log().count("Traceback (most recent call last)") == 1, server.log()
    assert len([event for event in server.events() if event.level == "error"]) == 2, server.log()
    wait_until(lambda: set(server.worker_pids()) == workers, "the failed ones are gone")

    server.forget_log()
    for met in server.gates.glob("met.*"):
        met.unlink()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    broken = "worker.start_failed", r"\bimport_application: .*broken in all"
    wait_until(lambda: len(server.find_events(*broken)) >= 3, "all fail")
    assert server.log().count("Traceback (most recent call last)") == 2, server.log()
    (server.gates / "broken").unlink()
    wait_until(lambda: len(server.find_events("worker.ready")) >= 3, "all serve", 60)


def test_no_process_is_left_by_a_start_that_failed(installed, place):
    place.write("lingers.py", "import os\nopen('pids', 'a').write(f'{os.getpid()}\\n')\nraise RuntimeError('no')\n")
    ended = run_broken(installed, place, "lingers", None, "--chdir", place.path)
    assert ended.returncode == EXIT_START
    pids = [int(line) for line in (place / "pids").read_text().split()]
    assert pids and not any(map(alive, pids))


@pytest.mark.parametrize("module, files", [
    ("named:other", {"named.py": "def other(e, s): s('200 OK', []); return [b'found']"}),
    ("named:holder.inner.app", {"named.py": """
class holder:
    class inner:
        @staticmethod
        def app(e, s): s('200 OK', []); return [b'found']
"""}),
    ("named:make()", {"named.py": "def make():\n  def app(e, s): s('200 OK', []); return [b'found']\n  return app"}),
    ("named", {"named.py": "def application(e, s): s('200 OK', []); return [b'found']"}),
    ("named", {"named.py": "def app(e, s): s('200 OK', []); return [b'found']"}),
    ("package.named:app", {"package/__init__.py": "", "package/named.py":
                           "def app(e, s): s('200 OK', []); return [b'found']"}),
    ("site.wsgi", {"site.wsgi": "def application(e, s): s('200 OK', []); return [b'found']"}),
    ("plain.py", {"plain.py": "def application(e, s): s('200 OK', []); return [b'found']"}),
], ids=["callable", "attributes", "factory", "application", "app", "package", ".wsgi file", ".py file"])
def test_the_application_is_found_however_it_is_written(start, place, protocol, module, files):
    for name, text in files.items():
        if "/" in name and not (place / name).parent.exists():
            place.folder(name.partition("/")[0])
        place.write(name, text)
    server = start("--chdir", place.path, module=module)
    assert server.call(protocol).body == b"found"


def test_environment_and_virtualenv_are_the_applications(start, place, installed):
    environment = place / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", environment], check=True, timeout=120)
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "only_there.py").write_text("name = 'found'")
    subprocess.run(["chmod", "-R", "a+rX", environment], check=True)
    place.write("inside.py", """
import os, sys
import only_there
def application(environ, start_response):
    start_response("200 OK", [])
    return [" ".join([only_there.name, os.environ["GREETING"], sys.prefix]).encode()]
""")
    server = start("--pythonpath", place.path, "--virtualenv", environment, "--env", "GREETING=a=b",
                   module="inside")
    assert server.call("fastcgi").body.decode() == f"found a=b {environment}"


def test_the_workers_are_of_the_kind_that_these_tests_are_run_for(probe):
    program = PYTHON if BY_MODULE else f"{probe.installed.libexec}/appd-worker"
    assert probe.find_events("server.ready", rf"; {re.escape(program)}, CPython 3\.")


def test_signal_handlers_and_threads_of_the_application_work_at_import(start, place):
    place.write("signals.py", """
import signal, threading
signal.signal(signal.SIGUSR1, lambda *_: None)
seen = threading.Event()
threading.Thread(target=seen.set, daemon=True).start()
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(seen.wait(10)).encode()]
""")
    assert start("--pythonpath", place.path, module="signals").call("fastcgi").body == b"True"


# ---- one worker is asked to end


def ask_worker_to_end(server, pid):
    os.kill(pid, signal.SIGTERM)
    event = server.wait_event("worker.asked_to_end", rf"\(pid {pid}\) .*\bSIGTERM\b")
    assert event.level == "info" and event.text.startswith("worker ")


def test_a_worker_that_is_asked_to_end_has_not_died(start):
    server = start("--max-crashes", "1/60s", workers=1)
    for _ in range(4):  # the second death of one that has no request would meet a pause
        pid = server.only_worker()
        ask_worker_to_end(server, pid)
        wait_until(lambda: len(server.worker_pids()) == 1 and server.worker_pids() != [pid]
                   and server.find_events("worker.ready", rf"\(pid {server.only_worker()}\)"), "another serves")
    assert server.call("fastcgi").status == 200
    assert not [event for event in server.events() if event.level in ("warn", "error")], server.log()
    assert not server.find_events(("worker.exited", "worker.died", "worker.killed", "worker.backoff"))


def test_one_that_takes_its_time_is_replaced_meanwhile(start):
    server = start("--log-level", "debug", workers=1)
    asked = server.only_worker()
    gate = server.gate("held")
    held = wire.begin("scgi", server.address, wire.variables(path="/hold", query="gate=held"))
    gate.wait_entered()
    os.kill(asked, signal.SIGTERM)
    wait_until(lambda: server.find_events("worker.ready"), "another is ready", 20)
    assert server.call("scgi", "/whoami").json()["pid"] != asked
    assert alive(asked)
    gate.open()
    assert held.read_response().json()["pid"] == asked
    server.wait_event("worker.asked_to_end", rf"\(pid {asked}\) .*\bSIGTERM\b")
    assert len(server.worker_pids()) == 1


def test_all_of_them_asked_to_end_are_all_replaced(start):
    server = start(workers=3)
    pids = server.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    for pid in pids:
        server.wait_event("worker.asked_to_end", rf"\(pid {pid}\) .*\bSIGTERM\b")
    wait_until(lambda: len(set(server.worker_pids()) - set(pids)) == 3, "three others")
    assert server.call("uwsgi").status == 200
    assert not [event for event in server.events() if event.level in ("warn", "error")], server.log()
