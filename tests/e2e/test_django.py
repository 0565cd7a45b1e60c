"""The sample Django project behind nginx and Apache: admin, sessions in SQLite, uploads, streaming."""

import hashlib
import re
import subprocess
from urllib.parse import urlencode

import pytest

import web
from appd import PYTHON, Appd
from fronts import MODES, Apache, Nginx
from processes import Place, clean_environment, unprivileged
from test_flask import cookies_of, multipart

PASSWORD = "correct horse battery staple"


def manage(installed, environment, *arguments):
    subprocess.run([PYTHON, installed.apps / "django_site" / "manage.py", *arguments],
                   env=clean_environment(environment), check=True, capture_output=True, timeout=120,
                   **unprivileged())


@pytest.fixture(scope="module")
def project(installed):
    """The server with a fresh database that has the user "admin"."""
    place = Place()
    environment = {"DJANGO_DB": place / "db.sqlite3", "DJANGO_MEDIA": place.folder("media"),
                   "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    manage(installed, environment, "migrate", "--verbosity", "0")
    manage(installed, environment, "createsuperuser", "--noinput", "--username", "admin",
           "--email", "admin@example.test")
    server = Appd(installed, module="django_site.wsgi:application", workers=2, env=environment)
    yield server
    server.stop()
    place.remove()


@pytest.fixture(scope="module", params=[Nginx, Apache], ids=["nginx", "apache"])
def front(request, project):
    running = request.param(project.address)
    yield running
    running.stop()


@pytest.fixture(params=MODES)
def port(request, front):
    return front.port(request.param)


class Visitor:
    """A browser as far as Django needs one: keeps cookies, sends the form's token."""

    def __init__(self, port):
        self.port = port
        self.cookies = {}

    def get(self, target):
        return self._keep(web.get(self.port, target, self._fields()))

    def submit(self, target, values):
        page = self.get(target)
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body).group(1).decode()
        body = urlencode({**values, "csrfmiddlewaretoken": token}).encode()
        fields = self._fields() + [("Content-Type", "application/x-www-form-urlencoded"),
                                   ("Referer", f"http://example.test{target}")]
        return self._keep(web.request(self.port, "POST", target, fields, body=body))

    def _fields(self):
        if not self.cookies:
            return []
        return [("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))]

    def _keep(self, reply):
        for cookie in filter(None, cookies_of(reply).split("; ")):
            name, _, value = cookie.partition("=")
            self.cookies[name] = value
        return reply


def test_the_admin_is_entered_and_used(port):
    visitor = Visitor(port)
    assert visitor.get("/admin/").field("Location") == "/admin/login/?next=/admin/"
    entered = visitor.submit("/admin/login/?next=/admin/", {"username": "admin", "password": PASSWORD})
    assert (entered.status, entered.field("Location")) == (302, "/admin/")
    assert "Site administration" in visitor.get("/admin/").body.decode()
    title = f"A book by port {port}: caf\u00e9"
    added = visitor.submit("/admin/library/book/add/", {"title": title})
    assert (added.status, added.field("Location")) == (302, "/admin/library/book/")
    assert title in visitor.get("/admin/library/book/").body.decode()


def test_a_wrong_password_is_refused(port):
    reply = Visitor(port).submit("/admin/login/", {"username": "admin", "password": "guess"})
    assert reply.status == 200 and b"correct" in reply.body


def test_a_form_without_its_token_is_refused(port):
    reply = web.request(port, "POST", "/admin/login/", body=b"username=admin")
    assert reply.status == 403


def test_a_session_lasts_across_workers(port):
    visitor = Visitor(port)
    assert [visitor.get("/visits/").json()["visits"] for _ in range(6)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("size", [1, 6_000_000])
def test_a_file_is_uploaded_and_stored(port, size):
    content = (b"django upload " * (size // 14 + 1))[:size]
    fields, body = multipart({"title": "uploaded"}, "cover", "cover.bin", content)
    reply = web.request(port, "POST", "/upload/", fields, body=body).json()
    assert (reply["size"], reply["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_streaming_response_is_whole(port):
    assert web.get(port, "/stream/").body == b"".join(b"line %d\n" % number for number in range(1000))


def test_a_path_beyond_ascii_finds_its_view(port):
    assert web.get(port, "/books/caf%C3%A9%20%E2%98%83/").status == 404
    assert web.get(port, "/books/caf%C3%A9").field("Location") == "/books/caf%C3%A9/"


@pytest.mark.parametrize("mode", ["fastcgi-kept", "fastcgi-closed"])
def test_a_chunked_upload_is_read_whole(front, mode):
    """Django reads nothing without a true CONTENT_LENGTH."""
    port = front.port(mode, streaming=True) if isinstance(front, Nginx) else front.port(mode)
    upload = web.Upload(300_000)
    reply = web.request(port, "POST", "/raw/", body=upload, chunked=True)
    assert reply.json() == {"length": upload.size, "sha256": upload.sha256}
