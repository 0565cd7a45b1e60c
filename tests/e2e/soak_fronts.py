"""The fronts of the soak: clients that speak to appd directly and do whatever a front may do."""

import select
import time

import wire
from soak_request import FILE_SIZE, PATIENCE, TOO_LARGE, digest, pattern

LARGE = 2_000_000  # more than appd reads ahead
SOME = 1_100_000  # more than that, too; sent before an abort


def upload_of(request, size) -> list:
    return wire.variables("POST", "/upload", f"id={request.id}", length=size)


def judge(request, response, expected):
    request.note(response.status, response.field("X-Soak"))
    request.judge(response.complete, response.body, expected)


def settle(requests, ask) -> bool:
    """Calls `ask(*requests)`. An exception must not end a front unseen. True if all went well."""
    try:
        ask(*requests)
    except Exception as error:
        for request in requests:
            if not request.outcome:
                request.outcome, request.detail = "lost", f"{type(error).__name__}: {error}"
    for request in requests:
        request.ended = time.monotonic()
    return all(request.went_well for request in requests)


class KeptFront:
    """Keeps one FastCGI connection through aborted and refused uploads, and two uploads at once. appd may close it only
    when a worker dies; `closed` has the times at which it was closed while idle. `begin(kind, mode)` makes a
    request."""

    KINDS = {"kept": 12, "kept_upload": 3, "kept_refused": 2, "kept_aborted": 3, "kept_two": 2}

    def __init__(self, address, begin, closed, chance):
        self._address = address
        self._begin = begin
        self._closed = closed
        self._chance = chance
        self._connection = None

    def turn(self):
        """One request, or two at once, after a pause."""
        self._connection = self._connection or wire.FastCgi(self._address, PATIENCE)
        if select.select([self._connection.socket], [], [], self._chance.uniform(0.05, 2))[0]:
            self._closed.append(time.monotonic())
        else:
            kind = self._chance.choices(list(self.KINDS), self.KINDS.values())[0]
            requests = [self._begin(kind, "no front") for _ in range(2 if kind == "kept_two" else 1)]
            if settle(requests, getattr(self, kind)):
                return
        self.end()

    def end(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    # ---- kinds of requests

    def kept(self, request):
        named = wire.variables(path="/short", query=f"id={request.id}&size=5000")
        judge(request, self._connection.request(named), pattern(request.id, 5000))

    def kept_upload(self, request):
        body = pattern(request.id, LARGE)
        judge(request, self._connection.request(upload_of(request, LARGE), body), digest([body]))

    def kept_refused(self, request):
        """The response comes before all of the body is sent; the rest of the body belongs to nobody."""
        body = pattern(request.id, TOO_LARGE)
        self._start(1, request, TOO_LARGE, body[:100_000])
        request.judge_refused(self._connection.read_response().status)
        self._connection.stdin(body[100_000:])

    def kept_aborted(self, request):
        self._start(1, request, LARGE, pattern(request.id, self._chance.choice((1, SOME))))
        self._connection.abort()
        self._connection.read_end()
        request.outcome = "left"

    def kept_two(self, one, other):
        """Their bodies are sent in turns."""
        bodies = {1: pattern(one.id, LARGE), 2: pattern(other.id, LARGE)}
        for request_id, request in ((1, one), (2, other)):
            self._start(request_id, request, LARGE, b"")
        block = self._chance.randrange(5_000, 300_000)  # random, so that buffers fill at all kinds of places
        for start in range(0, LARGE, block):
            for request_id, body in bodies.items():
                self._connection.stdin(body[start:start + block], request_id, end=start + block >= LARGE)
        for request_id, request in ((1, one), (2, other)):
            judge(request, self._connection.read_response(request_id=request_id), digest([bodies[request_id]]))

    def _start(self, request_id, request, length, first):
        self._connection.begin(request_id)
        self._connection.params(upload_of(request, length), request_id)
        self._connection.stdin(first, request_id, end=False)


class ClosingFront:
    """Uses a new connection for each request, over any wire."""

    KINDS = {"own_short": 3, "own_file": 2, "own_download": 1, "own_upload": 3, "own_refused": 2, "own_left": 2}

    def __init__(self, address, begin, chance):
        self._address = address
        self._begin = begin
        self._chance = chance

    def turn(self):
        time.sleep(self._chance.uniform(0.05, 1))
        kind, mode = self._chance.choices(list(self.KINDS), self.KINDS.values())[0], self._chance.choice(wire.WIRES)
        settle([self._begin(kind, f"{mode}, no front")], lambda request: getattr(self, kind)(mode, request))

    def end(self):
        """There is no connection to close."""

    # ---- kinds of requests

    def own_short(self, mode, request):
        self._get(mode, request, "/short", 5000)

    def own_download(self, mode, request):
        self._get(mode, request, "/download", LARGE)

    def own_file(self, mode, request):
        self._get(mode, request, "/file", FILE_SIZE, pattern("file", FILE_SIZE))

    def own_upload(self, mode, request):
        body = pattern(request.id, LARGE)
        with self._send(mode, request, LARGE, body) as connection:
            judge(request, connection.read_response(), digest([body]))

    def own_refused(self, mode, request):
        """Sends everything before it reads the response, as Apache does over uwsgi and SCGI."""
        with self._send(mode, request, TOO_LARGE, pattern(request.id, TOO_LARGE)) as connection:
            request.judge_refused(connection.read_response().status)

    def own_left(self, mode, request):
        self._send(mode, request, LARGE, pattern(request.id, self._chance.choice((1, SOME))), end=False).close()
        request.outcome = "left"

    def _get(self, mode, request, path, size, expected=None):
        named = wire.variables(path=path, query=f"id={request.id}&size={size}")
        with wire.begin(mode, self._address, named, timeout=PATIENCE) as connection:
            judge(request, connection.read_response(), expected or pattern(request.id, size))

    def _send(self, mode, request, length, body, end=True):
        return wire.begin(mode, self._address, upload_of(request, length), body, end_body=end, timeout=PATIENCE)
