"""wsgiref.validate round the sample applications: it raises wherever server or application break PEP 3333."""

import hashlib

import pytest

import every_wire
import web
from appd import Appd
from fronts import MODES, Apache, Nginx

protocol = every_wire.protocol
MIB = 1 << 20
MODULE = """
from wsgiref.validate import validator
from {module} import {name} as inner

def checked(environ, start_response):
    environ["wsgi.errors"].write("validated\\n")
    return wrapped(environ, start_response)

wrapped = validator(inner)
"""


@pytest.fixture(scope="module")
def validated(installed):
    """Starts servers whose application is inside the validator; they live as long as the file's tests."""
    started = {}

    def of(module, name) -> Appd:
        if module not in started:
            path = installed.place.write(f"validated_{module.replace('.', '_')}.py",
                                         MODULE.format(module=module, name=name))
            started[module] = Appd(installed, "--pythonpath", path.parent, module=f"{path.stem}:checked", http=True,
                                   env={"DJANGO_DB": installed.place / "validated.sqlite3"})
        return started[module]

    yield of
    for server in started.values():
        server.stop()


@pytest.fixture(params=[("wsgi_probe", "application"), ("flask_app", "app"),
                        ("django_site.wsgi", "application")], ids=["probe", "flask", "django"])
def server(request, validated):
    found = validated(*request.param)
    found.forget_log()
    yield found
    complaints = [event.text for event in found.events()
                  if "AssertionError" in event.text or "WSGIWarning" in event.text]
    assert not complaints


PAGES = {
    "probe": ["/", "/environ", "/hello", "/sized?size=200000", "/status?code=204", "/status?code=304",
              "/fields?X-A=1", "/write", "/whoami"],
    "flask": ["/", "/json?a=1", "/cookies/set", "/cookies", "/old", "/stream", "/static/site.css",
              "/words/gr%C3%BC%C3%9Fe", "/nowhere"],
    "django": ["/stream/", "/nowhere/", "/admin", "/books"],
}



@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_responses_of_every_kind_pass(server, protocol, method, request):
    pages = PAGES[next(kind for kind in PAGES if kind in request.node.callspec.id)]
    for page in pages:
        path, _, query = page.partition("?")
        response = server.call(protocol, path, method=method, query=query)
        assert response.status < 500, f"{method} {page}: {response}"
        assert response.complete


def test_a_request_body_passes(validated, protocol):
    server = validated("wsgi_probe", "application")
    body = bytes(range(256)) * (2 * MIB // 256)
    for path, size in (("/digest", 0), ("/digest", 1), ("/digest", 2 * MIB), ("/ignore", 10)):
        response = server.call(protocol, path, body=body[:size], method="POST")
        assert response.status == 200, server.log()
        if path == "/digest":
            assert response.json()["sha256"] == hashlib.sha256(body[:size]).hexdigest()


def test_a_post_with_form_and_json_passes(validated, protocol):
    server = validated("flask_app", "app")
    response = server.call(protocol, "/json", body=b'{"a": [1, 2]}', extra=[("CONTENT_TYPE", "application/json")])
    assert response.json() == {"received": {"a": [1, 2]}}


def test_the_validator_is_really_there(validated, protocol):
    """An application that breaks the rules is caught by it: otherwise these tests would prove nothing."""
    server = validated("wsgi_probe", "application")
    server.forget_log()
    response = server.call(protocol, "/case/close_input")
    assert response.status == 500
    server.wait_event("application.raised", "AssertionError")


@pytest.mark.parametrize("front", ["nginx", "apache"])
def test_requests_of_a_real_front_pass(validated, front):
    server = validated("wsgi_probe", "application")
    server.forget_log()
    running = {"nginx": Nginx, "apache": Apache}[front](server.address)
    try:
        for mode in MODES:
            port = running.port(mode)
            assert web.get(port, "/environ/caf%C3%A9?a=1", [("Cookie", "a=b")]).status == 200
            assert web.request(port, "POST", "/digest", body=b"x" * 100_000).status == 200
            assert web.request(port, "HEAD", "/hello").status == 200
    finally:
        running.stop()
    assert not server.find_events(("application.raised", "application.errors"), "AssertionError|WSGIWarning")
