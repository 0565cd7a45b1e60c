"""--warmup: what an application answers before it serves, and which responses let it."""

import json
import re

import pytest

import wire
from appd import parse_log, select_events

EXIT_START = 4

SITE = """
import json

def application(environ, start_response):
    path = environ["PATH_INFO"]
    status, headers = "200 OK", []
    if path.startswith("/secure") and environ["wsgi.url_scheme"] != "https":
        status = "301 Moved Permanently"
        headers = [("Content-Length", "0"), ("Location", "https://" + environ["HTTP_HOST"] + path)]
    elif path == "/login":
        status, headers = "302 Found", [("location", "/accounts/login/")]
    elif path.strip("/").isdigit():
        status = path.strip("/") + " Told"
    if path == "/secure/note":
        with open("seen.json", "w") as file:
            json.dump({name: value for name, value in environ.items() if isinstance(value, str)}, file)
    start_response(status, headers)
    return [b""]
"""


@pytest.fixture(params=["start", "check", "preloaded check"])
def fail(request, installed, place):
    """What appd says when it does not start, or would not."""
    place.write("site_to_warm.py", SITE)
    actions = {"start": [], "check": ["--check"], "preloaded check": ["--check", "--preload"]}

    def run(*options):
        ended = installed.run("--socket", place / "app.sock", "--chdir", place.path, "--module", "site_to_warm",
                              "--workers", 1, *actions[request.param], *options, within=60)
        assert ended.returncode == EXIT_START, ended.stderr
        events = parse_log(ended.stderr)
        assert not select_events(events, ("worker.failed", "worker.out_of_memory", "worker.died")), "in order"
        (event,) = select_events(events, "worker.start_failed" if request.param == "start" else "check.failed")
        return event.text

    return run


@pytest.fixture
def site(start, place):
    def start_site(*options, **rest):
        place.write("site_to_warm.py", SITE)
        return start("--chdir", place.path, *options, module="site_to_warm", **rest)

    return start_site


def test_a_redirect_to_https_fails_and_the_cure_is_told(fail):
    assert re.search(r"--warmup /secure .*\b301 to https://localhost/secure; .* --warmup https://localhost/secure$",
                     fail("--warmup", "/", "--warmup", "/secure"))


def test_a_host_that_is_not_known_may_be_another(fail):
    said = fail("--warmup", "/400")
    assert re.search(r"--warmup /400 .*\b400; .*--warmup https://example\.org/400", said)


def test_another_redirect_fails_and_says_where_it_leads(fail):
    said = fail("--warmup", "/login", "--warmup-accept", "301,303")
    assert re.search("--warmup /login .*302 to /accounts/login/; follow the redirect with", said)


@pytest.mark.parametrize("status", [300, 404, 499, 500])
def test_what_is_no_success_fails(fail, status):
    assert re.search(rf"--warmup /{status} .*\b{status}\b", fail("--warmup", f"/{status}"))


def test_what_is_accepted_passes_with_a_warning(site):
    server = site("--warmup", "/login", "--warmup", "/404", "--warmup", "/299", "--warmup-accept", "3xx,404", workers=1)
    redirected, missing = [event.text for event in server.find_events("warmup.accepted", "--warmup-accept")]
    assert re.search("--warmup /login .*302 to /accounts/login/", redirected)
    assert re.search("--warmup /404 .*404", missing)


def test_a_check_passes_when_the_responses_do(installed, place):
    place.write("site_to_warm.py", SITE)
    ended = installed.run("--check", "--socket", place / "app.sock", "--chdir", place.path, "--module", "site_to_warm",
                          "--warmup", "https://example.org/secure", "--warmup", "/404", "--warmup-accept", "404")
    assert ended.returncode == 0
    assert "site_to_warm can be imported and answers --warmup" in ended.stdout
    assert select_events(parse_log(ended.stderr), "warmup.accepted", "--warmup /404 .*404.*--warmup-accept")
    assert not (place / "app.sock").exists()


@pytest.mark.parametrize("protocol", wire.WIRES)
def test_a_url_is_asked_for_with_its_scheme_and_host(site, place, protocol):
    site("--warmup", "https://example.org:8443/secure/note?full=1", "--protocol", protocol, workers=1)
    seen = json.loads((place / "seen.json").read_text())
    assert {name: seen.get(name) for name in ("wsgi.url_scheme", "HTTPS", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT",
                                              "PATH_INFO", "QUERY_STRING")} == {
        "wsgi.url_scheme": "https", "HTTPS": "on", "HTTP_HOST": "example.org:8443", "SERVER_NAME": "example.org",
        "SERVER_PORT": "8443", "PATH_INFO": "/secure/note", "QUERY_STRING": "full=1",
    }


DJANGO = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(ALLOWED_HOSTS=["example.org", {more}], SECURE_SSL_REDIRECT=True, SECRET_KEY="secret",
                   ROOT_URLCONF="urls_to_warm", MIDDLEWARE=["django.middleware.security.SecurityMiddleware"])
application = get_wsgi_application()
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("health", lambda request: HttpResponse("well"))]
"""


@pytest.fixture
def project(place):
    """A Django project that wants https and knows its host."""

    def write(urls=URLS, more=""):
        place.write("django_to_warm.py", DJANGO.format(more=more))
        place.write("urls_to_warm.py", urls)
        return "--chdir", place.path

    return write


def test_only_a_warm_up_notices_broken_urls_of_django(project, start, installed, place):
    options = project(urls="import no_such_module")
    server = start(*options, module="django_to_warm")
    assert server.call("uwsgi", "/health", headers=[("Host", "example.org")], extra=[("HTTPS", "on")]).status == 500
    ended = installed.run("--check", "--socket", place / "app.sock", *options, "--module", "django_to_warm",
                          "--warmup", "https://example.org/health")
    assert ended.returncode == EXIT_START
    assert select_events(parse_log(ended.stderr), "check.failed", r"--warmup https://example\.org/health .*\b500\b")


@pytest.mark.parametrize("more, target, cure", [
    ("", "/health", "--warmup https://example.org/health"),
    ("'localhost'", "/health", "redirects http to https: --warmup https://localhost/health"),
], ids=["unknown host", "redirect"])
def test_django_is_warmed_by_what_the_failure_says(project, installed, place, more, target, cure):
    command = ["--check", "--socket", place / "app.sock", *project(more=more), "--module", "django_to_warm"]
    failed = installed.run(*command, "--warmup", target)
    assert failed.returncode == EXIT_START and cure in failed.stderr
    assert installed.run(*command, *cure[cure.index("--warmup"):].split()).returncode == 0
