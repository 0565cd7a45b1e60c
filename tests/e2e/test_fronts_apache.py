"""Apache httpd in front, with each of its snippets in configs/apache."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import web
from front_matrix import MIB, FrontMatrix
from fronts import MODES, Apache


@pytest.fixture(scope="module")
def backend(probe):
    return probe


@pytest.fixture(scope="module")
def front(backend):
    apache = Apache(backend.address)
    yield apache
    apache.stop()


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


class TestApache(FrontMatrix):
    def test_an_error_after_the_head_shows_as_an_incomplete_response(self, port, mode, backend):
        if mode != "scgi":
            super().test_an_error_after_the_head_shows_as_an_incomplete_response(port)
            return
        # mod_proxy_scgi takes the end of a Unix connection for the end of the response and gives it a
        # length of its own; only a reset tells it more, and a Unix socket has none. What is left:
        assert web.get(port, "/fail_later").status == 200
        backend.wait_event("application.raised", "^GET /fail_later: .*ValueError")


@pytest.mark.parametrize("mode", ["fastcgi-kept", "fastcgi-closed"])
@pytest.mark.parametrize("size", [0, 11, MIB, 5 * MIB])
def test_a_chunked_upload_has_its_true_length(front, mode, size):
    upload = web.Upload(size)
    reply = web.request(front.port(mode), "POST", "/digest", body=upload, chunked=True)
    assert reply.status == 200
    assert reply.json() == {"length": size, "sha256": upload.sha256, "announced": str(size)}


@pytest.mark.parametrize("mode", ["uwsgi", "scgi"])
def test_apache_itself_refuses_a_chunked_upload_over_uwsgi_and_scgi(front, mode):
    with web.Client(front.port(mode)) as client:
        client.send(web.head("POST", "/digest", chunked=True))
        assert client.read_reply().status == 411


@pytest.mark.parametrize("mode", ["fastcgi-kept", "fastcgi-closed"])
def test_an_error_after_a_head_without_length_shows_as_an_incomplete_response(front, mode):
    with web.Client(front.port(mode)) as client:
        client.send(web.head("GET", "/fail_later?length=no"))
        assert not client.read_reply().complete


def test_a_large_response_beside_an_unread_body_does_not_deadlock(front, mode):
    """Apache over uwsgi and SCGI writes the whole body before it reads a byte of the response."""
    upload = web.Upload(16 * MIB)
    with web.Client(front.port(mode)) as client, ThreadPoolExecutor(1) as reader:
        # Over FastCGI Apache sends on the response while the body still comes.
        response = reader.submit(client.read_reply)
        client.send_request("POST", f"/sized?size={16 * MIB}", body=upload, length=upload.size)
        reply = response.result()
    assert (reply.status, len(reply.body)) == (200, 16 * MIB)


def test_credentials_reach_the_application(front, mode):
    environ = web.get(front.port(mode), "/environ", [("Authorization", "Basic dTpw")]).json()
    assert environ["HTTP_AUTHORIZATION"] == "Basic dTpw"
