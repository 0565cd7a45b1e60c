"""--static: files that are answered without the application, over every wire."""

import os
import re
from email.utils import formatdate

import pytest

import every_wire
import wire
from http_site import Site
from processes import Place, unique, wait_until

protocol = every_wire.protocol
LARGE = bytes(range(256)) * 40_000


@pytest.fixture(scope="module")
def files():
    place = Place()
    folder = place.folder("files")
    place.folder("files/css")
    for name, content in {
        "css/site.css": b"body { color: red }\n", "css/site.css.gz": b"gzipped", "css/index.html": b"<p>index</p>",
        "site.27e20196a850.js": b"1", "large.bin": LARGE, ".secret": b"dot", "locked.txt": b"locked",
        "\u00e4 b.txt": b"name", "../outside.txt": b"outside",
    }.items():
        place.write(f"files/{name}", content)
    (folder / "locked.txt").chmod(0)
    (folder / "way-out").symlink_to("../outside.txt")
    (folder / "inside").symlink_to("css/site.css")
    yield folder
    place.remove()


@pytest.fixture(scope="module")
def site(installed, files):
    """One thread, and static files whose folder is named from where the application is."""
    running = Site(installed, "--chdir", files.parent, "--static", f"/static={files.name}",
                   "--static", f"/static/css={files}/css", "--static-index", "index.html", "--static-max-age", "1h",
                   "--access-log", "-", http=True, threads=1)
    yield running
    running.stop()


def test_the_file_with_its_fields(site, files, protocol):
    response = site.call(protocol, "/static/css/site.css")
    modified = (files / "css" / "site.css").stat().st_mtime
    assert (response.status, response.body) == (200, b"body { color: red }\n")
    assert response.field("Content-Type") == "text/css; charset=utf-8"
    assert response.field("Last-Modified") == formatdate(int(modified), usegmt=True)
    assert response.field("Cache-Control") == "max-age=3600"
    assert response.field("Vary") == "Accept-Encoding"
    again = site.call(protocol, "/static/css/site.css", headers=[("If-None-Match", response.field("ETag"))])
    assert (again.status, again.body) == (304, b"")


def test_a_large_one_whole_and_in_parts(site, protocol):
    assert site.call(protocol, "/static/large.bin").body == LARGE
    part = site.call(protocol, "/static/large.bin", headers=[("Range", "bytes=100-5000000")])
    assert (part.status, part.body == LARGE[100:5_000_001]) == (206, True)
    parts = site.call(protocol, "/static/large.bin", headers=[("Range", "bytes=0-9,3000000-4000000")])
    assert parts.status == 206 and LARGE[3_000_000:4_000_001] in parts.body
    assert site.call(protocol, "/static/large.bin", headers=[("Range", "bytes=20000000-")]).status == 416


def test_the_compressed_neighbour(site, protocol):
    response = site.call(protocol, "/static/css/site.css", headers=[("Accept-Encoding", "gzip, br")])
    assert (response.field("Content-Encoding"), response.body) == ("gzip", b"gzipped")


def test_names(site, protocol):
    assert site.call(protocol, "/static/css/").body == b"<p>index</p>"
    assert site.call(protocol, "/static/inside").body == b"body { color: red }\n"
    assert "immutable" in site.call(protocol, "/static/site.27e20196a850.js").field("Cache-Control")


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/css", "/static/.secret", "/static/way-out",
                                  "/static/../outside.txt", "/static/css/../../outside.txt", "/static/none",
                                  "/static/large.bin/", "/static//large.bin"])
def test_what_is_never_served(site, protocol, path):
    response = site.call(protocol, path)
    assert (response.status, response.body) == (404, b"404 Not Found\nThere is no such file.\n")


def test_encoded_names(site):
    with site.connect() as client:
        for target, status in (("/static/%C3%A4%20b.txt", 200), ("/static/%2e%2e/outside.txt", 404),
                               ("/static/css%2fsite.css", 200), ("/static/large.bin%00.css", 404)):
            client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (target, client.read_response().status) == (target, status)


def test_only_reading(site, protocol):
    response = site.call(protocol, "/static/large.bin", method="POST", body=b"x" * 100_000)
    assert (response.status, response.field("Allow")) == (405, "GET, HEAD")
    head = site.call(protocol, "/static/large.bin", method="HEAD")
    assert (head.field("Content-Length"), head.body) == (str(len(LARGE)), b"")


def test_no_thread_is_needed(site, protocol):
    gate = site.gate(unique("held"))
    with wire.begin("fastcgi", site.address, wire.variables("GET", "/hold", f"gate={gate.name}")) as busy:
        gate.wait_entered()
        assert site.call(protocol, "/static/inside").status == 200
        gate.open()
        assert busy.read_response().status == 200


def test_a_file_that_may_not_be_read_is_forbidden_and_logged(site, protocol):
    assert site.call(protocol, "/static/locked.txt").status == 403
    assert "Permission denied" in site.wait_event("static.file_failed", "/static/locked.txt").text


def test_the_access_log_has_them(site, protocol):
    site.call(protocol, "/static/large.bin", query=f"by={protocol}")
    line = wait_until(lambda: re.search(rf"/static/large\.bin\?by={protocol}.*", site.output()), "the line")
    assert f" 200 {len(LARGE)} " in line.group()


def test_a_file_that_becomes_shorter_while_it_is_sent_is_visibly_cut(site, files, protocol):
    path = files / f"shrinks.{protocol}"
    path.touch()
    os.truncate(path, 64 << 20)
    with wire.begin(protocol, site.address, wire.variables("GET", f"/static/{path.name}")) as client:
        assert client.read_some()
        os.truncate(path, 0)
        rest = client.read_to_end()
        assert len(rest) < 64 << 20
    assert site.wait_event("response.file_short")


@pytest.mark.parametrize("action", [(), ("--check",)], ids=["start", "check"])
@pytest.mark.parametrize("option", ["--static", "--internal-files"])
def test_a_folder_that_the_workers_may_not_enter_stops_the_start(installed, option, action):
    place = Place()
    locked = place.folder("locked")
    locked.chmod(0)
    started = installed.run("--socket", place / "app.sock", "--pythonpath", installed.apps, "--module",
                            "wsgi_probe:application", option, f"/st={locked}", *action)
    place.remove()
    assert started.returncode != 0
    assert f"cannot enter the directory {locked}: Permission denied" in started.stderr


# ---- files of which the application decides who gets them

LEAVES = '''
import pathlib
from flask import Flask, send_file

app = Flask(__name__)
app.config["USE_X_SENDFILE"] = True
FOLDER = pathlib.Path(__file__).parent / "files"


@app.get("/by-path/<path:name>")
def by_path(name):
    return send_file(FOLDER / name, as_attachment=True)


@app.get("/by-url/<path:name>")
def by_url(name):
    return "", {"X-Accel-Redirect": f"/protected/{name}", "Content-Type": "application/x-own"}


def application(environ, start_response):
    if environ["PATH_INFO"] != "/written":
        return app(environ, start_response)
    write = start_response("200 OK", [("X-Accel-Redirect", "/protected/css/site.css")])
    write(b"not this")
    write(b"nor this")
    return [b"nor that"]
'''


@pytest.fixture(scope="module")
def leaving(installed, files):
    (files.parent / "leaves.py").write_text(LEAVES)
    running = Site(installed, "--chdir", files.parent, "--pythonpath", files.parent,
                   "--internal-files", "/protected=files", module="leaves:application", http=True)
    yield running
    running.stop()


def test_flask_leaves_a_file_to_the_server(leaving):
    response = leaving.call("http", "/by-path/large.bin")
    assert (response.status, response.body == LARGE) == (200, True)
    assert response.field("Content-Disposition") == "attachment; filename=large.bin"
    assert response.field("X-Sendfile") is None
    part = leaving.call("http", "/by-path/large.bin", headers=[("Range", "bytes=9-1000000")])
    assert (part.status, part.body == LARGE[9:1_000_001]) == (206, True)


def test_as_nginx_takes_it(leaving):
    response = leaving.call("http", "/by-url/css/site.css")
    assert (response.body, response.field("Content-Type")) == (b"body { color: red }\n", "application/x-own")
    assert leaving.call("http", "/by-url/none").status == 404
    assert leaving.wait_event("response.file_refused", "/by-url/none", "there is no such file").level == "error"


def test_what_the_application_writes_beside_it_is_dropped(leaving):
    with wire.open_client("http", leaving.address) as client:
        for _ in range(3):
            assert client.request(wire.variables(path="/written")).body == b"body { color: red }\n"
    assert not leaving.find_events("application.raised")


def test_a_client_cannot_ask_for_it(leaving):
    assert leaving.call("http", "/protected/css/site.css").status == 404
    response = leaving.call("http", "/by-url/..%2foutside.txt")
    assert response.status == 404 and b"outside" not in response.body


def test_a_front_gets_the_name(leaving):
    response = leaving.call("fastcgi", "/by-url/css/site.css")
    assert (response.body, response.field("X-Accel-Redirect")) == (b"", "/protected/css/site.css")
