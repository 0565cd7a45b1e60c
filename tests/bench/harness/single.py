"""Single requests over any wire, each sent in one piece: the floor reads but once."""

import wire

TIMEOUT = 30.0


def socket_address(address: str):
    """appd_load's form of an address as the clients of the end-to-end tests take it."""
    host, colon, port = address.rpartition(":")
    return (host, int(port)) if colon and not address.startswith("/") else address


def fastcgi_message(named, body=b"", keep=True) -> bytes:
    """A whole request with the id 1."""
    flags = wire.KEEP_CONN if keep else 0
    parts = [wire.record(wire.BEGIN_REQUEST, 1, bytes([0, wire.RESPONDER, flags, 0, 0, 0, 0, 0])),
             wire.record(wire.PARAMS, 1, wire.pairs(named)), wire.record(wire.PARAMS, 1)]
    parts += [wire.record(wire.STDIN, 1, body[at : at + 32768]) for at in range(0, len(body), 32768)]
    return b"".join([*parts, wire.record(wire.STDIN, 1)])


def fastcgi_call(address, named, body) -> wire.Response:
    with wire.FastCgi(address, TIMEOUT) as connection:
        connection.expect()
        connection.send(fastcgi_message(named, body, keep=False))
        return connection.read_response()


def http_call(address, path, method, body) -> wire.Response:
    """HTTP/1.0, so that the end of the connection is the response's."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    with wire.Connection(address, TIMEOUT) as connection:
        connection.send(f"{method} {path} HTTP/1.0\r\nHost: bench.test\r\n{length}\r\n".encode())
        connection.send_body(body)
        return wire.parse_response(connection.read_to_end())


def call(wire_name, address, path, method="GET", body=b"") -> wire.Response:
    """One request over a connection of its own; the wire and the address as appd_load names them."""
    address = socket_address(address)
    if wire_name.startswith("http"):
        return http_call(address, path, method, body)
    if wire_name.startswith("fastcgi"):
        return fastcgi_call(address, wire.variables(method, path, length=len(body) or None), body)
    return wire.call(wire_name, address, path, method=method, body=body, timeout=TIMEOUT)
