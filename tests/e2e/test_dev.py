"""appd dev: what it serves, when it reloads, and what it shows."""

import base64
import hashlib
import os
import re
import socket
import time

import pytest

from dev_site import BANNER, BROWSER, HELLO, DevSite
from processes import Place, wait_until

RELOADED = "\nreloaded\n"
BROKEN = HELLO + "\ndef (\n"


@pytest.fixture
def project(place):
    place.folder("project")
    place.write("project/app.py", HELLO)
    return place


@pytest.fixture
def dev(installed, project):
    """Starts one: dev(*options)."""
    started = []

    def start_one(*options, **rest):
        started.append(DevSite(installed, project, *options, **rest))
        return started[-1]

    yield start_one
    for site in started:
        site.stop()


def two(text=HELLO) -> str:
    return text.replace('b"one"', 'b"two"')


# ---- start and end


def test_it_says_where_it_serves_and_logs_each_request_for_a_person(dev):
    site = dev()
    assert f"{BANNER}app:application on http://127.0.0.1:{site.port.number}/" in site.said()
    assert site.get("/a?b=c")[::2] == (200, b"one")
    site.wait_said("/a?b=c")
    assert re.search(r"^\d\d:\d\d:\d\d 200 GET /a\?b=c  [\d.]+ ms, 3 B$", site.said(), re.MULTILINE)


def test_it_ends_with_0_at_ctrl_c(dev):
    site = dev()
    os.kill(site.pid, 2)
    assert site.process.wait(60) == 0


def test_a_taken_port_is_told_with_the_option(installed, project):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = installed.run("dev", "app:application", "--http", f"127.0.0.1:{port}", cwd=project / "project")
    assert ended.returncode == 3
    assert f"127.0.0.1:{port}" in ended.stderr and "appd dev --http " in ended.stderr


def test_a_misspelt_module_ends_the_start(installed, project):
    ended = installed.run("dev", "ap:application", "--http", "127.0.0.1:0", cwd=project / "project")
    assert ended.returncode == 4
    assert "cannot import module 'ap'" in ended.stderr and "working directory" in ended.stderr


def test_without_an_application_it_says_how(installed):
    ended = installed.run("dev")
    assert (ended.returncode, ended.stderr) == (
        2, "appd: command line: appd dev needs the application: appd dev app:application\n")


def test_open_calls_the_browser_once(dev, project):
    browser = project.write("browser", f"#!/bin/sh\necho \"$1\" >> {project / 'opened'}\n")
    browser.chmod(0o755)
    site = dev("--open", env={"BROWSER": f"{browser} %s"})
    wait_until((project / "opened").exists, "the browser is called")
    site.write(two())
    site.wait_body(b"two")
    assert (project / "opened").read_text() == f"http://127.0.0.1:{site.port.number}/\n"


# ---- reload


def in_place(path, text):
    path.write_text(text)


def by_rename(path, text):
    """As vim and many others."""
    backup = path.with_name(path.name + "~")
    os.rename(path, backup)
    path.write_text(text)
    backup.unlink()


def from_beside(path, text):
    """As editors that write safely, and git."""
    new = path.with_name(".app.py.new")
    new.write_text(text)
    os.rename(new, path)


@pytest.mark.parametrize("save", [in_place, by_rename, from_beside])
def test_a_saved_file_is_served(dev, project, save):
    site = dev()
    save(project / "project" / "app.py", two())
    site.wait_body(b"two")
    assert "app.py has changed: reloading\n" in site.said()
    site.wait_said(RELOADED)
    assert site.said().count(RELOADED) == 1


def test_what_is_saved_within_the_same_second_is_served(dev, project):
    """Bytecode of the file before would be taken for that of this one: neither time nor size tells them apart."""
    path = project / "project" / "app.py"
    later = int(time.time()) + 1000
    os.utime(path, (later, later))
    site = dev(env={"PYTHONDONTWRITEBYTECODE": ""})
    for word in ("two", "six", "ten"):
        path.write_text(HELLO.replace("one", word))
        os.utime(path, (later, later))
        site.wait_body(word.encode())


def test_a_touch_and_a_template_reload(dev, project):
    templates = project.folder("project/templates")
    site = dev()
    os.utime(project / "project" / "app.py")
    site.wait_said(RELOADED)
    project.write("project/templates/mail.txt", "Hello")
    assert templates.exists()
    site.wait_said(RELOADED, times=2)


def test_a_module_outside_of_the_folder_is_watched_once_it_is_imported(dev, project):
    project.folder("lib")
    project.write("lib/outside.py", "ANSWER = b'one'")
    project.write("project/app.py", HELLO.replace('[b"one"]', '[__import__("outside").ANSWER]'))
    site = dev("--pythonpath", project / "lib")
    site.wait_body(b"one")
    project.write("lib/outside.py", "ANSWER = b'two'")
    site.wait_body(b"two")


def test_any_file_of_a_named_folder_reloads_and_data_beside_the_code_does_not(dev, project):
    project.folder("data")
    site = dev("--watch", project / "data")
    project.write("project/db.sqlite3", "x")
    project.write("data/prices.csv", "x")
    site.wait_said(RELOADED)
    assert "prices.csv has changed" in site.said() and "sqlite" not in site.said()


# ---- code that cannot be loaded


def test_old_code_goes_on_while_the_new_cannot_be_loaded(dev):
    site = dev()
    site.write(BROKEN)
    wait_until(lambda: "reload.refused" in site.log(), "the reload fails")
    assert "SyntaxError" in site.log() and "project/app.py" in site.log()
    assert site.body() == b"one"  # a program that asks
    status, fields, page = site.get("/x?y=z", **BROWSER)
    assert status == 500 and b"SyntaxError" in page and b"def (" in page and b"importlib" not in page
    assert fields["Content-Security-Policy"].startswith("default-src 'none'")
    way = re.search(rb'href="(/x\?y=z&amp;appd-go-on=1)"', page).group(1).decode().replace("&amp;", "&")
    status, fields, _ = site.get(way, **BROWSER)
    assert (status, fields["Location"]) == (303, "/x?y=z")
    assert site.body(**BROWSER) == b"one"
    site.write(BROKEN + "\n")
    wait_until(lambda: b"SyntaxError" in site.body(**BROWSER), "another failure is shown again")
    site.write(two())
    site.wait_body(b"two", **BROWSER)


def test_the_page_of_a_failed_reload_is_not_for_other_names(dev):
    site = dev()
    site.write(BROKEN)
    wait_until(lambda: b"SyntaxError" in site.body(**BROWSER), "the reload fails")
    assert site.body(Host="evil.example", **BROWSER) == b"one"


def test_it_starts_with_broken_code_and_serves_when_that_is_mended(dev, project):
    project.write("project/app.py", BROKEN)
    site = dev()
    assert "SyntaxError" in site.log()
    status, _, page = site.get("/", **BROWSER)
    assert status == 500 and b"SyntaxError" in page
    assert b"SyntaxError" not in site.body(Host="evil.example", **BROWSER)
    site.write(BROKEN.replace("def (", "import nowhere"))
    wait_until(lambda: b"ModuleNotFoundError" in site.body(**BROWSER), "the next failure is shown")
    site.write(two())
    site.wait_body(b"two", **BROWSER)


# ---- error pages


@pytest.fixture(scope="module")
def failing(installed):
    place = Place()
    place.folder("project")
    place.write("project/app.py", HELLO)
    site = DevSite(installed, place)
    yield site
    site.stop()
    place.remove()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "shop.localhost", "[::1]:80"])
def test_an_exception_becomes_a_page_with_source_and_variables(failing, host):
    status, fields, page = failing.get("/fail", Host=host)
    assert status == 500 and fields["Content-Type"] == "text/html; charset=utf-8"
    assert fields["Cache-Control"] == "no-store" and fields["X-Content-Type-Options"] == "nosniff"
    text = page.decode()
    assert "ValueError: not &lt;b&gt;good&lt;/b&gt;" in text and "<b>good" not in text
    assert "project/app.py" in text and "GET /fail" in text
    assert "<mark>" in text and "raise ValueError" in text
    assert "<td>password</td><td>&#x27;&lt;secret&gt;&#x27;</td>" in text
    assert "appd development" not in text  # frames of appd's own
    assert "GET /fail failed:" in failing.log() and "ValueError: not <b>good</b>" in failing.log()


@pytest.mark.parametrize("fields", [
    {"Host": "evil.example"}, {"Host": "localhost.evil.example"}, {"Host": "127.0.0.1.evil.example"},
    {"X_Forwarded_For": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"},
    {"Via": "1.1 proxy"},
], ids=str)
def test_other_names_and_proxies_get_no_page(failing, fields):
    status, _, body = failing.get("/fail", **fields)
    assert status == 500 and b"secret" not in body and b"ValueError" not in body


def test_an_exception_in_the_body_becomes_a_page_while_nothing_is_sent(failing):
    status, _, page = failing.get("/late")
    assert status == 500 and b"KeyError" in page and b"yield" in page


def test_where_others_can_connect_there_are_no_pages(dev, project):
    site = dev(host="0.0.0.0")
    assert "no error pages" in site.said()
    status, _, body = site.get("/fail")
    assert status == 500 and b"secret" not in body
    site.write(BROKEN)
    wait_until(lambda: "reload.refused" in site.log(), "the reload fails")
    assert site.body(**BROWSER) == b"one"


# ---- frameworks


def test_flask_shows_exceptions_and_its_static_files(dev, project):
    project.folder("project/static")
    project.write("project/static/style.css", "body { }")
    project.write("project/shop.py", """
from flask import Flask, render_template
app = Flask(__name__)


@app.route("/")
def home():
    return render_template("home.html")


@app.route("/fail")
def fail():
    unseen = 7
    raise LookupError("in a view")
""")
    project.folder("project/templates")
    project.write("project/templates/home.html", "<p>{{ 1 + 1 }}</p>")
    site = dev(module="shop:app")
    assert site.body() == b"<p>2</p>"
    assert site.body("/static/style.css") == b"body { }"
    page = site.body("/fail").decode()
    assert "LookupError: in a view" in page and "<td>unseen</td><td>7</td>" in page
    project.write("project/templates/home.html", "<p>{{ 2 + 2 }}</p>")
    site.wait_body(b"<p>4</p>")


DJANGO_WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
application = get_wsgi_application()
"""


def test_django_serves_static_files_of_its_applications_and_shows_its_own_page(dev, project):
    project.write("project/settings.py", """
from pathlib import Path
BASE_DIR = Path(__file__).parent
DEBUG = True
SECRET_KEY = "x"
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "shop"]
STATIC_URL = "/static/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
              "DIRS": [BASE_DIR.parent / "templates"]}]
""")
    project.write("project/urls.py", """
from django.shortcuts import render
from django.urls import path
urlpatterns = [path("", lambda request: render(request, "home.html")), path("fail", lambda request: 1 / 0)]
""")
    project.write("project/wsgi.py", DJANGO_WSGI)
    for folder in ("project/shop", "project/shop/static", "templates"):
        project.folder(folder)
    project.write("project/shop/__init__.py", "")
    project.write("project/shop/static/shop.css", "body { }")
    project.write("templates/home.html", "one")
    site = dev(module="wsgi:application")
    assert site.body() == b"one"
    status, fields, body = site.get("/static/shop.css")
    assert (status, body) == (200, b"body { }") and fields["Content-Type"] == "text/css"
    assert b"ZeroDivisionError" in site.body("/fail")
    project.write("templates/home.html", "two")
    site.wait_body(b"two")


def test_django_names_mistakes_and_missing_migrations(dev, project):
    settings = """
SECRET_KEY = "x"
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.contenttypes"]
"""
    project.write("project/settings.py", settings)
    project.write("project/urls.py", """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("one")), path("/x", lambda request: None)]
""")
    project.write("project/wsgi.py", DJANGO_WSGI)
    site = dev(module="wsgi:application")
    assert "urls.W002" in site.log() and "unapplied" not in site.log()
    site.write(settings + 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}\n',
               "settings.py")
    site.wait_said(RELOADED)
    assert re.search(r"You have 2 unapplied migration\(s\).*contenttypes", site.log())
    site.write(settings + 'LANGUAGES = [("no tongue", "")]\n', "settings.py")
    site.wait_said(RELOADED, 2)
    assert re.search("(?m)^SystemCheckError.*(?s:.*)translation.E002", site.log())
    site.write("broken", "urls.py")
    site.wait_said(RELOADED, 3)
    assert "NameError: name 'broken' is not defined" in site.log()


STREAM = """
import threading


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ticks() if environ["PATH_INFO"] == "/stream" else [b"one"]


def ticks():
    yield b"tick"
    threading.Event().wait()
"""


def test_a_stream_of_the_old_code_is_broken_off_after_a_reload(dev, project):
    project.write("project/app.py", STREAM)
    site = dev()
    with socket.create_connection(("127.0.0.1", site.port.number), timeout=60) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = client.recv(4096)
        while b"tick" not in received:
            received += client.recv(4096)
        site.write(two(STREAM))
        site.wait_said(RELOADED)
        assert site.body() == b"two"
        assert client.recv(1) == b""
    assert "worker.killed" in site.log() and "GET /stream" in site.log()


def test_a_named_folder_has_to_be_there(installed, project):
    ended = installed.run("dev", "app:application", "--watch", "nowhere", cwd=project / "project")
    assert ended.returncode == 2 and "--watch: nowhere is no folder" in ended.stderr


def test_only_its_own_script_runs_in_the_page_of_a_failed_load(dev):
    site = dev()
    site.write(BROKEN)
    wait_until(lambda: b"SyntaxError" in site.body(**BROWSER), "the reload fails")
    _, fields, page = site.get("/", **BROWSER)
    (script,) = re.findall(rb"<script.*?>(.*?)</script>", page)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert b"location.reload()" in script
    assert f"script-src 'sha256-{digest}'" in fields["Content-Security-Policy"]
