#!/usr/bin/python3
"""Writes NAME.expected for each NAME.hex in this folder: what a decoder has to find in the capture.

A second, independent reading of the three protocols, for whole captures only. The lines are those of
tests/protocol/event_log.hpp.
"""
import pathlib
import struct

UNKNOWN = None


def escape(data):
    return "".join(chr(b) if 0x20 <= b <= 0x7E and b != 0x5C else f"\\x{b:02x}" for b in data)


def variable_lines(variables):
    return [f"{escape(name)}={escape(value)}" for name, value in variables]


def body_length(variables):
    value = dict(reversed(variables)).get(b"CONTENT_LENGTH", b"")
    return int(value) if value.isdigit() else UNKNOWN


def fastcgi_pairs(data):
    pairs, at = [], 0

    def length():
        nonlocal at
        if data[at] < 0x80:
            at += 1
            return data[at - 1]
        at += 4
        return struct.unpack(">I", data[at - 4 : at])[0] & 0x7FFFFFFF

    while at < len(data):
        name, value = length(), length()
        pairs.append((data[at : at + name], data[at + name : at + name + value]))
        at += name + value
    return pairs


def known_values(asked):
    """The GET_VALUES_RESULT to a front that asked for FCGI_MAX_REQS and FCGI_MPXS_CONNS alone."""
    assert sorted(name for name, _ in fastcgi_pairs(asked)) == [b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS"]
    content = b"\x0d\x02FCGI_MAX_REQS64" + b"\x0f\x01FCGI_MPXS_CONNS1"
    return struct.pack(">BBHHBB", 1, 10, 0, len(content), 0, 0) + content


def fastcgi(data, held):
    """`held`: requests stay active after their body, as while the application works."""
    lines, params, bodies, begun, at = [], {}, {}, {}, 0

    def end_body(request_id, how):
        del bodies[request_id]
        lines.append(f"{how} {request_id}")

    while at + 8 <= len(data):
        _, kind, request_id, size, padding = struct.unpack(">BBHHB", data[at : at + 7])
        content = data[at + 8 : at + 8 + size]
        at += 8 + size + padding
        if kind == 1:
            begun[request_id] = "keep" if content[2] & 1 else "close"
            params[request_id] = b""
        elif kind == 2 and held:
            lines.append(f"aborted {request_id}")
        elif kind == 4 and content:
            params[request_id] += content
        elif kind == 4:
            variables = fastcgi_pairs(params.pop(request_id))
            lines.append(f"request {request_id} {begun[request_id]}")
            lines += variable_lines(variables)
            bodies[request_id] = body_length(variables)
            if bodies[request_id] == 0:
                end_body(request_id, "end")
        elif kind == 5 and request_id in bodies:
            left = bodies[request_id]
            taken = content if left is UNKNOWN else content[:left]
            if taken and lines[-1].startswith(f"body {request_id} "):
                lines[-1] += escape(taken)
            elif taken:
                lines.append(f"body {request_id} {escape(taken)}")
            if left is not UNKNOWN:
                bodies[request_id] = left - len(taken)
            if bodies[request_id] == 0 or (left is UNKNOWN and not content):
                end_body(request_id, "end")
            elif not content:
                end_body(request_id, "cut")
        elif kind == 9:
            lines.append(f"reply keep {known_values(content).hex()}")
    return lines


def single_request(variables, body):
    lines = ["request 0 close"] + variable_lines(variables)
    length = body_length(variables) or 0
    if body[:length]:
        lines.append(f"body 0 {escape(body[:length])}")
    if len(body) >= length:
        lines.append("end 0")
    return lines


def uwsgi(data):
    size = struct.unpack("<H", data[1:3])[0]
    block, at, variables = data[4 : 4 + size], 0, []
    while at < size:
        pair = []
        for _ in range(2):
            length = struct.unpack("<H", block[at : at + 2])[0]
            pair.append(block[at + 2 : at + 2 + length])
            at += 2 + length
        variables.append(tuple(pair))
    return single_request(variables, data[4 + size :])


def scgi(data):
    digits, _, rest = data.partition(b":")
    parts = rest[: int(digits)].split(b"\0")
    variables = list(zip(parts[0:-1:2], parts[1::2]))
    return single_request(variables, rest[int(digits) + 1 :])


def expected(name, data):
    if "_uwsgi" in name:
        return uwsgi(data)
    if "_scgi" in name:
        return scgi(data)
    return fastcgi(data, held="_hang" in name)


def main():
    for path in sorted(pathlib.Path(__file__).parent.glob("*.hex")):
        lines = expected(path.stem, bytes.fromhex(path.read_text()))
        path.with_suffix(".expected").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
