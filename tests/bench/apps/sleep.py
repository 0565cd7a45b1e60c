"""Waits 20 ms, as for a database, and says hello."""

import time

import hello

WAIT = 0.020


def application(environ, start_response):
    time.sleep(WAIT)
    return hello.application(environ, start_response)
