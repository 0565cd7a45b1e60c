"""Who gets a page of appd dev, and what is in it."""

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "src/runtime/python/development/error_page.py"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("error_page", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def request(**more) -> dict:
    return {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000", "REQUEST_METHOD": "GET", "PATH_INFO": "/x",
            "HTTP_ACCEPT": "text/html", **more}


def caught(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("no exception")


@pytest.mark.parametrize("more", [
    {}, {"REMOTE_ADDR": "::1"}, {"REMOTE_ADDR": "::ffff:127.0.0.1"}, {"HTTP_HOST": "LOCALHOST"},
    {"HTTP_HOST": "a.b.localhost:1"}, {"HTTP_HOST": "localhost."}, {"HTTP_HOST": "127.1.2.3:80"},
    {"HTTP_HOST": "[::1]"},
], ids=str)
def test_this_machine_gets_it(pages, more):
    assert pages.may_show(request(**more))


@pytest.mark.parametrize("more", [
    {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": ""}, {"REMOTE_ADDR": "::2"}, {"HTTP_HOST": ""},
    {"HTTP_HOST": "example.test"}, {"HTTP_HOST": "localhost.example.test"}, {"HTTP_HOST": "notlocalhost"},
    {"HTTP_HOST": "127.0.0.1.example.test"}, {"HTTP_HOST": "x@.localhost"}, {"HTTP_HOST": "192.0.2.1"},
    {"HTTP_X_FORWARDED_FOR": ""}, {"HTTP_X_FORWARDED_HOST": "h"}, {"HTTP_FORWARDED": "for=1"}, {"HTTP_VIA": "1.1 p"},
], ids=str)
def test_others_do_not(pages, more):
    assert not pages.may_show(request(**more))


def test_only_a_page_is_replaced_by_a_page(pages):
    assert pages.wants_page(request())
    assert not pages.wants_page(request(REQUEST_METHOD="POST"))
    assert not pages.wants_page(request(HTTP_ACCEPT="application/json"))


def test_nothing_of_it_is_markup(pages):
    def fail():
        text = "<script>"
        raise ValueError(text)

    page = pages.exception_page(caught(fail), request(REQUEST_URI="/<i>")).decode()
    assert "<script>" not in page and "<i>" not in page and "&lt;script&gt;" in page
    assert b"<script>" not in pages.failure_page("<script>", '/"><script>')


def test_causes_are_shown_with_their_calls(pages):
    def fail():
        try:
            inner = 1
            raise KeyError(inner)
        except KeyError as error:
            raise ValueError("outer") from error

    page = pages.exception_page(caught(fail), request()).decode()
    assert page.index("ValueError: outer") < page.index("from KeyError: 1")
    assert page.count("<details") == 3  # the call of fail, fail, and fail at the cause


def test_a_circle_of_causes_ends(pages):
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert pages.chain(one) == [one, other]


def test_variables_that_cannot_be_shown_do_not_matter(pages):
    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    def fail():
        broken, large = Broken(), "x" * 100_000
        raise ValueError(f"{len(large)} {type(broken)}")

    page = pages.exception_page(caught(fail), request()).decode()
    assert "<td>broken</td><td>&lt;Broken instance at " in page
    assert len(page) < 50_000


def test_endless_recursion_fits_on_a_page(pages):
    def fail():
        fail()

    page = pages.exception_page(caught(fail), request()).decode()
    assert page.count("<details") == pages.MOST_FRAMES


def test_the_running_line_is_marked(pages):
    def fail():
        raise ValueError("here")

    page = pages.exception_page(caught(fail), request()).decode()
    assert 'raise ValueError(&quot;here&quot;)</mark>' in page
