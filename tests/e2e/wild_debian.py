"""The applications of tests/apps/wild that need no packages, or small ones of Debian's, and run with all other tests."""

import struct
from urllib.parse import urlencode

from processes import alive
from wild import FORM, JSON, Kind, dumped


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


OF_DEBIAN = [Bottle, Falcon, Numpy, Lxml, Multiprocessing, Subprocess]
