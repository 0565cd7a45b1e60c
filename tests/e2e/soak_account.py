"""The account of a soak: each request is right, lost for a known reason, or a failure."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from appd import select_events

# From a worker's death until a waiting client notices it; the machine may be busy.
NEWS_TRAVEL = 1.0
# From the signal that ends a process to the end of its connections.
DYING = 0.5
# How much earlier than it was an entry of the log may seem: its time is cut to milliseconds.
ROUNDING = 0.002
GATEWAY_ERRORS = (502, 504)
OF_FAULTS = (0, 200, 500, 502)  # 500 and 502 also for a body that cannot be stored
# We deploy broken code and kill processes, so these events are our doing.
OF_BROKEN_CODE = ("worker.start_failed", "import_application|ZeroDivisionError")
OF_FAILED_RELOAD = (("reload.refused", "upgrade.refused"),)
OF_NO_PROCESS = ("worker.died", "was not forked")
OF_KILLED = ("worker.died", r"\(pid \d+\) [^(]*\bSIGKILL\b")  # but not for an option, which would be in parentheses
OF_STOPPED = ("worker.unresponsive", r"\(pid \d+\)")
OF_STOPPED_ZYGOTE = ("worker.died", r"^zygote \(pid \d+\) .*(--heartbeat|worker \d+ .*--start-timeout)")


@dataclass
class Begun:
    """A request in a worker, as the application itself recorded it."""

    pid: int
    version: int
    began: float
    ended: float = None
    how: str = ""


def read_record(text) -> tuple:
    """Where each request began, and the failures found."""
    begun, failures = defaultdict(list), []
    for line in text.splitlines():
        what, request, pid, detail, when = line.split()
        if what == "B":
            begun[request].append(Begun(int(pid), int(detail), float(when)))
            continue
        open_one = next((each for each in begun[request] if each.pid == int(pid) and each.ended is None), None)
        if open_one:
            open_one.ended, open_one.how = float(when), detail
        else:
            failures.append((float(when), f"request {request} has ended twice in worker {pid}"))
    return begun, failures


class Account:
    """`failures` is a list of (time, text). `deaths` has the time of death, by pid, of each worker that was killed. `faults`
    has (from, to) of failing system calls that may cost a request; `unsent` those that pass a connection to another worker."""

    def __init__(self, requests, closed, begun, deaths, faults, unsent, serves_since, stopped):
        self.failures = []
        self.counts = Counter()
        self._begun = begun
        self._deaths = deaths
        self._faults = faults
        self._unsent = unsent
        self._serves_since = serves_since
        self._stopped = stopped
        for request in requests:
            self._settle(request)
        for when in closed:
            if not self._any_death(when - NEWS_TRAVEL, when) and not self._any_fault(when - NEWS_TRAVEL, when):
                self._fail(when, "a kept connection has been closed, and no worker was killed just before")
        known = {request.id for request in requests}
        for name, ones in begun.items():
            if name not in known:
                self._fail(ones[0].began, f"the application has seen request {name}, which nobody has sent")
            for one in ones:
                self._check_end(name, one)

    def _fail(self, when, text):
        self.failures.append((when, text))

    def _settle(self, request):
        begun = self._begun.get(request.id, [])
        alive = [one for one in begun if one.pid not in self._deaths]
        # A front tries again when a connection ends before the response.
        if len(alive) > 1 and not self._any_fault(request.began, request.ended):
            self._fail(request.ended, f"{request}: run {len(alive)} times: {begun}")
        self._check_version(request, begun)
        if request.outcome == "left":
            reason = "its client has left"
        elif request.outcome == "right":
            reason = self._check_right(request, begun)
        elif request.outcome == "refused":
            reason = None if begun else "its body is too large"
        elif request.outcome == "lost":
            reason = self._why_lost(request, begun)
        else:
            reason = None
        self.counts[request.outcome, request.kind, reason or "no reason"] += 1
        if reason is None:
            self._fail(request.ended, f"{request}; begun: {begun}")

    @staticmethod
    def _check_right(request, begun):
        """The worker that answered must be one in which the request began."""
        return "right" if any((one.pid, one.version) == (request.pid, request.version) for one in begun) else None

    def _why_lost(self, request, begun):
        """Allowed reasons: a killed worker had the request, or its connection before the application began; or a call failed.
        Even then the client must see an end."""
        if "timed out" in request.detail:
            return None
        if request.status in OF_FAULTS and self._any_fault(request.began, request.ended):
            return "while a system call failed"
        if request.status not in (0, 200, *GATEWAY_ERRORS):
            return None
        for one in begun:
            death = self._deaths.get(one.pid)
            if death is not None and one.began <= death <= request.ended:
                return "on a killed worker"
        if not begun and request.status != 200:
            # The client notices late what came before it began to wait.
            at_once = request.listened and request.ended - request.listened < NEWS_TRAVEL
            since = request.began if at_once else max(request.began, request.ended - NEWS_TRAVEL)
            if self._any_death(since - DYING, request.ended):
                return "on the connection of a killed worker, before it began"
        return None

    def _any_death(self, since, until) -> bool:
        return any(since <= death <= until for death in self._deaths.values())

    def _any_fault(self, since, until) -> bool:
        return any(began <= until and ended >= since for began, ended in self._faults)

    def _check_version(self, request, begun):
        """Once a reload has taken over, no new request meets the old code. Exceptions: a worker that cannot notice it (a
        stopped one) is waited for only a while, and a connection that cannot be handed over is served where it is."""
        newest = max(version for since, version in self._serves_since if since < request.began)
        for one in begun:
            kept = any(since <= one.began <= until for since, until in self._unsent)
            if one.version < newest and one.pid not in self._stopped and not kept:
                self._fail(one.began, f"{request}: begun by version {one.version} in worker {one.pid}, "
                                      f"after version {newest} had taken over")

    def _check_end(self, name, one):
        if one.ended is None and one.pid not in self._deaths:
            self._fail(one.began, f"request {name} has begun in worker {one.pid} and never ended")
        if one.how not in ("", "done", "gone"):
            self._fail(one.ended, f"request {name} has ended with {one.how} in worker {one.pid}")


def pid_in(event) -> int:
    return int(re.search(r"\(pid (\d+)\)", event.text).group(1))


def times_of_death(deeds, events) -> dict:
    """When each killed worker was killed: by us or, after we had stopped it, by the master."""
    deaths = {deed.pid: deed.began for deed in deeds if deed.what == "kill"}
    stopped = {deed.pid for deed in deeds if deed.what == "stop"}
    for event in select_events(events, *OF_STOPPED):
        if pid_in(event) in stopped:
            deaths.setdefault(pid_in(event), event.when)
    return deaths


def unexplained_errors(events, deeds, failed_orders) -> list:
    """Entries of level error that none of our actions explains, as (time, text)."""
    killed = {deed.pid for deed in deeds if deed.what == "kill"}
    stopped = {deed.pid for deed in deeds if deed.what == "stop"}
    broken = [deed for deed in deeds if deed.what == "reload to broken code"]
    faults = [deed for deed in deeds if "fault" in deed.what]

    def explained(event):
        # A repeated message is summed up in a line a second later.
        if any(deed.began - ROUNDING <= event.when <= deed.ended + 2 * NEWS_TRAVEL for deed in faults):
            return True
        if select_events([event], *OF_KILLED):
            return pid_in(event) in killed
        if select_events([event], *OF_STOPPED) or select_events([event], *OF_STOPPED_ZYGOTE):
            return pid_in(event) in stopped
        if select_events([event], *OF_NO_PROCESS):
            return any(0 <= event.when - deed.began <= NEWS_TRAVEL for deed in deeds if deed.what == "kill")
        if select_events([event], *OF_BROKEN_CODE):
            return any(deed.began <= event.when <= deed.ended + NEWS_TRAVEL for deed in broken)
        if select_events([event], *OF_FAILED_RELOAD):
            return any(deed.began <= event.when <= deed.ended + 0.1 for deed in failed_orders)
        return False

    return [(event.when, f"logged as an error: {event.name}: {event.text}") for event in events
            if event.level == "error" and not explained(event)]
