"""Calls of the applications of tests/apps/wsgi_*_cases.py, for the tests of PEP 3333."""

import pytest

import wire


@pytest.fixture
def case(probe, protocol):
    """Calls an application over each wire: case(name, query=…, body=…, …)."""
    probe.forget_log()

    def call(name, query="", **rest):
        return probe.call(protocol, f"/case/{name}", query=query, **rest)

    return call


@pytest.fixture
def begin_case(probe, protocol):
    """Like `case`, for a response that is read later."""
    probe.forget_log()
    open_ones = []

    def call(name, query="", body=b"", end_body=True, **rest):
        named = wire.variables(path=f"/case/{name}", query=query, **rest)
        connection = wire.begin(protocol, probe.address, named, body, end_body)
        open_ones.append(connection)
        return connection

    yield call
    for connection in open_ones:
        connection.close()


def read_until(connection, protocol, wanted: bytes) -> bytes:
    """The response's bytes without framing, until `wanted` is among them."""
    found = b""
    if protocol == "http" and not connection.started:
        head = connection.read_head()
        found = "".join(f"{name}: {value}\r\n" for name, value in head.fields).encode("latin-1") + b"\r\n"
    while wanted not in found:
        if protocol == "http":
            part = connection.read_part()
            assert part, f"the end after {found!r}"
            found += part
        elif protocol == "fastcgi":
            got = connection.read_record()
            assert got and got.kind == wire.STDOUT, f"{got} after {found!r}"
            found += got.content
        else:
            data = connection.read_some()
            assert data, f"the end after {found!r}"
            found += data
    return found
