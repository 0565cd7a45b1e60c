"""Servers whose application is imported once, and their processes: the zygote and the workers forked from it."""

import re
from pathlib import Path

import pytest

import wire
from processes import children, wait_until

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
SERVE = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
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
