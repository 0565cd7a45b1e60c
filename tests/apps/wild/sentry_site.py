"""Sentry: errors of a Flask application and messages are sent to the server that SENTRY_DSN names."""

import os

import sentry_sdk
from flask import Flask, request

# The tests make more events than a queue of 100 holds, and than are sent in the two seconds that it is given at the end.
sentry_sdk.init(dsn=os.environ["SENTRY_DSN"], traces_sample_rate=0.1, release="wild@1", transport_queue_size=100_000,
                shutdown_timeout=20)
app = Flask(__name__)


@app.get("/fine/<name>")
def fine(name):
    return f"fine, {name}"


@app.post("/message")
def message():
    sentry_sdk.capture_message(request.get_json()["text"])
    return {"event": sentry_sdk.last_event_id()}


@app.get("/broken/<int:number>")
def broken(number):
    raise LookupError(f"no shelf {number}")
