"""numpy: linear algebra with OpenBLAS' threads, an array as upload and as download."""

import io
import json
from urllib.parse import parse_qs

import numpy

MATRIX = numpy.random.default_rng(1).random((300, 300)) + 300 * numpy.eye(300)


def solve(seed):
    """How far off the solution of a system of equations is, at most."""
    wanted = numpy.random.default_rng(seed).random(300)
    return float(numpy.abs(numpy.linalg.solve(MATRIX, MATRIX @ wanted) - wanted).max())


def transpose(file):
    out = io.BytesIO()
    numpy.save(out, numpy.load(file).T)
    return out.getvalue()


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        body = transpose(io.BytesIO(environ["wsgi.input"].read()))
        start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
        return [body]
    (seed,) = parse_qs(environ["QUERY_STRING"])["seed"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"error": solve(int(seed))}).encode()]
