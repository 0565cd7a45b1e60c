"""Answers each request with what has arrived of it: as JSON in a field, which a response to HEAD has, too."""

import json


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    fields = {name: value for name, value in environ.items() if name.startswith("HTTP_") or name == "CONTENT_TYPE"}
    record = {"method": environ["REQUEST_METHOD"], "target": environ["REQUEST_URI"],
              "version": environ["SERVER_PROTOCOL"], "fields": fields, "body": body.decode("latin-1")}
    start_response("200 OK", [("X-Record", json.dumps(record, sort_keys=True)), ("Content-Length", "9")])
    return [b"recorded\n"]
