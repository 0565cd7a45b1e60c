"""Real applications with what PyPI has of them; by hand: tests/apps/wild/run."""

import pytest

import wild
from wild_kinds import ALL


@pytest.fixture(params=ALL, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param()


def test_it_answers_many_at_once_and_ends(installed, kind):
    wild.visits_concurrently(installed, kind)


def test_no_request_is_lost_during_reloads(installed, kind):
    wild.visits_during_reloads(installed, kind)


def test_with_preload_it_starts_or_is_refused_in_words(installed, kind):
    wild.visits_preloaded(installed, kind)
