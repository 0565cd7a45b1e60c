"""The sample site, a Flask application.

It has a page to look at, JSON, uploads, cookies, a session and redirects. deploy/quickstart shows it, the tests
exercise it."""

import hashlib
import os

from flask import Flask, Response, jsonify, redirect, render_template, request, session, url_for

app = Flask(__name__)
app.secret_key = os.environ.get("FLASK_SECRET_KEY", "only for the sample site")


@app.get("/")
def home():
    session["visits"] = session.get("visits", 0) + 1
    return render_template("home.html", visits=session["visits"], environ=request.environ)


@app.route("/json", methods=["GET", "POST"])
def echo_json():
    if request.method == "POST":
        return jsonify(received=request.get_json())
    return jsonify(path=request.path, root=request.script_root, query=request.args, url=request.url)


@app.post("/upload")
def upload():
    sent = request.files["file"]
    content = sent.read()
    return jsonify(
        name=sent.filename,
        type=sent.mimetype,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        note=request.form.get("note"),
    )


@app.get("/cookies/set")
def set_cookies():
    response = jsonify(ok=True)
    response.set_cookie("flavour", "oatmeal & raisin", httponly=True)
    response.set_cookie("size", "large")
    return response


@app.get("/cookies")
def show_cookies():
    return jsonify(request.cookies)


@app.get("/visits")
def visits():
    session["visits"] = session.get("visits", 0) + 1
    return jsonify(visits=session["visits"])


@app.get("/old")
def old():
    return redirect(url_for("visits"), code=301)


@app.get("/stream")
def stream():
    return Response((f"line {number}\n" for number in range(1000)), mimetype="text/plain")


@app.get("/words/<path:words>")
def words(words):
    return jsonify(words=words)


@app.get("/broken")
def broken():
    raise RuntimeError("sample: this view is broken")
