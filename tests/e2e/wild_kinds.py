"""The applications of tests/apps/wild: the requests to each, and what it must answer."""

import gzip
import itertools
import json
import re
import signal
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from processes import Place, Process, alive, clean_environment, unprivileged
from test_flask import multipart
from wild import Kind, manage

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PASSWORD = "correct horse battery staple"


def dumped(value) -> bytes:
    return json.dumps(value).encode()


class Bottle(Kind):
    module = "bottle_site:application"

    def visit(self, site, number):
        page = site.get(f"/hello/visitor{number}<&>")
        assert f"<h1>Hello visitor{number}&lt;&amp;&gt;</h1>" in page.body.decode()
        sent = site.post("/form", urlencode({"name": f"gr\u00fc\u00dfe {number}"}).encode(), FORM)
        assert sent.json() == {"name": f"gr\u00fc\u00dfe {number}", "files": []}

    def look_once(self, site):
        assert site.get("/nowhere", status=404).body == b"no such page"


class Falcon(Kind):
    module = "falcon_site:application"

    def visit(self, site, number):
        shown = site.get(f"/things/{number}", query=f"wanted=a&wanted={number}")
        assert shown.json() == {"number": number, "wanted": ["a", str(number)]}
        assert shown.field("X-Path") == f"/things/{number}"
        made = site.post(f"/things/{number}", dumped({"text": f"\u2603 {number}"}), JSON, status=201)
        assert made.json() == {"number": number, "got": {"text": f"\u2603 {number}"}}
        assert made.field("Location") == f"/things/{number}"

    def look_once(self, site):
        assert site.get("/things/1000001", status=404).json() == {"title": "no such thing"}
        site.post("/things/1", b"{", JSON, status=400)


def npy(rows: int, columns: int, values: list) -> bytes:
    """An array of int64 in numpy's file format, version 1.0."""
    head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
    return start + struct.pack(f"<{len(values)}q", *values)


class Numpy(Kind):
    module = "numpy_site:application"

    def visit(self, site, number):
        assert site.get("/", query=f"seed={number}").json()["error"] < 1e-9
        values = list(range(number, number + 20_000))
        turned = site.post("/", npy(200, 100, values), "application/octet-stream").body
        assert b"(100, 200)" in turned[:128]
        fortran = b"'fortran_order': True" in turned[:128]  # numpy turns no value round that it need not
        expected = values if fortran else [values[row * 100 + column] for column in range(100) for row in range(200)]
        assert turned[-160_000:] == struct.pack("<20000q", *expected)


class Lxml(Kind):
    module = "lxml_site:application"

    def visit(self, site, number):
        assert site.get("/", query=f"text=x{number}").body == f"/one /two?x{number}".encode()
        order = f"<order><item price='{number}'>caf\u00e9</item><item price='1'>&lt;tea&gt;</item></order>"
        page = site.post("/", order.encode(), "application/xml").body.decode()
        for part in ("caf\u00e9", "&lt;tea&gt;", f"<b>{number + 1}</b>"):
            assert part in page or part.replace("\u00e9", "&eacute;") in page

    def look_once(self, site):
        assert b"XMLSyntaxError" in site.post("/", b"<order>", "application/xml", status=400).body
        assert b"DocumentInvalid" in site.post("/", b"<order/>", "application/xml", status=400).body
        large = b"<order>" + b"<item price='1'>tea</item>" * 100_000 + b"</order>"
        assert b"<b>100000</b>" in site.post("/", large, "application/xml").body


class Multiprocessing(Kind):
    module = "multiprocessing_site:application"

    def visit(self, site, number):
        shown = site.get("/", query=f"text={number}").json()
        assert shown == {"terminated": -15, "queue": [str(number), 0], "daemon": True}
        assert site.post("/", dumped([number, 3]), JSON).json() == [number * number, 9]

    def after_stop(self, site):
        daemons = [int(line) for line in (site.gates / "daemons").read_text().split()]
        assert daemons and not any(map(alive, daemons))


class Subprocess(Kind):
    module = "subprocess_site:application"

    def visit(self, site, number):
        shown = site.get("/", query=f"text=c{number}").json()
        assert shown == {"shell": [f"a b c{number} ", 3], "late": True, "missing": "/nowhere/tool"}
        text = f"gr\u00fc\u00dfe {number} " * 10_000  # more than a pipe takes at once
        assert site.post("/", text.encode(), "text/plain").body.decode() == text.upper()


class FlaskSqlAlchemy(Kind):
    module = "flask_sqlalchemy_site:app"

    def __init__(self):
        self.added = itertools.count()

    def surroundings(self, place, ends):
        environment = {"SITE_DB": place / "site.sqlite3"}
        manage("-m", "flask", "--app", "flask_sqlalchemy_site", "create", environment=environment)
        return environment

    def visit(self, site, number):
        author = {"name": f"J\u00fcrgen {next(self.added)}", "books": [f"A {number}", f"B {number}"]}
        assert site.post("/authors", dumped(author), JSON, status=201).json() == author
        assert site.get(f"/authors/{author['name']}".encode().decode("latin-1")).json() == author

    def look_once(self, site):
        twice = {"name": "Jane", "books": ["One"]}
        site.post("/authors", dumped(twice), JSON, status=201)
        site.post("/authors", dumped({**twice, "books": ["Two"]}), JSON, status=409)
        assert site.get("/authors/Jane").json() == twice
        site.get("/authors/Nobody", status=404)


class Pyramid(Kind):
    module = "pyramid_site:application"

    def visit(self, site, number):
        page = site.get(f"/pages/p{number}").body.decode()
        assert page == f"<a href='http://example.test/visits?of=p{number}'>visits</a>"
        renamed = site.post(f"/pages/p{number}", urlencode({"name": f"q {number}"}).encode(), FORM, status=302)
        assert renamed.field("Location") == f"http://example.test/pages/q%20{number}"
        first = site.get("/visits", query=f"of={number}")
        cookie = first.field("Set-Cookie").partition(";")[0]
        second = site.get("/visits", query=f"of={number}", fields=[("Cookie", cookie)])
        assert (first.json(), second.json()) == ({"visits": 1, "of": str(number)}, {"visits": 2, "of": str(number)})

    def look_once(self, site):
        assert site.get("/broken", status=410).body == b"no such shelf"


class WhiteNoise(Kind):
    module = "whitenoise_site:application"
    content = b"".join(b"/* rule %d */\n" % number for number in range(100_000))

    def surroundings(self, place, ends):
        folder = place.folder("static")
        place.write("static/site.css", self.content)
        place.write("static/site.css.gz", gzip.compress(self.content))
        return {"SITE_STATIC": folder}

    def visit(self, site, number):
        part = site.get("/static/site.css", fields=[("Range", f"bytes={number}-{number + 99}")], status=206)
        assert part.body == self.content[number : number + 100]
        assert part.field("Content-Range") == f"bytes {number}-{number + 99}/{len(self.content)}"
        assert site.get("/static/site.css").body == self.content
        assert site.post("/page", b"x" * number, "text/plain").body == b"a page, given %d" % number

    def look_once(self, site):
        whole = site.get("/static/site.css")
        assert whole.field("Content-Type").startswith("text/css") and "max-age=60" in whole.field("Cache-Control")
        known = [("If-None-Match", whole.field("ETag"))]
        assert site.get("/static/site.css", fields=known, status=304).body == b""
        packed = site.get("/static/site.css", fields=[("Accept-Encoding", "gzip")])
        assert packed.field("Content-Encoding") == "gzip" and gzip.decompress(packed.body) == self.content
        site.get("/static/site.css", fields=[("Range", "bytes=9999999-")], status=416)
        assert site.head("/static/site.css").field("Content-Length") == str(len(self.content))


class Pandas(Kind):
    module = "pandas_site:application"

    def visit(self, site, number):
        lines = site.get("/", query=f"count={number + 4}").body.decode().splitlines()
        assert lines[:5] == ["day,number", "2024-02-27,0", "2024-02-28,1", "2024-02-29,2", "2024-03-01,3"]
        assert len(lines) == number + 5
        rows = [f"2024-0{1 + each % 2}-03,{each},{'USD' if each % 2 else 'EUR'}" for each in range(1000)]
        sent = "\n".join(["day,amount,currency", *rows, f"2024-03-01,{number},EUR"]).encode()
        assert site.post("/", sent, "text/csv").json() == {
            "2024-01": {"sum": 249500.0, "count": 500}, "2024-02": {"sum": 125000.0, "count": 500},
            "2024-03": {"sum": float(number), "count": 1}}


class Asyncio(Kind):
    module = "asyncio_site:application"

    def visit(self, site, number):
        shown = site.get("/gathered", query=f"name=n{number}").json()
        assert shown == {"doubled": [0, 2, 4, 6, 8], "name": f"n{number}"}
        assert site.post("/sync", b"x" * number, "text/plain").json() == {"both": [number, 42]}
        assert site.get("/streamed").body == b"".join(b"line %d\n" % line for line in range(100))


class A2wsgi(Kind):
    module = "a2wsgi_site:application"
    refused_at_preload = r'by the module asyncio\.base_events, started by the import of a2wsgi_site: "\S+ \(run_for'

    def __init__(self):
        self.greeted = itertools.count()

    def visit(self, site, number):
        next(self.greeted)
        shown = site.get(f"/hello/n{number}", query=f"a={number}").json()
        assert shown == {"hello": f"n{number}", "query": {"a": str(number)}}
        sent = site.post("/upload", b"x" * (200_000 + number), "application/octet-stream", status=201).json()
        assert sent == {"size": 200_000 + number, "type": "application/octet-stream"}
        assert site.get("/stream").body == b"".join(b"line %d\n" % line for line in range(200))

    def after_stop(self, site):
        told = (site.gates / "told").read_text().splitlines()
        assert len(told) == next(self.greeted), "the background tasks that have run"


class DjangoRest(Kind):
    module = "rest_site:application"

    def __init__(self):
        self.topics = itertools.count()

    def surroundings(self, place, ends):
        environment = {"SITE_DB": place / "site.sqlite3"}
        manage("rest_site.py", environment=environment)
        return environment

    def visit(self, site, number):
        topic = f"t{next(self.topics)}"
        notes = [{"topic": topic, "text": f"caf\u00e9 {number} {which}"} for which in range(3)]
        for note in notes:
            made = site.post("/notes/", dumped(note), JSON, status=201).json()
            assert {**note, "id": made["id"]} == made
        page = site.get("/notes/", query=f"topic={topic}").json()
        assert page["count"] == 3 and [each["text"] for each in page["results"]] == [each["text"] for each in notes[:2]]
        assert page["next"] == f"http://example.test/notes/?limit=2&offset=2&topic={topic}"

    def look_once(self, site):
        assert site.post("/notes/", dumped({"topic": "x"}), JSON, status=400).json() == {
            "text": ["This field is required."]}
        fields, body = multipart({"note": "gr\u00fc\u00dfe"}, "file", "a.bin", b"x" * 300_000)
        assert site.post("/upload/", body, fields[0][1]).json() == {
            "name": "a.bin", "size": 300_000, "note": "gr\u00fc\u00dfe"}


class Wagtail(Kind):
    module = "wagtail_site.wsgi:application"
    database = None  # made once, since its migrations take long

    def surroundings(self, place, ends):
        file = place / "site.sqlite3"
        environment = {"SITE_DB": file, "SITE_MEDIA": place.folder("media"), "SITE_PASSWORD": PASSWORD}
        if Wagtail.database is None:
            manage("-m", "wagtail_site.create", environment=environment)
            Wagtail.database = file.read_bytes()
        else:
            place.write(file.name, Wagtail.database)
        return environment

    def visit(self, site, number):
        page = site.get("/").body.decode()
        assert "<title>Home</title>" in page and "Welcome" in page
        refused = site.post("/cms/login/", urlencode({"username": "editor"}).encode(), FORM, status=403)
        assert b"CSRF" in refused.body
        login = site.get("/cms/login/")
        cookie = login.field("Set-Cookie").partition(";")[0]
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', login.body).group(1).decode()
        wrong = {"username": "editor", "password": f"guess {number}", "csrfmiddlewaretoken": token}
        again = site.post("/cms/login/", urlencode(wrong).encode(), FORM, fields=[("Cookie", cookie)])
        assert b"Your username and password didn" in again.body

    def look_once(self, site):
        """An editor writes an article, which is shown and found."""
        editor = Editor(site)
        editor.enter(PASSWORD)
        editor.publish("Caf\u00e9 & more", "cafe", "A text with the word marmalade.")
        page = site.get("/cafe/").body.decode()
        assert "<title>Caf\u00e9 &amp; more</title>" in page and "marmalade" in page and "Home /" in page
        assert site.get("/search", query="q=marmalade").json() == ["Caf\u00e9 & more"]
        site.get("/nowhere/", status=404)


class Editor:
    """A browser of Wagtail's editor."""

    def __init__(self, site):
        self.site = site
        self.cookies = {}

    def enter(self, password):
        self.submit("/cms/login/", {"username": "editor", "password": password}, status=302)

    def publish(self, title, slug, text):
        blocks = {"entityMap": {}, "blocks": [{
            "key": "a", "text": text, "type": "unstyled", "depth": 0, "inlineStyleRanges": [], "entityRanges": []}]}
        self.submit("/cms/pages/add/wagtail_site/article/3/", {  # below the page that create.py has made
            "title": title, "slug": slug, "body": json.dumps(blocks), "action-publish": "1", "comments-TOTAL_FORMS": 0,
            "comments-INITIAL_FORMS": 0}, status=302)

    def get(self, path):
        return self._keep(self.site.get(path, fields=self._fields()))

    def submit(self, path, values, status):
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path).body).group(1).decode()
        body = urlencode({**values, "csrfmiddlewaretoken": token}).encode()
        return self._keep(self.site.post(path, body, FORM, fields=self._fields(), status=status))

    def _fields(self):
        return [("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))]

    def _keep(self, response):
        for field in response.all("Set-Cookie"):
            name, _, value = field.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response


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


# These need no packages, or small ones of Debian's, and run with all other tests.
OF_DEBIAN = [Bottle, Falcon, Numpy, Lxml, Multiprocessing, Subprocess]
ALL = [*OF_DEBIAN, DjangoRest, Wagtail, FlaskSqlAlchemy, Pyramid, WhiteNoise, Pandas, Asyncio, A2wsgi, Postgres,
       PostgresEager, OpenTelemetry, Sentry]
