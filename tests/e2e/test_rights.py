"""What a worker under --user may do, and may not, to a master that is root."""

import fcntl
import os
import pty
import pwd
import signal
import stat
import struct
import subprocess
import termios

import pytest

from appd import READY
from processes import DEADLINE, alive, children, clean_environment, wait_until

USER = "nobody"
EXIT_CONFIGURATION, EXIT_SOCKET, EXIT_START = 2, 3, 4
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")


@pytest.fixture
def secret(tmp_path):
    """A file that only root can open."""
    path = tmp_path / "secret"
    path.write_text("SECRET=of root\n")
    path.chmod(0o600)
    return path


def owner(path) -> str:
    return pwd.getpwuid(os.lstat(path).st_uid).pw_name


def mode(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


# ---- what root opens where the workers can write


def test_a_link_in_place_of_the_access_log_opens_nothing_of_roots(start, installed, place, secret):
    log = place.folder("logs") / "access.log"
    server = start("--user", USER, "--access-log", log, "--control", place / "control", as_root=True)
    assert server.call("fastcgi", "/hello").status == 200
    assert wait_until(lambda: "/hello" in log.read_text(), "the line") and owner(log) == USER
    log.unlink()
    log.symlink_to(secret)
    asked = installed.run("reload", "--control", place / "control", as_root=True)
    server.call("fastcgi", "/to-the-secret")
    assert secret.read_text() == "SECRET=of root\n"
    assert asked.returncode == EXIT_START
    assert f"open {log} as user {USER} (users other than root can write to" in asked.stderr
    log.unlink()
    assert installed.run("reload", "--control", place / "control", as_root=True).returncode == 0


@pytest.mark.parametrize("option", ["--env-file", "--access-log", "--pidfile"])
@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
def test_no_file_of_roots_is_opened_by_a_link_of_the_workers(installed, place, secret, option, action):
    if option == "--pidfile" and action:
        return
    link = place.folder("own") / "link"
    link.symlink_to(secret)
    ended = installed.run("--socket", place / "app.sock", "--module", "wsgi_probe:application", "--pythonpath",
                          installed.apps, "--user", USER, option, link, *action, as_root=True)
    assert ended.returncode == EXIT_CONFIGURATION and str(link) in ended.stderr
    assert option == "--pidfile" or "Permission denied" in ended.stderr
    assert secret.read_text() == "SECRET=of root\n"


def test_pid_file_control_socket_and_socket_of_a_folder_of_the_workers(start, installed, place):
    """As with /run/appd of appd's: all work, the control socket is root's alone, and all are removed."""
    run = place.folder("run")
    server = start("--user", USER, "--pidfile", run / "pid", "--socket", run / "app.sock", as_root=True)
    assert (owner(run / "app.sock"), mode(run / "app.sock")) == (USER, 0o660)
    assert (owner(run / "pid.control"), mode(run / "pid.control")) == ("root", 0o600)
    assert installed.run("status", "--pidfile", run / "pid", as_root=True).returncode == 0
    assert installed.run("status", "--pidfile", run / "pid").returncode != 0  # who is not root
    assert server.stop() == 0
    assert not list(run.iterdir())


def test_standard_output_by_its_name_is_the_access_log(start):
    server = start("--user", USER, "--access-log", "/dev/stdout", as_root=True)
    assert server.call("fastcgi", "/hello").status == 200
    wait_until(lambda: "/hello" in server.output(), "the line")


# ---- what workers send to their master


HOSTILE = """
import os, socket, struct
HELD = []

def hostage():
    "A socket that takes a minute to close."
    listener = socket.create_server(("127.0.0.1", 0))
    made = socket.create_connection(listener.getsockname())
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    made.setblocking(False)
    try:
        while True:
            made.send(bytes(65536))
    except BlockingIOError:
        HELD.append(listener)
        return made

def boxes():
    "The link to the master, and what connections are given away through, by number."
    for name in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            each = socket.socket(fileno=os.dup(name))
        except OSError:
            continue
        if each.family == socket.AF_UNIX and each.type == socket.SOCK_SEQPACKET:
            yield each

def application(environ, start_response):
    for box in boxes():
        box.setblocking(False)
        for _ in range(3):
            held = hostage()
            try:
                socket.send_fds(box, [bytes(2)], [held.fileno()])
            except OSError:
                pass
            HELD.append(held)
    os._exit(1)  # the end of a process does not wait, so that the last copies are those on their way
"""


def application(place, text) -> tuple:
    place.write("hostile.py", text)
    return ("--pythonpath", place.path), "hostile"


@pytest.mark.parametrize("workers", [1, 3])
def test_no_worker_can_make_its_master_wait(start, installed, place, workers):
    options, module = application(place, HOSTILE)
    server = start("--user", USER, *options, "--control", place / "control", "--graceful-timeout", "1s",
                   "--heartbeat", "2s", module=module, workers=workers, as_root=True)

    def responses():
        asked = installed.run("status", "--control", place / "control", as_root=True, within=20)
        return "generation 1 serves" in asked.stdout  # also while no worker is ready

    for _ in range(2):
        with pytest.raises((OSError, ValueError)):
            server.call("fastcgi", timeout=5)
        assert responses()
    server.send_signal(signal.SIGTERM)
    assert server.wait_exit(within=20) == 0


# ---- terminals


def session(pid) -> tuple:
    """(session, controlling terminal); 0 means none."""
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return int(fields[3]), int(fields[4])


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_workers_of_a_terminal_write_to_it_and_have_no_more_of_it(installed, place, preload):
    place.write("talks.py", "import sys\nprint('imported', sys.stdin.read() == '', flush=True)\n"
                            "def application(environ, start_response): pass\n")
    master, terminal = pty.openpty()
    command = [installed.binary, "--socket", place / "app.sock", "--module", "talks", "--pythonpath", place.path,
               "--workers", "2", "--user", USER, "--log-level", "debug", *preload]
    server = subprocess.Popen(["setsid", "--ctty", *map(str, command)], stdin=terminal, stdout=terminal,
                              stderr=terminal, cwd=place.path, env=clean_environment())
    os.close(terminal)
    try:
        shown = b""
        while READY.encode() not in shown:
            shown += os.read(master, 4096)
        assert b"imported True" in shown and session(server.pid)[1] != 0
        family = children(server.pid)
        assert [session(pid) for pid in family] == [(pid, 0) for pid in family]
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
        while b" signal.window: SIGWINCH " not in shown:
            shown += os.read(master, 4096)
        os.write(master, b"\x03")  # what Ctrl-C is
        assert server.wait(DEADLINE) == 0
        wait_until(lambda: not any(map(alive, family)), "the workers have ended")
        assert b" server.stopping: " in os.read(master, 65536)
    finally:
        server.kill()
        server.wait()
        os.close(master)


def test_a_traceback_cannot_command_the_terminal_of_who_reloads(start, installed, place):
    options, module = application(place, "def application(environ, start_response): pass")
    start(*options, "--control", place / "control", module=module)
    place.write("hostile.py", "raise RuntimeError('\\x1b]0;owned\\x07 \\x9b2J')")
    asked = installed.run("reload", "--control", place / "control")
    assert asked.returncode == EXIT_START
    assert "RuntimeError: \\x1b]0;owned\\x07" in asked.stderr and "Traceback" in asked.stderr.splitlines()[1]
    assert not set(asked.stderr) & {"\x1b", "\x07", "\x9b"}


# ---- what is given up


def status(pid) -> dict:
    return dict(line.split(":", 1) for line in open(f"/proc/{pid}/status").read().splitlines())


CAPABILITIES = {"chown": 0, "dac_override": 1, "dac_read_search": 2, "fowner": 3, "kill": 5, "setgid": 6, "setuid": 7,
                "setpcap": 8, "net_bind_service": 10, "sys_ptrace": 19}
MASTERS = sum(1 << number for number in CAPABILITIES.values())


def sets(pid, *names) -> list:
    found = status(pid)
    return [int(found[f"Cap{name}"], 16) for name in names]


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_master_and_workers_have_no_more_rights_than_they_need(start, preload):
    server = start("--user", USER, *preload, as_root=True)
    assert sets(server.pid, "Eff", "Prm", "Bnd", "Inh") == [MASTERS & sets(os.getpid(), "Bnd")[0]] * 3 + [0]
    for pid in children(server.pid):
        assert sets(pid, "Eff", "Prm", "Bnd", "Inh", "Amb") == [0] * 5
        assert status(pid)["NoNewPrivs"].strip() == "1"


def test_a_check_imports_the_application_with_the_workers_rights(installed, place):
    place.write("tells_rights.py", """
import os
print(os.getresuid(), os.getgroups(), open("/proc/self/status").read().split("CapEff:")[1].split()[0])
application = print
""")
    ended = installed.run("--check", "--socket", place / "app.sock", "--chdir", place.path, "--module", "tells_rights",
                          "--user", USER, as_root=True)
    uid, groups = pwd.getpwnam(USER).pw_uid, os.getgrouplist(USER, pwd.getpwnam(USER).pw_gid)
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"{(uid,) * 3} {groups} {0:016x}")


def test_programs_with_more_rights_work_where_they_are_to(start):
    before = sets(os.getpid(), "Bnd")
    server = start("--user", USER, "--no-new-privs=no", as_root=True)
    assert sets(server.pid, "Eff", "Prm") == [MASTERS & before[0]] * 2
    worker = server.only_worker()
    assert sets(worker, "Eff", "Prm") == [0, 0] and sets(worker, "Bnd") == before
    assert status(worker)["NoNewPrivs"].strip() == "0"


def test_whose_workers_are_root_gives_up_nothing(start):
    server = start(as_root=True)
    assert sets(server.pid, "Eff", "Bnd") == sets(os.getpid(), "Eff", "Bnd")


@pytest.mark.parametrize("option", [(), ("--no-new-privs=no",)], ids=["", "privileges"])
def test_an_upgrade_comes_out_with_the_same_rights(installed, start, place, option):
    server = start("--user", USER, "--control", place / "control", *option, as_root=True)
    before = sets(server.pid, "Eff", "Prm", "Bnd")
    asked = installed.run("upgrade", "--control", place / "control", as_root=True, within=60)
    assert asked.returncode == 0 and server.find_events("upgrade.taken_over")
    assert sets(server.pid, "Eff", "Prm", "Bnd") == before
    assert server.call("fastcgi", "/hello").status == 200
    assert owner(server.address) == USER and server.stop() == 0


def test_the_zygote_is_closed_to_its_workers(start):
    """Its files in /proc, and so what ptrace allows, are root's; a worker's are its own."""
    server = start("--user", USER, "--preload", as_root=True)
    worker = server.call("fastcgi", "/whoami").json()["pid"]
    zygote, = set(children(server.pid)) - {worker}
    assert (owner(f"/proc/{zygote}/environ"), owner(f"/proc/{worker}/environ")) == ("root", USER)
