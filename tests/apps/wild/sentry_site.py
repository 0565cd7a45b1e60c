"""Sentry: errors of a Flask application and messages are sent to the server that SENTRY_DSN names."""

import os

import sentry_sdk
from flask import Flask, request

# What is not sent within two seconds (sentry-sdk's default) after the last request would be lost.
sentry_sdk.init(dsn=os.environ["SENTRY_DSN"], traces_sample_rate=0.1, release="wild@1", shutdown_timeout=8)
app = Flask(__name__)


@app.get("/fine/<name>")
def fine(name):
    return f"fine, {name}"


@app.post("/fine/<name>")
def fine_too(name):
    return f"fine, {name}, {len(request.get_data())}"


@app.post("/message")
def message():
    sentry_sdk.capture_message(request.get_json()["text"])
    return {"event": sentry_sdk.last_event_id()}


@app.get("/broken/<int:number>")
def broken(number):
    raise LookupError(f"no shelf {number}")
