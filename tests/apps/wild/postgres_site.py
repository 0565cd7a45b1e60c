"""psycopg: a pool of connections that threads share, made when it is first needed; transactions and COPY."""

import json
import os
import threading
from contextlib import contextmanager
from queue import LifoQueue
from urllib.parse import parse_qs

import psycopg

CREATE = "CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE, size int NOT NULL CHECK (size > 0))"
_free = LifoQueue()
_pid = None
_lock = threading.Lock()


@contextmanager
def connection():
    """One that this process has made: after a fork none of the other's is used."""
    global _free, _pid
    with _lock:
        if _pid != os.getpid():
            _free, _pid = LifoQueue(), os.getpid()
    taken = psycopg.connect(os.environ["SITE_DB"]) if _free.empty() else _free.get()
    try:
        with taken.transaction():
            yield taken
    finally:
        _free.put(taken)


def add(items):
    with connection() as db, db.cursor() as cursor:
        with cursor.copy("COPY items (name, size) FROM STDIN") as copy:
            for name, size in items:
                copy.write_row((name, size))
        cursor.execute("SELECT count(*), sum(size) FROM items WHERE name = ANY(%s)", ([name for name, _ in items],))
        return cursor.fetchone()


def find(prefix):
    with connection() as db:
        rows = db.execute("SELECT name, size FROM items WHERE starts_with(name, %s) ORDER BY size", (prefix,))
        return rows.fetchall()


def application(environ, start_response):
    status = "200 OK"
    try:
        if environ["REQUEST_METHOD"] == "POST":
            response = add(json.loads(environ["wsgi.input"].read()))
        else:
            response = find(parse_qs(environ["QUERY_STRING"])["prefix"][0])
    except psycopg.errors.IntegrityError as error:
        status, response = "409 Conflict", type(error).__name__
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(response).encode()]


if __name__ == "__main__":
    with psycopg.connect(os.environ["SITE_DB"]) as db:
        db.execute(CREATE)
