"""Runs as the application whatever source text a test has put into the request."""

import types

shared = types.SimpleNamespace()  # what one test's requests leave for its next ones
_applications = {}


def application(environ, start_response):
    source = environ.pop("TEST_SOURCE").encode("latin-1").decode()
    if source not in _applications:
        names = {"shared": shared}
        exec(compile(source, "<test>", "exec"), names)
        _applications[source] = names["application"]
    return _applications[source](environ, start_response)
