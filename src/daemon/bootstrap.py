"""What a Python runs as its program to become a worker of appd.

It takes the module that was installed with the master if that is for this Python, else the one of its environment.
The master passes this file's text with -c. An old Python must get as far as to say that it has no worker."""

import os
import sys


def begin(start_file, link, failure, package, version):
    """`link` is -1 for a check at a terminal. `failure` is the head of a message, in hexadecimal digits."""
    if not sys.path[0]:
        del sys.path[0]  # the working directory, which -c puts there
    try:
        worker = find_worker(package)
    except Exception as error:
        python = sys.version.partition(" ")[0]
        fail(int(link), bytearray.fromhex(failure),
             "%s (CPython %s) has no worker of appd %s; %s (%s)"
             % (sys.executable, python, version, what_mends_it(version), error))
    worker.run(int(start_file))


def find_worker(package):
    import _imp
    if package and os.path.exists("%s/appd/_worker%s" % (package, _imp.extension_suffixes()[0])):
        sys.path.insert(0, package)
    try:
        from appd import _worker
    finally:
        if package in sys.path:
            sys.path.remove(package)
    return _worker


def what_mends_it(version):
    if sys.version_info < (3, 10):
        return "take CPython 3.10 or newer"
    if "t" in sys.abiflags:
        return "take a CPython that is not free-threaded"
    library = os.path.dirname(getattr(os, "__file__", ""))
    if sys.prefix == sys.base_prefix and os.path.exists(library + "/EXTERNALLY-MANAGED"):  # pip refuses: PEP 668
        return "name an environment with --virtualenv, or install appd-python3 if this is Debian's python3"
    return "run %s -m pip install appd==%s" % (sys.executable, version)


def fail(link, head, why):
    if link < 0:
        sys.stderr.write("appd: %s\n" % why)
        sys.stderr.flush()
    else:
        os.write(link, bytes(head + why.encode("utf-8", "surrogateescape")))
    os._exit(4)  # kStart in support/exit_code.hpp


begin(*sys.argv[1:])
