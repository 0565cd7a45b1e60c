"""The applications of tests/apps/wild: what each is asked, and what it must answer."""

import json
from urllib.parse import urlencode

from wild import Kind, Site

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def dumped(value) -> bytes:
    return json.dumps(value).encode()


class Bottle(Kind):
    module = "bottle_site:application"

    def visit(self, site: Site, number):
        page = site.get(f"/hello/visitor{number}<&>")
        assert f"<h1>Hello visitor{number}&lt;&amp;&gt;</h1>" in page.body.decode()
        sent = site.post("/form", urlencode({"name": f"gr\u00fc\u00dfe {number}"}).encode(), FORM)
        assert sent.json() == {"name": f"gr\u00fc\u00dfe {number}", "files": []}

    def look_once(self, site):
        assert site.get("/nowhere", status=404).body == b"no such page"


class Falcon(Kind):
    module = "falcon_site:application"

    def visit(self, site: Site, number):
        shown = site.get(f"/things/{number}", query=f"wanted=a&wanted={number}")
        assert shown.json() == {"number": number, "wanted": ["a", str(number)]}
        assert shown.field("X-Path") == f"/things/{number}"
        made = site.post(f"/things/{number}", dumped({"text": f"\u2603 {number}"}), JSON, status=201)
        assert made.json() == {"number": number, "got": {"text": f"\u2603 {number}"}}
        assert made.field("Location") == f"/things/{number}"

    def look_once(self, site):
        assert site.get("/things/1000001", status=404).json() == {"title": "no such thing"}
        site.post("/things/1", b"{", JSON, status=400)


# Without packages, or with small ones of Debian's: these run with all other tests.
OF_DEBIAN = [Bottle, Falcon]
ALL = [*OF_DEBIAN]
