"""The application of the image: put your own in its place."""

from flask import Flask

application = Flask(__name__)


@application.get("/")
def home():
    return "Hello\n"


@application.get("/health")
def health():
    """Whether this can serve: put the database and the like to the test here."""
    return "ok\n"
