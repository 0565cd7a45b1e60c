"""What the import of an application has left that a fork would tear: threads, which the child does not have,
and sockets, which parent and children would share.

Run in the zygote by preload_check.cpp, not imported by anybody."""

import gc
import os
import sys
import threading
import time

# Threads that are about to end have half a second for that, counted in looks: where the processor is busy, they
# wait for it too.
LOOKS = 50
PACE = 0.01  # seconds
LEVELS = 8  # of referrers, from a socket towards the module that holds it
MOST_REFERRERS = 5_000


def open_sockets():
    """{descriptor: what the kernel calls its socket}"""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # the one that the listing itself had open
            continue
        if target.startswith("socket:"):
            found[int(name)] = target
    return found


def findings(sockets_before):
    """A sentence for each thread that runs and each socket that is open now and was not before."""
    gc.collect()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()  # or each child would write it
    for _ in range(LOOKS):
        found = [*running_threads(), *new_sockets(sockets_before)]
        if not found:
            break
        time.sleep(PACE)
    return found

#-- -- threads


def running_threads():
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)
    known = {thread.ident: thread for thread in threading.enumerate()}
    for ident, frame in frames.items():
        yield describe_thread(known.get(ident), frame)
    yield from native_threads([known[ident] for ident in frames if ident in known], len(frames))


def describe_thread(thread, frame):
    module, function = outermost_code(frame)
    target = getattr(thread, "_target", None)
    if target is not None:
        module = getattr(target, "__module__", None) or module
        function = getattr(target, "__qualname__", None) or type(target).__qualname__
    name = f'"{thread.name}"' if thread else "without a name"
    return f"a thread is left running by the module {module}: {name}, in {function}()"


def outermost_code(frame):
    """Module and name of the function that a thread runs, below what `threading` has around it."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    own = [each for each in reversed(frames) if each.f_globals.get("__name__") != "threading"]
    first = own[0] if own else frames[-1]
    return first.f_globals.get("__name__", "?"), getattr(first.f_code, "co_qualname", first.f_code.co_name)


def native_threads(python_threads, running):
    """Threads of this process that run no Python code. Which of them is a Python thread that `threading` does
    not know cannot be told: it has the process's own name, and so many of those are left out."""
    known = {os.getpid(), *(thread.native_id for thread in python_threads)}
    own_name = name_of_task(os.getpid())
    unknown_to_threading = running - len(python_threads)
    for task in sorted(map(int, os.listdir("/proc/self/task"))):
        if task in known or (name := name_of_task(task)) is None:
            continue
        if name == own_name and unknown_to_threading > 0:
            unknown_to_threading -= 1
            continue
        yield f'a thread is left running by a C library: "{name}", which runs no Python code'


def name_of_task(task):
    try:
        with open(f"/proc/self/task/{task}/comm") as comm:
            return comm.read().rstrip("\n")
    except OSError:  # it has ended
        return None

#-- -- sockets


def new_sockets(before):
    opened = {fd: target for fd, target in open_sockets().items() if before.get(fd) != target}
    if not opened:
        return
    import socket

    objects = {each.fileno(): each for each in gc.get_objects() if isinstance(each, socket.socket)}
    for fd in opened:
        owner = owner_of(objects[fd]) if fd in objects else "a C library"
        yield f"a socket is left open by {owner}: {describe_socket(socket, fd)}, descriptor {fd}"


def describe_socket(socket, fd):
    with socket.socket(fileno=os.dup(fd)) as sock:
        inet = sock.family in (socket.AF_INET, socket.AF_INET6)
        kinds = {socket.SOCK_STREAM: "TCP socket", socket.SOCK_DGRAM: "UDP socket"}
        if sock.family == socket.AF_UNIX:
            kind = "Unix socket"
        elif inet and sock.type in kinds:
            kind = kinds[sock.type]
        else:
            kind = f"socket of family {getattr(sock.family, 'name', sock.family)}"
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return f"{kind} listening on {show(sock.getsockname())}"
        try:
            return f"{kind} connected to {show(sock.getpeername())}"
        except OSError:
            return f"{kind} that is not connected"


def show(address):
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    if isinstance(address, bytes):
        address = address.decode("utf-8", "replace")
    return "@" + address[1:] if address.startswith("\0") else address or "a peer without a name"


def owner_of(sock):
    """The module in whose namespace something leads to the socket, the application's before Python's own."""
    namespaces = {id(vars(module)): name for name, module in list(sys.modules.items())
                  if isinstance(module, type(sys))}
    seen = {id(sock)}
    level = [sock]
    for _ in range(LEVELS):
        referrers = [each for each in gc.get_referrers(*level)
                     if each is not level and id(each) not in seen and not isinstance(each, type(sys._getframe()))]
        modules = [namespaces[id(each)] for each in referrers if id(each) in namespaces]
        modules.sort(key=lambda name: name.partition(".")[0] in sys.stdlib_module_names)
        if modules:
            return f"the module {modules[0]}"
        level = referrers
        seen.update(map(id, level))
        if not level or len(seen) > MOST_REFERRERS:
            break
    return "Python code"
