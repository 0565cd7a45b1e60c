"""The sample Flask application behind nginx: JSON, uploads, cookies, redirects, a session."""

import hashlib
import json
import re

import pytest

import web
from appd import Appd
from fronts import MODES, Nginx

BOUNDARY = "appd-test-boundary"


@pytest.fixture(scope="module")
def site(installed):
    server = Appd(installed, module="flask_app:app")
    nginx = Nginx(server.address)
    yield nginx
    nginx.stop()
    server.stop()


@pytest.fixture(params=MODES)
def port(request, site):
    return site.port(request.param)


def multipart(fields: dict, name: str, filename: str, content: bytes) -> tuple:
    """(fields of the head, body) of a form with one file."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]
    parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")], body


def cookies_of(reply) -> str:
    return "; ".join(value.partition(";")[0] for value in reply.all("Set-Cookie"))


def test_the_home_page_is_shown_with_its_style(port):
    page = web.get(port, "/")
    assert page.status == 200 and b"It works" in page.body
    style = re.search(rb'href="(/static/[^"]+)"', page.body).group(1)
    sheet = web.get(port, style)
    assert sheet.status == 200 and sheet.field("Content-Type").startswith("text/css")


def test_json_goes_both_ways(port):
    sent = {"text": "caf\u00e9 \u2603", "numbers": [1, 2.5, None]}
    reply = web.request(port, "POST", "/json", [("Content-Type", "application/json")],
                        body=json.dumps(sent).encode())
    assert reply.json() == {"received": sent}
    reply = web.get(port, "/json?a=1&b=%C3%A9").json()
    assert reply["query"] == {"a": "1", "b": "\u00e9"} and reply["root"] == ""
    assert reply["url"] == "http://example.test/json?a=1&b=\u00e9"


@pytest.mark.parametrize("size", [0, 1, 700_000, 5_000_000])
def test_a_file_is_uploaded(port, size):
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    fields, body = multipart({"note": "gr\u00fc\u00dfe"}, "file", "r\u00e9sum\u00e9.bin", content)
    reply = web.request(port, "POST", "/upload", fields, body=body)
    assert reply.json() == {
        "name": "r\u00e9sum\u00e9.bin", "type": "application/octet-stream", "size": size,
        "sha256": hashlib.sha256(content).hexdigest(), "note": "gr\u00fc\u00dfe",
    }


def test_cookies_come_back_as_they_were_set(port):
    given = web.get(port, "/cookies/set")
    assert len(given.all("Set-Cookie")) == 2
    back = web.get(port, "/cookies", [("Cookie", cookies_of(given))])
    assert back.json() == {"flavour": "oatmeal & raisin", "size": "large"}


def test_a_session_counts_visits(port):
    first = web.get(port, "/visits")
    second = web.get(port, "/visits", [("Cookie", cookies_of(first))])
    assert (first.json()["visits"], second.json()["visits"]) == (1, 2)


def test_a_redirect_keeps_its_status_and_target(port):
    reply = web.get(port, "/old")
    assert reply.status == 301 and reply.field("Location").endswith("/visits")


def test_a_streamed_response_is_whole(port):
    assert web.get(port, "/stream").body == b"".join(b"line %d\n" % number for number in range(1000))


def test_a_path_beyond_ascii_is_routed(port):
    assert web.get(port, "/words/gr%C3%BC%C3%9Fe/%E6%97%A5").json() == {"words": "gr\u00fc\u00dfe/\u65e5"}


def test_a_missing_page_is_flasks_404_and_a_broken_view_its_500(port):
    assert web.get(port, "/nowhere").status == 404
    assert web.get(port, "/broken").status == 500
