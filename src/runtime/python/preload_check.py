"""Finds what an import has left that does not survive a fork.

That is threads, which a child does not have, and sockets, which parent and children would share.

A thread does no harm if its owner takes care of it at a fork. With C libraries this can be seen: a handler of
pthread_atfork ends the thread before the fork. With Python code it can only be assumed: the thread's module has
registered a function to be called in the child (os.register_at_fork).

preload_check.cpp runs this in the zygote; nothing imports it."""

import gc
import importlib.machinery
import os
import sys
import threading
import time

# Threads that are about to end get half a second, counted in looks: on a busy processor both take longer.
LOOKS = 50
PACE = 0.01  # seconds
LAST_LOOKS = 5  # at threads that no longer run Python code
LEVELS = 8  # of referrers, from a socket up to the module that holds it
MOST_REFERRERS = 5_000
TASKS = "/proc/self/task"
# Libraries known to start threads, by part of the file name, and the variable that prevents it.
VARIABLES = {"openblas": "OPENBLAS_NUM_THREADS=1", "blis": "BLIS_NUM_THREADS=1", "mkl": "MKL_NUM_THREADS=1",
             "gomp": "OMP_NUM_THREADS=1", "libomp": "OMP_NUM_THREADS=1", "iomp": "OMP_NUM_THREADS=1"}


def open_sockets():
    """{descriptor: the kernel's name of its socket}"""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # the descriptor of the listing itself
            continue
        if target.startswith("socket:"):
            found[int(name)] = target
    return found


def findings(sockets_before, watch, fork_for_trial):
    """(whether it does no harm, a sentence) for each running thread, and each open socket, that was not there before.
    `fork_for_trial` forks without Python's hooks; the child ends at once."""
    watch.end()
    gc.collect()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()  # otherwise each child would write it
    harmless = [(True, each) for each in threads_that_end_before_a_fork(watch, fork_for_trial)]
    for _ in range(LOOKS):
        found = [*running_threads(watch), *((False, each) for each in new_sockets(sockets_before))]
        if all(does_no_harm for does_no_harm, _ in found):
            break
        time.sleep(PACE)
    return harmless + found

#-- -- what the import does


class Watch:
    """Notes which module's import starts each thread, and which modules have functions called in forked children."""

    def __init__(self):
        self.loading = []  # (module, path) of those being imported, innermost last
        self.importing = {}  # thread → (module, its library or "")
        self.with_handler = set()  # names of modules
        self.tasks = tasks()
        self.libraries = libraries()
        self.replaced = []
        loaders = importlib.machinery.SourceFileLoader, importlib.machinery.ExtensionFileLoader
        for owner, name in (*((loader, "exec_module") for loader in loaders), (loaders[1], "create_module")):
            self.replace(owner, name, self.looking_after)
        self.replace(os, "register_at_fork", self.noting_handlers)

    def replace(self, owner, name, by):
        real = getattr(owner, name)
        self.replaced.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, by(real))

    def end(self):
        for owner, name, own in reversed(self.replaced):
            delattr(owner, name) if own is None else setattr(owner, name, own)
        self.replaced.clear()

    def looking_after(self, load):
        def load_and_look(loader, module):
            self.look()
            self.loading.append((getattr(module, "name", None) or module.__name__, getattr(loader, "path", "")))
            try:
                return load(loader, module)
            finally:
                self.look()
                self.loading.pop()
        return load_and_look

    def look(self):
        """Attributes new threads to the module that is being loaded; modules imported by it have had their own looks.
        Counting threads first is cheap."""
        if os.stat(TASKS).st_nlink - 2 == len(self.tasks) or not self.loading:
            return
        module, path = self.loading[-1]
        before, self.tasks = self.tasks, tasks()
        mapped, self.libraries = self.libraries, libraries()
        known = [each for each in self.libraries - mapped if variable_of(each)]
        library = known[0] if known else path if path.endswith(".so") else ""
        self.importing.update((task, (module, os.path.basename(library))) for task in self.tasks - before)

    def noting_handlers(self, register):
        def register_and_note(**hooks):
            register(**hooks)
            # Methods of C objects have no module: they reset a lock and start nothing.
            self.with_handler.add(getattr(hooks.get("after_in_child"), "__module__", None))
        return register_and_note

    def looks_after(self, module):
        """Excludes the standard library, whose handlers reset locks and start no thread."""
        return module in self.with_handler and module.partition(".")[0] not in sys.stdlib_module_names


def tasks():
    return set(map(int, os.listdir(TASKS)))


def libraries():
    with open("/proc/self/maps") as maps:
        return {line.split(None, 5)[5].rstrip("\n") for line in maps if ".so" in line}


def variable_of(library):
    return next((variable for part, variable in VARIABLES.items() if part in os.path.basename(library)), "")

#-- -- threads


def running_threads(watch):
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)
    known = {thread.ident: thread for thread in threading.enumerate()}
    for ident, frame in frames.items():
        yield describe_thread(known.get(ident), frame, watch)
    for task, name in native_threads([known[ident] for ident in frames if ident in known], len(frames)):
        text, library = describe_native(task, name, watch)
        yield False, (f"{text}; in workers it does not run, and code of {library} that waits for it waits for "
                      f"ever{advice(library)}")


def describe_thread(thread, frame, watch):
    module, function = outermost_code(frame)
    target = getattr(thread, "_target", None)
    if target is not None:
        module = getattr(target, "__module__", None) or module
        function = getattr(target, "__qualname__", None) or type(target).__qualname__
    name = f'"{thread.name}"' if thread else "without a name"
    importing, _ = watch.importing.get(getattr(thread, "native_id", None), (module, ""))
    started = "" if importing == module else f", started by the import of {importing}"
    text = f"a thread is left running by the module {module}{started}: {name}, in {function}()"
    if watch.looks_after(module):
        return True, f"{text}; the module's handler of os.register_at_fork should start it again in each worker"
    return False, f"{text}; in workers it does not run, and the work of {function}() is not done"


def outermost_code(frame):
    """Module and name of the function that a thread runs, below the frames of `threading`."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    own = [each for each in reversed(frames) if each.f_globals.get("__name__") != "threading"]
    first = own[0] if own else frames[-1]
    return first.f_globals.get("__name__", "?"), getattr(first.f_code, "co_qualname", first.f_code.co_name)


def native_threads(python_threads, running):
    """Threads of this process that run no Python code. Python threads that `threading` does not know cannot be told
    apart, but have the process's own name; so as many threads of that name are left out."""
    known = {os.getpid(), *(thread.native_id for thread in python_threads)}
    own_name = name_of_task(os.getpid())
    unknown_to_threading = running - len(python_threads)
    for task in sorted(tasks()):
        if task in known or (name := name_of_task(task)) is None:
            continue
        if name == own_name and unknown_to_threading > 0:
            unknown_to_threading -= 1
            continue
        yield task, name


def describe_native(task, name, watch):
    """A sentence, and the library that the thread belongs to, if known."""
    module, library = watch.importing.get(task, ("", ""))
    started = f", started by the import of {module}{f' ({library})' if library else ''}" if module else ""
    return (f'a thread is left running by a C library{started}: "{name}", which runs no Python code',
            library or "that library")


def advice(library):
    variable = variable_of(library)
    return f"; {variable} in the environment (--env) keeps the library from starting it" if variable else ""


def threads_that_end_before_a_fork(watch, fork_for_trial):
    python_threads = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    before = dict(native_threads(python_threads, len(sys._current_frames()) - 1))
    for _ in range(LAST_LOOKS):  # waits for threads that are about to end by themselves
        if before:
            time.sleep(PACE)
            left = tasks()
            before = {task: name for task, name in before.items() if task in left}
    if not before:
        return
    fork_for_trial()
    left = tasks()
    for task, name in before.items():
        if task not in left:
            text, library = describe_native(task, name, watch)
            yield f"{text}; it ends before each fork and starts again when it is needed{advice(library)}"


def name_of_task(task):
    try:
        with open(f"{TASKS}/{task}/comm") as comm:
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
        yield (f"a socket is left open by {owner}: {describe_socket(socket, fd)}, descriptor {fd}; all workers "
               f"share it, and take each other's data")


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
    """The module whose namespace leads to the socket; the application's modules before Python's own."""
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
