"""A response of 1 MiB in one block."""

BODY = bytes(range(256)) * 4096
HEADERS = [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
