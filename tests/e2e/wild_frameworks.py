"""The applications of tests/apps/wild that are made with frameworks and libraries of PyPI."""

import gzip
import itertools
import json
import re
from urllib.parse import urlencode

from test_flask import multipart
from wild import FORM, JSON, Kind, dumped, manage

PASSWORD = "correct horse battery staple"


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
