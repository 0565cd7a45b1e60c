"""Flask with SQLAlchemy on SQLite: a session for each request, a relation, a transaction that is rolled back."""

import os

from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import IntegrityError

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.environ["SITE_DB"]
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": {"timeout": 50}}
db = SQLAlchemy(app)


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)
    books = db.relationship("Book", back_populates="author")


class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(80), nullable=False)
    author_id = db.Column(db.ForeignKey("author.id"), nullable=False)
    author = db.relationship("Author", back_populates="books")


@app.post("/authors")
def add():
    given = request.get_json()
    db.session.add(Author(name=given["name"], books=[Book(title=title) for title in given["books"]]))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return jsonify(error="there is one of that name"), 409
    return jsonify(given), 201


@app.get("/authors/<name>")
def show(name):
    author = db.first_or_404(db.select(Author).filter_by(name=name))
    return jsonify(name=author.name, books=sorted(book.title for book in author.books))


@app.cli.command("create")
def create():
    db.create_all()
