"""Tells the master which folders the application's files are in, and when a request sits in a debugger."""

import bdb
import os
import sys
import sysconfig
import threading

INSTALLED = tuple({os.path.realpath(path) + os.sep for path in sysconfig.get_paths().values()})
PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class Reports:
    """Writes the lines that supervisor/change_watcher.hpp describes. Any thread may call it."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._modules = 0
        self._told = set()
        self._lines = []  # that the pipe did not take
        self._holder = None  # the thread in a debugger

    def look(self):
        """Tells of the folders of modules that have been imported since the last look."""
        if len(sys.modules) == self._modules and not self._lines:
            return
        self._modules = len(sys.modules)
        for module in list(sys.modules.values()):
            folder = own_folder(module)
            if folder and folder not in self._told:
                self._told.add(folder)
                self._tell("folder " + folder)
                if os.path.isdir(folder + "/templates"):
                    self._tell("tree %s/templates" % folder)

    def watch_tree(self, folder):
        self._tell("tree %s" % folder)

    def hold(self):
        """No reload until this thread calls `release`."""
        self._holder = threading.current_thread()
        self._tell("busy %d" % os.getpid())

    def release(self):
        """Other requests may end while one is in a debugger."""
        if self._holder and (self._holder is threading.current_thread() or not self._holder.is_alive()):
            self._holder = None
            self._tell("free %d" % os.getpid())

    def watch_debuggers(self):
        """pdb and its like begin with reset, in set_trace as in post_mortem."""
        reset = bdb.Bdb.reset

        def held(debugger):
            self.hold()
            return reset(debugger)

        bdb.Bdb.reset = held

    def _tell(self, line):
        if "\n" not in line:
            self._lines.append(os.fsencode(line + "\n"))
        try:
            while self._lines:
                os.write(self._pipe, self._lines[0])
                del self._lines[0]
        except OSError:  # the pipe is full: the next look tries again
            return


def own_folder(module):
    """Of a module that was not installed; else None."""
    file = getattr(module, "__dict__", {}).get("__file__")
    if not isinstance(file, str) or not os.path.isabs(file):
        return None
    folder = os.path.dirname(os.path.realpath(file))
    inside = folder + os.sep
    if inside.startswith(INSTALLED) or any(part in inside for part in PACKAGES):
        return None
    return folder
