"""Hello, and below /cpu a request that needs 100 ms of the processor, all of it in Python."""

import time

import hello

CPU_SECONDS = 0.100


def application(environ, start_response):
    if environ["PATH_INFO"] == "/cpu":
        end = time.thread_time() + CPU_SECONDS
        while time.thread_time() < end:
            pass
    return hello.application(environ, start_response)
