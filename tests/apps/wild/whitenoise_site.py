"""WhiteNoise: static files with ETag, ranges and compressed variants beside an application."""

import os

from whitenoise import WhiteNoise


def page(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"a page, given {size}".encode()]


application = WhiteNoise(page, root=os.environ["SITE_STATIC"], prefix="static/", max_age=60)
