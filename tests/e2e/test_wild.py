"""Real applications as far as Debian's packages carry them; all of them, by hand: tests/apps/wild/run."""

import pytest

import wild
from wild_debian import OF_DEBIAN, Lxml, Multiprocessing, Numpy


@pytest.fixture(params=OF_DEBIAN, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param()


def test_it_answers_many_at_once_and_ends(installed, kind):
    wild.visits_concurrently(installed, kind)


def test_no_request_is_lost_during_reloads(installed, kind):
    wild.visits_during_reloads(installed, kind)


@pytest.mark.parametrize("kind", [Lxml, Multiprocessing, Numpy], ids=lambda kind: kind.__name__)
def test_with_preload_it_is_the_same(installed, kind):
    wild.visits_preloaded(installed, kind())
