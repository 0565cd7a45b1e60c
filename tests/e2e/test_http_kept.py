"""HTTP connections that clients and proxies keep while workers change: no request is lost."""

import signal

import pytest

import http_site
import web
from http_proxies import haproxy, nginx
from http_site import Upgraded, reload_under_load, write_loaded
from load import Load
from processes import alive, children, wait_until

open_site = http_site.open_site
loaded = http_site.loaded


# ---- workers that change


def test_kept_connections_lose_no_request_while_generations_change(loaded):
    site, write = loaded()
    reload_under_load([site.port.number], site, write, last=11)


def test_kept_connections_lose_no_request_while_the_binary_changes(loaded):
    site, _ = loaded(kind=Upgraded)
    with Load([site.port.number]) as load:
        load.wait_more(200)
        for _ in range(3):
            before = children(site.pid)
            site.upgrade()
            load.wait_more(50)
            wait_until(lambda: not any(map(alive, before)), "the old workers have ended")
    assert load.wrong == []


def test_kept_connections_lose_no_request_while_workers_are_recycled(open_site, place):
    write_loaded(place, "1")
    site = open_site("--pythonpath", place.path, "--max-requests", "100", module="site_under_load", workers=2)
    with Load([site.port.number]) as load:
        for _ in range(3):
            site.forget_log()
            load.wait_more(300)  # more than both workers may answer
            site.wait_event("worker.recycled")
    assert load.wrong == []


# ---- behind proxies


@pytest.fixture(params=[nginx, haproxy], ids=["nginx", "haproxy"])
def front(request):
    return request.param


@pytest.fixture
def through(front, open_site):
    running = front(open_site().port.number)
    yield running.port.number
    running.stop()


def test_a_proxy_passes_all_kinds_of_requests(through):
    with web.Client(through) as client:
        for method, path, body in (("GET", "/hello", None), ("HEAD", "/hello", None), ("POST", "/echo", b"x" * 300_000),
                                   ("GET", "/sized?size=300000&length=no", None), ("GET", "/status?code=204", None),
                                   ("GET", "/status?code=304", None), ("POST", "/ignore", b"x" * 300_000)):
            reply = client.request(method, path, body=body)
            assert reply.status in (200, 204, 304) and reply.complete, (method, path, reply)
            if path == "/echo":
                assert reply.body == body
            if path.startswith("/sized"):
                assert len(reply.body) == 300_000
        chunked = client.request("POST", "/digest", body=iter([b"a", b"bc"]), chunked=True)
        assert chunked.json()["length"] == 3
        assert client.request("GET", "/environ?a=1").json()["QUERY_STRING"] == "a=1"


def test_a_proxy_shows_what_breaks_off(through):
    with web.Client(through) as client:
        client.send(web.head("GET", "/fail_later?length=no"))
        assert not client.read_reply().complete


def test_a_proxy_that_keeps_connections_loses_no_request_while_generations_change(front, loaded):
    site, write = loaded()
    running = front(site.port.number)
    try:
        with Load([running.port.number]) as load:
            load.wait_more(100)
            for version in range(2, 7):
                write(str(version))
                site.forget_log()
                site.send_signal(signal.SIGHUP)
                site.wait_event("reload.finished", within=60)
                load.wait_more(50)
        assert load.wrong == []
    finally:
        running.stop()
