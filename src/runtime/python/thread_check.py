"""Whether what `threading` starts is a thread still: gevent and eventlet put coroutines in their place, which
share the thread of who started them. What only watches (tracing, error reports) may stay.

Run by thread_check.cpp, not imported by anybody."""

import _thread  # noqa: F401  looked up in sys.modules
import os
import sys
import threading
import time

PATIENCE = 10.0  # seconds for a thread to begin; it takes microseconds
# What can be replaced, and where it comes from.
PARTS = (("_thread", "_thread", ("start_new_thread", "start_joinable_thread", "allocate_lock", "get_ident")),
         ("threading", "_thread", ("_start_new_thread", "_start_joinable_thread")),
         ("threading", "threading", ("Thread", "Thread.start", "Thread.run", "Event")))
REMEDIES = {"gevent": "gevent.monkey.patch_all(thread=False)", "eventlet": "eventlet.monkey_patch(thread=False)"}


def starts_real_threads(kernel_id):
    """`kernel_id`: gives the kernel's number of the thread that calls it."""
    seen = []
    try:
        thread = threading.Thread(target=lambda: seen.append(kernel_id()), name="appd-trial", daemon=True)
        thread.start()
        thread.join(PATIENCE)
        wait_for_its_end(seen)
    except RuntimeError:  # join() of one that was not started
        return False
    return bool(seen) and seen[0] != kernel_id()


def wait_for_its_end(seen):
    """For the kernel a thread ends a moment later, and who looks for threads would find it."""
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
    return (f"{application}: the import has taken real threads away: {told or 'nobody knows how'}. appd needs them to "
            f"run requests: {f'leave the patching out, or use {remedies}' if remedies else 'leave that out'}")


def replaced():
    for module, origin, names in PARTS:
        for name in names:
            found = sys.modules[module]
            for part in name.split("."):
                found = getattr(found, part, None)
            package = getattr(found, "__module__", None) or origin
            if found is not None and package != origin:
                yield f"{module}.{name}", package.partition(".")[0]
