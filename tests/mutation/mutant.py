"""What a defect is, and the folders that defects are in."""

from dataclasses import dataclass


@dataclass
class Mutant:
    name: str    # what the defect does
    file: str
    old: str     # is there exactly once in the file
    new: str
    tests: list  # that should notice, first the quickest: "net: a case", "net: *", "e2e: test_x.py::test_y"


def removed(name, file, old, *tests) -> Mutant:
    return Mutant(name, file, old, "", list(tests))


def changed(name, file, old, new, *tests) -> Mutant:
    return Mutant(name, file, old, new, list(tests))


PROTOCOL, GATEWAY, SUPPORT = "src/protocol", "src/runtime/gateway", "src/runtime/support"
CONFIG, LOGGING, IPC = "src/runtime/config", "src/runtime/logging", "src/runtime/ipc"
SOCKETS, NET, POOL, PEERS = "src/runtime/sockets", "src/runtime/net", "src/runtime/pool", "src/runtime/peers"
PYTHON, WORKER, SUPERVISOR = "src/runtime/python", "src/runtime/worker", "src/runtime/supervisor"
LAUNCH, DAEMON, WORKER_PROGRAM = "src/runtime/launch", "src/daemon", "src/worker_program"
