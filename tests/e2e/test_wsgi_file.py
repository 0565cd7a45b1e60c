"""PEP 3333, sentence by sentence over the real wire: files by wsgi.file_wrapper.

The applications are in tests/apps/wsgi_*_cases.py, reached under /case/; the numbers only keep the order of
the PEP.
"""

import os
import socket

import pytest

import every_wire
import wsgi_calls
from processes import unique

case, begin_case = wsgi_calls.case, wsgi_calls.begin_case
protocol = every_wire.protocol


@pytest.fixture
def stored(probe):
    """A file of a known content in the probe's folder."""
    content = bytes(range(256)) * 1000
    path = probe.gates / unique("file")
    path.write_bytes(content)
    path.chmod(0o644)
    return path.name, content


def test_53_the_wrapper_iterates_in_blocks_and_has_close_when_the_file_has(case, probe):
    counted = unique("wrapper")
    assert case("wrapper_shape", f"token={counted}").json() == {
        "plain has close": False, "plain": ["abcdef"], "closing has close": True, "closing": ["abcd", "ef"],
    }
    assert probe.counted(counted)["close"] == 1


def test_53_the_wrapper_sends_nothing_before_it_is_returned(case, probe):
    counted = unique("wrapper")
    response = case("wrapper_waits", f"token={counted}")
    assert (response.status, response.body) == (202, b"wrapped")
    assert probe.wait_counted(counted, "close")["close"] == 1


@pytest.mark.parametrize("at", [0, 1, 100_000, 255_999, 256_000])
def test_54_a_file_is_sent_from_its_position_to_its_end(case, stored, at):
    name, content = stored
    response = case("wrapper_of_file", f"name={name}&at={at}")
    assert (response.status, response.body == content[at:], response.complete) == (200, True, True)
    assert response.field("Content-Length") in (None, str(len(content) - at))


def test_54_what_the_application_has_read_through_a_buffer_is_not_sent_again(case, stored):
    name, content = stored
    assert case("wrapper_of_file", f"name={name}&at=10&buffered=7").body == content[17:]


def test_54_a_file_is_sent_no_further_than_content_length(case, stored):
    name, content = stored
    response = case("wrapper_of_file", f"name={name}&at=5&length=1000")
    assert (response.body == content[5:1005], response.field("Content-Length"), response.complete) == (
        True, "1000", True)


def test_54_a_file_shorter_than_content_length_is_refused_or_visibly_cut(case, probe, stored):
    name, content = stored
    response = case("wrapper_of_file", f"name={name}&at=255000&length=5000")
    assert response.status == 500 or (response.body == content[255_000:], response.complete) == (True, False)
    assert "Content-Length" in probe.wait_event("response.invalid", "/case/wrapper_of_file").text


def test_54_a_file_that_becomes_shorter_while_it_is_sent_is_visibly_cut(begin_case, probe):
    path = probe.gates / unique("file")
    path.touch(0o644)
    os.truncate(path, 16 << 20)
    connection = begin_case("wrapper_of_file", f"name={path.name}")
    assert connection.socket.recv(1, socket.MSG_PEEK)  # it is under way, and the socket is full
    os.truncate(path, 0)
    assert not connection.read_response().complete
    connection.close()
    probe.wait_event("response.file_short")


def test_55_anything_with_read_works(case, probe):
    counted = unique("wrapper")
    assert case("wrapper_of_memory", f"token={counted}").body == b"in memory " * 1000
    assert probe.wait_counted(counted, "close")["close"] == 1
    assert case("wrapper_iterated").body == b"iterated"


def test_55_head_reads_nothing_of_the_file_and_closes_it(case, probe, stored):
    name, _ = stored
    response = case("wrapper_of_file", f"name={name}", method="HEAD")
    assert (response.status, response.body) == (200, b"")
    counted = unique("wrapper")
    assert case("wrapper_of_memory", f"token={counted}", method="HEAD").body == b""
    assert probe.wait_counted(counted, "close") == {"close": 1}
