"""A small JSON document made by Flask: twenty rows, the same for every request."""

from flask import Flask, jsonify

application = Flask(__name__)


@application.get("/books")
def books():
    return jsonify(books=[{"id": number, "title": f"Book {number}", "pages": 100 + number}
                          for number in range(20)])
