"""The applications of tests/apps/wild that talk to a service: a database, and collectors of traces and errors."""

import gzip
import itertools
import json
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from processes import Place, Process, clean_environment, unprivileged
from wild import JSON, Kind, dumped, manage


class Postgres(Kind):
    """Debian's database server, with its own folder and a Unix socket."""

    module = "postgres_site:application"

    def __init__(self):
        self.names = itertools.count()

    def surroundings(self, place, ends):
        database = PostgresServer()
        ends.callback(database.stop)
        environment = {"SITE_DB": f"host={database.place.path} user=site dbname=postgres"}
        manage("postgres_site.py", environment=environment)
        return environment

    def visit(self, site, number):
        prefix = f"gr\u00fcn-{next(self.names)}-"
        items = [[f"{prefix}{which}", which + 1] for which in range(50)]
        assert site.post("/", dumped(items), JSON).json() == [50, 1275]
        assert site.get("/", query=urlencode({"prefix": prefix})).json() == items

    def look_once(self, site):
        site.post("/", dumped([["twice", 1]]), JSON)
        assert site.post("/", dumped([["new", 1], ["twice", 2]]), JSON, status=409).json() == "UniqueViolation"
        assert site.post("/", dumped([["none", 0]]), JSON, status=409).json() == "CheckViolation"
        assert site.get("/", query="prefix=new").json() == [], "it is rolled back"


class PostgresEager(Postgres):
    module = "postgres_eager_site:application"
    refused_at_preload = r"a socket is left open by a C library: Unix socket connected to \S+\.s\.PGSQL"


class PostgresServer(Process):
    stop_signal = signal.SIGINT  # ends connections and leaves no shared memory

    def __init__(self):
        place = Place()
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert found, "install Debian's postgresql-15"
        data = place / "data"
        subprocess.run([found[-1] / "initdb", "--pgdata", data, "--username", "site", "--auth", "trust", "--no-sync",
                        "--encoding", "UTF8", "--locale", "C.UTF-8"], env=clean_environment(), cwd=place.path,
                       check=True, capture_output=True, timeout=120, **unprivileged())
        super().__init__("postgres", [found[-1] / "postgres", "-D", data, "-k", place.path, "-c", "listen_addresses=",
                                      "-c", "fsync=off"], place)
        self.wait_ready(lambda: "ready to accept connections" in self.log())

    def stop(self):
        try:
            return super().stop()
        finally:
            self.place.remove()


class OpenTelemetry(Kind):
    """Once appd has ended, every span is in the file, even those of workers that a reload ended."""

    module = "opentelemetry_site:application"

    def __init__(self):
        self.traces = []

    def visit(self, site, number):
        for response in (site.get("/spans", query=f"n={number}"), site.post("/spans", b"x" * number, "text/plain")):
            self.traces.append(response.json()["trace"])
            assert response.json()["size"] in (0, number)

    def after_stop(self, site):
        spans = [json.loads(line) for line in (site.gates / "spans").read_text().splitlines()]
        assert len(self.traces) > 0 and len(set(self.traces)) == len(self.traces)
        for wanted in ({"work"}, {"GET /spans", "POST /spans"}):
            assert sorted(span["trace"] for span in spans if span["name"] in wanted) == sorted(self.traces)
        assert all(span["parent"] == (span["name"] == "work") for span in spans)


class Sentry(Kind):
    module = "sentry_site:app"
    expected = (r"ERROR in app: Exception on /broken/",
                "^Sentry is attempting to send", "^Waiting up to", "^Press Ctrl-C")

    def __init__(self):
        self.sent = set()
        self.numbers = itertools.count()

    def surroundings(self, place, ends):
        self.sink = SentrySink()
        ends.callback(self.sink.stop)
        return {"SENTRY_DSN": f"http://key@127.0.0.1:{self.sink.port}/1"}

    def visit(self, site, number):
        assert site.get(f"/fine/n{number}").body == b"fine, n%d" % number
        assert site.post("/fine/sent", b"x" * number, "text/plain").body == b"fine, sent, %d" % number
        if number % 40 == 0:  # sentry-sdk sends one at a time, more slowly than the site could fail
            self.fail(site, next(self.numbers))

    def fail(self, site, own):
        text = f"gr\u00fc\u00dfe {own}"
        assert len(site.post("/message", dumped({"text": text}), JSON).json()["event"]) == 32
        site.get(f"/broken/{own}", status=500)
        self.sent |= {text, f"no shelf {own}"}

    def after_stop(self, site):
        missing = self.sent - self.sink.events()
        assert self.sent and not missing


class SentrySink:
    """Receives what sentry-sdk sends: envelopes of JSON lines."""

    def __init__(self):
        envelopes = self._envelopes = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # the response in one packet: in two, the second waits 40 ms for an acknowledgement

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                envelopes.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a worker that has ended leaves its connection
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def events(self) -> set:
        """The messages, and the texts of exceptions, received so far."""
        found = set()
        for envelope in list(self._envelopes):
            for line in envelope.splitlines():
                event = json.loads(line)
                found.add(event.get("message"))
                found |= {each["value"] for each in event.get("exception", {}).get("values", ())}
        return found
