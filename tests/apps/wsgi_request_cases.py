"""Small applications for PEP 3333 that show what they are called with: environ, wsgi.input, wsgi.errors.

wsgi_probe.py serves them under /case/<name of the function>.
"""

from probe_state import TEXT, Cases, Chunks, count, options, raised_by, respond, token, wait_gate

CASES = Cases()
case = CASES.add


# ---- environ


@case
def environ_kind(environ, start_response):
    marked = "case.marker" in environ
    environ["case.marker"] = "set by the last request"
    return respond(start_response, {"plain": type(environ) is dict, "marked": marked})


@case
def environ_text(environ, start_response):
    """Keys and values of the CGI part that are no str of code points up to 0xFF."""
    wrong = [
        repr((key, value))
        for key, value in environ.items()
        if type(key) is not str
        or ("." not in key and (type(value) is not str or any(ord(letter) > 0xFF for letter in key + value)))
    ]
    return respond(start_response, {"wrong": wrong})


@case
def flags(environ, start_response):
    names = ("wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
    return respond(start_response, {name: repr(environ[name]) for name in names})


# ---- the call


def call_shape(*arguments, **named):
    environ, start_response = arguments
    count(token(environ), "called")
    shape = {"positional": len(arguments), "named": sorted(named), "start": callable(start_response)}
    return respond(start_response, shape)


case(call_shape)


@case
def raise_in_first_next(environ, start_response):
    def chunks():
        raise ValueError("case: raised in the first next")
        yield b""

    start_response("200 OK", TEXT)
    return Chunks(token(environ), chunks())


# ---- wsgi.input


@case
def read_sizes(environ, start_response):
    stream = environ["wsgi.input"]
    found = [stream.read(0), stream.read(3), stream.read(4), stream.read(-1), stream.read(), stream.read(5)]
    return respond(start_response, [part.decode() for part in found])


@case
def read_all(environ, start_response):
    stream = environ["wsgi.input"]
    how = options(environ)["how"]
    read = {"none": lambda: stream.read(None), "minus": lambda: stream.read(-1), "bare": stream.read}[how]
    body = read()
    return respond(start_response, {"exact": type(body) is bytes, "length": len(body)})


@case
def read_filled(environ, start_response):
    """read(n) fills n bytes though they come in pieces."""
    part = environ["wsgi.input"].read(10)
    return respond(start_response, part.decode())


@case
def read_lines(environ, start_response):
    stream = environ["wsgi.input"]
    found = {
        "readline": stream.readline().decode(),
        "readline 2": stream.readline(2).decode(),
        "readline rest": stream.readline().decode(),
        "readline 0": stream.readline(0).decode(),
        "readline -1": stream.readline(-1).decode(),
        "readlines hint": [line.decode() for line in stream.readlines(4)],
        "iterated": [line.decode() for line in stream][:2],
        "readlines": [line.decode() for line in stream.readlines()],
        "at the end": [stream.readline().decode(), stream.read().decode(), stream.read(1).decode()],
        "iterated at the end": list(stream),
    }
    return respond(start_response, found)


@case
def read_iterated(environ, start_response):
    stream = environ["wsgi.input"]
    lines = list(stream)
    again = iter(stream)
    return respond(start_response, {
        "lines": [line.decode() for line in lines],
        "next": raised_by(next, again),
        "next again": raised_by(next, again),
    })


@case
def read_nothing(environ, start_response):
    stream = environ["wsgi.input"]
    found = [stream.read(), stream.read(1), stream.readline(), *stream.readlines(), *stream]
    return respond(start_response, [part.decode() for part in found])


@case
def read_cut(environ, start_response):
    name = token(environ)
    count(name, "called")
    if "gate" in options(environ):
        wait_gate(environ)
    length = 0
    try:
        while block := environ["wsgi.input"].read(65536):
            length += len(block)
    except OSError:
        count(name, "OSError")
        raise
    count(name, "complete" if length == int(environ["CONTENT_LENGTH"]) else "end of file")
    return respond(start_response, {"length": length})


@case
def close_input(environ, start_response):
    stream = environ["wsgi.input"]
    close = getattr(stream, "close", None)
    if close:
        close()
    return respond(start_response, {"read": stream.read(4).decode()})


# ---- wsgi.errors


@case
def errors_stream(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("case: plain\n")
    errors.writelines(["case: line one\n", "case: line two\n"])
    errors.write("case: snowman \u2603 and half a pair \udc80\n")
    errors.flush()
    print("case: printed", file=errors)
    return respond(start_response, {"bytes": raised_by(errors.write, b"bytes")})
