"""Checks that `threading` still starts real threads.

gevent and eventlet replace them by coroutines, which share the thread that started them. Code that only watches
(tracing, error reports) may stay.

thread_check.cpp runs this; nothing imports it."""

import _thread  # noqa: F401  looked up in sys.modules
import os
import sys
import threading
import time

PATIENCE = 10.0  # seconds for a thread to begin; it takes microseconds
# Names that may have been replaced, and the module that each should come from.
PARTS = (("_thread", "_thread", ("start_new_thread", "start_joinable_thread", "allocate_lock", "get_ident")),
         ("threading", "_thread", ("_start_new_thread", "_start_joinable_thread")),
         ("threading", "threading", ("Thread", "Thread.start", "Thread.run", "Event")))
REMEDIES = {"gevent": "gevent.monkey.patch_all(thread=False)", "eventlet": "eventlet.monkey_patch(thread=False)"}


def starts_real_threads(kernel_id):
    """`kernel_id` returns the kernel's id of the calling thread."""
    seen = []
    try:
        thread = threading.Thread(target=lambda: seen.append(kernel_id()), name="appd-trial", daemon=True)
        thread.start()
        thread.join(PATIENCE)
        wait_for_its_end(seen)
    except RuntimeError:  # join() of a thread that was not started
        return False
    return bool(seen) and seen[0] != kernel_id()


def wait_for_its_end(seen):
    """For the kernel a thread ends a moment later; until then a look for threads would find it."""
    end = time.monotonic() + PATIENCE
    while seen and seen[0] != os.getpid() and os.path.exists(f"/proc/self/task/{seen[0]}"):
        if time.monotonic() > end:
            break


def complaint(application):
    by_package = {}
    for name, package in replaced():
        by_package.setdefault(package, []).append(name)
    told = "; ".join(f"{package} has replaced {', '.join(names)}" for package, names in by_package.items())
    remedies = " or ".join(REMEDIES[package] for package in by_package if package in REMEDIES)
    return (f"{application}: the import has replaced real threads: {told or 'by unknown means'}. appd needs them to "
            f"run requests: {f'remove the patching, or use {remedies}' if remedies else 'remove that'}")


def replaced():
    for module, origin, names in PARTS:
        for name in names:
            found = sys.modules[module]
            for part in name.split("."):
                found = getattr(found, part, None)
            package = getattr(found, "__module__", None) or origin
            if found is not None and package != origin:
                yield f"{module}.{name}", package.partition(".")[0]
