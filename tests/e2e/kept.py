"""Connections that are kept for further requests, over the wires that have them."""

import pytest

import wire


class Asking:
    def ask(self, path="/", query="") -> bytes:
        return self.request(wire.variables(path=path, query=query)).body


class FastCgi(Asking, wire.FastCgi):
    def begin_asking(self, path, query):
        self.begin()
        self.params(wire.variables(path=path, query=query))
        self.stdin(b"")


class Http(Asking, wire.Http):
    def begin_asking(self, path, query):
        self.send(wire.http_head(wire.variables(path=path, query=query)))


KEPT = {"fastcgi": FastCgi, "http": Http}
over_kept_wires = pytest.mark.parametrize("protocol", KEPT)


def connect(protocol, address):
    """To the server whose fronts use `address`."""
    return KEPT[protocol](wire.http_address(address) if protocol == "http" else address)
