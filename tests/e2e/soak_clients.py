"""The clients of the soak: their random requests, and the outcome of each."""

import http.client
import itertools
import random
import threading
import time

import web
from fronts import MODES
from soak_fronts import ClosingFront, KeptFront
from soak_request import FILE_SIZE, PATIENCE, TOO_LARGE, Request, digest, pattern

BLOCK = 65536
MORE_THAN_KERNELS_HOLD = 9_000_000  # between front and client
KINDS = {"short": 40, "slow": 10, "upload": 14, "unread": 4, "stream": 12, "download": 10, "file": 6,
         "refused": 4, "stalled": 4, "leave_upload": 4, "leave_waiting": 4, "leave_download": 4, "leave_stalled": 2}


class Left(Exception):
    """This client went away on purpose."""


class Clients:
    """Threads with a connection each. Most go through the front; some act as fronts, and notice when appd closes a
    connection that they keep. `requests` and `closed` are complete after `stop()`."""

    def __init__(self, nginx, address, seed, count=16, keepers=8, closers=4):
        self.requests = []
        self.closed = []  # times at which a kept connection was closed while it was idle
        self._nginx = nginx
        self._numbers = itertools.count(1)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}/client/{i}"),), daemon=True)
                         for i in range(count)]
        fronts = [KeptFront(address, self._begin, self.closed, random.Random(f"{seed}/keeper/{i}"))
                  for i in range(keepers)]
        fronts += [ClosingFront(address, self._begin, random.Random(f"{seed}/closer/{i}")) for i in range(closers)]
        self._threads += [threading.Thread(target=self._be, args=(front,), daemon=True) for front in fronts]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Ends after the requests in flight; `PATIENCE` bounds each of their steps."""
        self._ended.set()
        end = time.monotonic() + 2 * PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), "a client has not come to its end"

    def _run(self, chance):
        while not self._ended.is_set():
            mode, streaming = chance.choice(MODES), chance.random() < 0.4
            visit = Visit(self._nginx.port(mode, streaming), chance)
            for _ in range(chance.randint(1, 20)):
                kind = chance.choices(list(KINDS), KINDS.values())[0]
                request = self._begin(kind, mode, streaming)
                visit.ask(request)
                time.sleep(chance.uniform(0, 0.1))
                if visit.over or self._ended.is_set():
                    break
            visit.end()

    def _begin(self, kind, mode, streaming=False):
        request = Request(str(next(self._numbers)), kind, mode, streaming, time.monotonic())
        self.requests.append(request)
        return request

    def _be(self, front):
        while not self._ended.is_set():
            front.turn()
        front.end()


class Visit:
    """A connection to the front, used for as long as it lasts."""

    def __init__(self, port, chance):
        self.over = False
        self._port = port
        self._last = ""
        self._chance = chance
        self._client = None

    def ask(self, request):
        request.after, self._last = self._last, f"{request.id} ({request.kind})"
        try:
            self._connect()
            getattr(self, request.kind)(request)
        except Left:
            request.outcome, self.over = "left", True
        except (http.client.HTTPException, OSError) as error:
            request.outcome, self.over = "lost", True
            request.detail = f"{type(error).__name__}: {error}"
        except Exception as error:  # whatever it is, it must not end this client unseen
            request.outcome, self.over = "wrong", True
            request.detail = f"{type(error).__name__}: {error}"
        request.ended = time.monotonic()
        # If nginx answers 502 before it has read the body, it closes the connection without announcing that.
        if self.over or not request.went_well:
            self.over = True
            self.end()

    def end(self):
        if self._client:
            self._client.close()
        self._client = None

    def _connect(self):
        if not self._client:
            self._client = web.Client(self._port, timeout=PATIENCE)

    # ---- kinds of requests

    def short(self, request):
        self._get(request, "short", size=self._chance.choice((10, 500, 20_000, 300_000)))

    def slow(self, request):
        self._get(request, "slow", size=100, ms=self._chance.randint(50, 1500))

    def stream(self, request):
        blocks, block = self._chance.randint(2, 20), self._chance.choice((100, 3000, 20_000))
        self._get(request, "stream", size=blocks * block, block=block, ms=self._chance.randint(0, 100))

    def download(self, request):
        self._get(request, "download", size=self._chance.randint(100_000, 4_000_000))

    def file(self, request):
        self._send("GET", request, "file")
        self._read(request, pattern("file", FILE_SIZE))

    def upload(self, request):
        body = self._body(request)
        pause = self._chance.choice((0, 0, 0.02))
        chunked = self._chance.random() < 0.3
        self._send("POST", request, "upload", body=self._slowly(body, pause),
                   **({"chunked": True} if chunked else {"length": len(body)}))
        self._read(request, digest([body]))

    def unread(self, request):
        """No more than nginx takes at once: with more, its own reset could cut its early response."""
        self._send("POST", request, "unread", body=pattern(request.id, 8000), size=200)
        self._read(request, pattern(request.id, 200))

    def refused(self, request):
        """Without buffering nginx passes the response on at once; if more came, its own reset could cut it."""
        body = pattern(request.id, 8000 if request.streaming else TOO_LARGE)
        self._send("POST", request, "upload", body=body, length=TOO_LARGE)
        request.listened = time.monotonic()
        request.judge_refused(self._client.read_reply().status)
        self.over = True

    def stalled(self, request):
        """Reads nothing for a while, then the rest."""
        size = self._chance.randint(1_000_000, MORE_THAN_KERNELS_HOLD)
        self._send("GET", request, "download", size=size)
        time.sleep(self._chance.uniform(0.5, 4))
        self._read(request, pattern(request.id, size))

    def leave_upload(self, request):
        body = self._body(request)
        self._send("POST", request, "upload", body=[body[:self._chance.randint(0, len(body) - 1)]], length=len(body))
        time.sleep(self._chance.choice((0, 0.2)))
        raise Left

    def leave_waiting(self, request):
        self._send("GET", request, "slow", size=100, ms=self._chance.randint(50, 1500))
        time.sleep(self._chance.uniform(0, 0.5))
        raise Left

    def leave_download(self, request):
        self._send("GET", request, "download", size=4_000_000)
        self._read_some(request, self._chance.randint(0, 1_000_000))

    def leave_stalled(self, request):
        self._send("GET", request, "download", size=MORE_THAN_KERNELS_HOLD)
        time.sleep(self._chance.uniform(0.5, 4))
        raise Left

    # ---- their parts

    def _body(self, request):
        return pattern(request.id, self._chance.choice((1, 5_000, 200_000, 2_000_000)))

    @staticmethod
    def _slowly(body, pause):
        for start in range(0, len(body), BLOCK):
            time.sleep(pause)
            yield body[start:start + BLOCK]

    def _get(self, request, path, **query):
        self._send("GET", request, path, **query)
        self._read(request, pattern(request.id, query["size"]))

    def _send(self, method, request, path, body=None, length=None, chunked=False, **query):
        asked = "&".join(f"{name}={value}" for name, value in {"id": request.id, **query}.items())
        self._client.send_request(method, f"/{path}?{asked}", body=body, length=length, chunked=chunked)

    def _read_some(self, request, size):
        response = self._client.start_reply()
        request.note(response.status, response.getheader("X-Soak"))
        response.read(size)
        raise Left

    def _read(self, request, expected):
        request.listened = time.monotonic()
        reply = self._client.read_reply()
        request.note(reply.status, reply.field("X-Soak"))
        request.judge(reply.complete, reply.body, expected)
        self.over = reply.field("Connection") == "close"  # as after a thousand requests
