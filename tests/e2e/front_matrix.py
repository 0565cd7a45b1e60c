"""What must pass every front to the application and back, over each protocol.

A front's test file derives a class from `FrontMatrix` and provides the fixtures `front` (a running front with
`port(mode)`), `backend` (the appd behind it, with the probe) and `mode` (the protocol snippet in use).
"""

import hashlib
import threading
from urllib.parse import urlencode

import pytest

import web
from appd import Appd
from processes import unique

MIB = 1 << 20
ABORTED_SIZE = 64 * (1 << 30)


class FrontMatrix:
    @pytest.fixture
    def port(self, front, mode):
        return front.port(mode)

    # ---- methods and bodies

    def test_get_reaches_the_application_with_path_query_and_header(self, port):
        reply = web.get(port, "/environ/one/two?a=1&b=%20x", [("X-Probe", "sent")])
        assert reply.status == 200
        environ = reply.json()
        assert environ["REQUEST_METHOD"] == "GET"
        assert environ["SCRIPT_NAME"] == ""
        assert environ["PATH_INFO"] == "/environ/one/two"
        assert environ["QUERY_STRING"] == "a=1&b=%20x"
        assert environ["REQUEST_URI"] == "/environ/one/two?a=1&b=%20x"
        assert environ["HTTP_X_PROBE"] == "sent"
        assert environ["SERVER_NAME"] == "example.test"
        assert environ["SERVER_PORT"].isdigit()
        assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        assert environ["REMOTE_ADDR"] == "127.0.0.1"
        assert environ["wsgi.url_scheme"] == "http"
        assert "HTTP_CONTENT_LENGTH" not in environ and "HTTP_CONTENT_TYPE" not in environ

    @pytest.mark.parametrize("host", ["example.test", "example.test:8080", "[::1]", "[::1]:81"])
    def test_the_host_arrives_with_its_port(self, port, host):
        with web.Client(port) as client:
            client.send(f"GET /environ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert client.read_reply().json()["HTTP_HOST"] == host

    def test_the_client_gets_the_fields_that_the_front_owes_it(self, port):
        reply = web.get(port, "/hello")
        assert reply.body == b"Hello, world!\n"
        assert reply.field("Content-Type") == "text/plain"
        assert reply.field("Content-Length") == "14"
        assert len(reply.all("Date")) == 1 and len(reply.all("Server")) == 1

    def test_head_has_the_length_of_the_get_and_no_body(self, port):
        with web.Client(port) as client:
            for _ in range(3):
                reply = client.request("HEAD", "/hello")
                assert (reply.status, reply.body, reply.field("Content-Length")) == (200, b"", "14")
            assert client.request("GET", "/hello").body == b"Hello, world!\n"

    @pytest.mark.parametrize("size", [0, 1, MIB, 200 * MIB], ids=["0 B", "1 B", "1 MiB", "200 MiB"])
    def test_post_of_any_size_arrives_whole(self, port, size):
        upload = web.Upload(size)
        reply = web.request(port, "POST", "/digest", body=upload, length=size)
        assert reply.status == 200
        assert reply.json() == {"length": size, "sha256": upload.sha256, "announced": str(size)}

    def test_a_body_that_the_application_does_not_read_leaves_its_response_whole(self, port):
        with web.Client(port) as client:
            upload = web.Upload(4 * MIB)
            reply = client.request("POST", "/ignore", body=upload, length=upload.size)
            assert (reply.status, reply.json()) == (200, {"read": 0})
        assert web.get(port, "/hello").status == 200

    def test_a_large_response_arrives_whole(self, port):
        with web.Client(port) as client:
            client.send(web.head("GET", f"/sized?size={64 * MIB}"))
            response = client.start_reply()
            found = hashlib.sha256()
            while block := response.read(MIB):
                found.update(block)
        expected = hashlib.sha256()
        for _ in range(64 * MIB // 65536):
            expected.update(bytes(range(256)) * 256)
        assert found.hexdigest() == expected.hexdigest()

    # ---- names and fields beyond ASCII

    @pytest.mark.parametrize("path", [b"/environ/caf%C3%A9/%E2%98%83", "/environ/café/☃".encode()],
                             ids=["escaped", "raw"])
    def test_a_path_beyond_ascii_arrives_as_its_bytes(self, port, path):
        environ = web.get(port, path).json()
        assert environ["PATH_INFO"].encode("latin-1") == "/environ/café/☃".encode()

    def test_a_path_that_is_no_utf8_arrives_as_its_bytes(self, port):
        environ = web.get(port, b"/environ/%FF%E9").json()
        assert environ["PATH_INFO"].encode("latin-1") == b"/environ/\xff\xe9"

    def test_fields_beyond_ascii_pass_both_ways_as_their_bytes(self, port):
        sent = b"caf\xe9 \xc3\xa9"
        environ = web.get(port, "/environ", [("X-Probe", sent)]).json()
        assert environ["HTTP_X_PROBE"].encode("latin-1") == sent
        query = urlencode({"X-Probe": "caf\xe9 \xc3\xa9"}, encoding="latin-1")
        reply = web.get(port, f"/fields?{query}")
        assert reply.field("X-Probe").encode("latin-1") == sent

    def test_a_repeated_field_arrives_joined(self, port):
        environ = web.get(port, "/environ", [("X-Forwarded-For", "10.0.0.1"),
                                             ("X-Forwarded-For", "10.0.0.2")]).json()
        assert environ["HTTP_X_FORWARDED_FOR"] == "10.0.0.1, 10.0.0.2"

    def test_several_cookies_are_set(self, port):
        reply = web.get(port, "/fields?Set-Cookie=a%3D1&Set-Cookie=b%3D2")
        assert reply.all("Set-Cookie") == ["a=1", "b=2"]

    def test_a_proxy_field_of_a_client_is_dropped(self, port):
        assert "HTTP_PROXY" not in web.get(port, "/environ", [("Proxy", "http://attacker.test")]).json()

    # ---- responses

    @pytest.mark.parametrize("code", [204, 304])
    def test_a_bodiless_status_leaves_the_connection_usable(self, port, code):
        with web.Client(port) as client:
            reply = client.request("GET", f"/status?code={code}")
            assert (reply.status, reply.body, reply.field("X-Probe")) == (code, b"", "kept")
            assert reply.field("Transfer-Encoding") is None
            assert client.request("GET", "/hello").body == b"Hello, world!\n"

    @pytest.mark.parametrize("code", [200, 201, 404, 418, 500, 503])
    def test_a_status_arrives_as_given(self, port, code):
        assert web.get(port, f"/status?code={code}").status == code

    def test_a_streamed_part_arrives_before_the_next_is_made(self, port, backend: Appd):
        gate = backend.gate(unique("gate"))
        with web.Client(port) as client:
            client.send(web.head("GET", f"/parts?gate={gate.name}"))
            response = client.start_reply()
            assert response.read1(100) == b"first,"
            gate.open()
            assert response.read() == b"second"

    def test_a_client_that_hangs_up_ends_the_response(self, port, backend: Appd):
        worker = backend.only_worker()
        name = unique("abort")
        client = web.Client(port)
        client.send(web.head("GET", f"/sized?size={ABORTED_SIZE}&token={name}&length=no"))
        assert client.start_reply().read(MIB)
        client.close()
        assert backend.wait_counted(name, "close")["close"] == 1
        assert web.get(port, "/hello").status == 200
        assert backend.only_worker() == worker

    def test_an_error_before_the_head_is_a_500(self, port):
        reply = web.get(port, "/fail")
        assert reply.status == 500
        assert b"ValueError" not in reply.body, "the client must not see the traceback"

    def test_an_error_after_the_head_shows_as_an_incomplete_response(self, port):
        with web.Client(port) as client:
            client.send(web.head("GET", "/fail_later"))
            reply = client.read_reply()
        assert reply.status == 502 or (reply.status == 200 and not reply.complete)
        assert web.get(port, "/hello").status == 200

    # ---- many at once

    def test_many_clients_at_once_get_their_own_responses(self, port):
        wrong = []

        def run(number):
            try:
                with web.Client(port) as client:
                    for turn in range(25):
                        body = f"{number}-{turn}-".encode() * 500
                        reply = client.request("POST", "/echo", body=body)
                        assert (reply.status, reply.body) == (200, body)
            except Exception as error:
                wrong.append(error)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[0]
