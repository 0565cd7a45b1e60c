"""An application that answers with 5xx and says nothing about it leaves a line all the same."""

import pytest

import every_wire
from processes import wait_until

protocol = every_wire.protocol

SITE = """
import logging, sys
log = logging.getLogger("site")
log.addHandler(logging.StreamHandler())  # keeps the stream that is sys.stderr now
log.propagate = False

def application(environ, start_response):
    path, status = environ["PATH_INFO"], (environ["QUERY_STRING"] or "500") + " Status"
    if path == "/raise":
        raise ValueError("said")
    if path == "/stderr":
        print("said", file=sys.stderr)
    if path == "/stdout":
        print("said")
    if path == "/errors":
        environ["wsgi.errors"].write("said\\\\n")
    if path == "/logging":
        log.error("said")
    if path == "/lines":
        sys.stderr.writelines(["said\\\\n"])
    start_response(status, [("Content-Length", "0")])
    if path == "/late":
        raise ValueError("said")
    return []
""".replace("\\\\", "\\")

DJANGO = """
import sys
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path
settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none", LOGGING={logging})
def fail(request):
    raise ValueError("nobody hears of it")
urlpatterns = [path("", fail)]
application = get_wsgi_application()
"""
TO_STDERR = """{"version": 1, "disable_existing_loggers": False, "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]}}"""

def silent(path, status):
    return "application.silent_error", rf"^GET {path}: .*\b{status}\b"


@pytest.fixture
def site(start, place):
    def start_site(text, *options):
        place.write("silent.py", text)
        return start("--pythonpath", place.path, *options, module="silent", threads=1)

    return start_site


@pytest.mark.parametrize("status", ["500", "599"])
def test_an_error_that_nobody_explains_has_a_line(site, protocol, status):
    server = site(SITE)
    assert server.call(protocol, "/", query=status).status == int(status)
    event = server.wait_event(*silent(rf"/\?{status}", status))
    assert (event.level, event.role) == ("warn", "worker 1")


@pytest.mark.parametrize("path", ["/stderr", "/stdout", "/errors", "/logging", "/lines", "/raise", "/late"])
def test_one_that_is_explained_has_no_more(site, path):
    server = site(SITE)
    assert server.call("uwsgi", path).status == 500
    assert server.call("uwsgi", "/", query="499").status == 499
    assert server.call("uwsgi", "/last").status == 500
    server.wait_event(*silent("/last", 500))
    assert len(server.find_events("application.silent_error")) == 1


def test_a_flood_of_them_is_counted(site):
    server = site(SITE)
    for _ in range(30):
        server.call("uwsgi")
    server.wait_event("application.silent_error", r"^and \d+ more")
    assert len(server.find_events(*silent("/", 500))) < 30


def test_it_is_the_same_in_a_process_that_was_forked(site):
    server = site(SITE, "--preload")
    assert server.call("uwsgi", "/stderr").status == 500
    assert server.call("uwsgi").status == 500
    server.wait_event(*silent("/", 500))
    assert len(server.find_events("application.silent_error")) == 1


@pytest.mark.parametrize("logging", ["{}", TO_STDERR], ids=["without LOGGING", "with LOGGING"])
def test_django_without_debug_tells_nobody_unless_it_is_told_to(site, logging):
    server = site(DJANGO.replace("{logging}", logging))
    assert server.call("fastcgi").status == 500
    if logging == "{}":
        server.wait_event(*silent("/", 500))
    else:
        wait_until(lambda: "ValueError: nobody hears of it" in server.log(), "the traceback, which is no event")
    server.send_signal(15)
    assert server.wait_exit() == 0
    assert bool(server.find_events("application.silent_error")) == (logging == "{}")
    assert ("nobody hears of it" in server.log()) == (logging != "{}")
