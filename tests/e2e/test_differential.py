"""appd and nginx do the same with 3,000 requests of HTTP/1.x, valid and broken, but for what is explained."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import fronts
from http_cases import make_cases
from http_differences import EXPLANATIONS, compare
from http_outcome import first_difference, outcome
from http_site import Site

CASES, SEED = 3000, 13
AT_ONCE = 64
# For clients that say no more. They send all they have at once, so it is long for anything else.
PATIENCE = "2s"
TIMEOUTS = [part for name in ("header", "body", "keep-alive") for part in (f"--{name}-timeout", PATIENCE)]
NGINX_TIMEOUTS = "".join(f"{name} {PATIENCE}; " for name in
                         ("client_header_timeout", "client_body_timeout", "keepalive_timeout", "lingering_timeout"))


@pytest.fixture(scope="module")
def site(installed):
    running = Site(installed, *TIMEOUTS, module="request_record:application")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def nginx(site):
    running = fronts.Nginx(site.address, NGINX_TIMEOUTS)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def outcomes(site, nginx):
    """Of each case: (case, what appd made of it, what nginx made of it)."""
    addresses = (site.port.address, ("127.0.0.1", nginx.port("fastcgi-kept")))
    with ThreadPoolExecutor(AT_ONCE) as clients:
        return list(clients.map(lambda case: (case, *(outcome(each, case.data) for each in addresses)),
                                make_cases(CASES, SEED)))


@pytest.fixture(scope="module")
def differences(outcomes):
    """(case, what differs in the first pair of answers that do), one for each thing."""
    return [(case, found) for case, *both in outcomes if (pair := first_difference(*both)) for found in compare(*pair)]


def test_each_difference_has_an_explanation(differences):
    unexplained = [f"{case}\n    {found}" for case, found in differences
                   if not any(each.explains(case, found) for each in EXPLANATIONS)]
    assert not unexplained, f"{len(unexplained)} differences:\n" + "\n".join(unexplained[:10])


def test_each_explanation_is_needed(differences):
    needed = {each.because for case, found in differences for each in EXPLANATIONS if each.explains(case, found)}
    assert [each.because for each in EXPLANATIONS if each.because not in needed] == []


def test_most_requests_are_the_same_to_both(outcomes):
    """Otherwise the differences would hide what is behind the first one of a connection."""
    same = sum(first_difference(*both) is None for _, *both in outcomes)
    answered = sum(len(ours) for _, ours, _ in outcomes)
    assert same > CASES // 2 and answered > CASES


def test_nothing_was_reset_and_the_worker_lives(site, outcomes):
    assert not [str(case) for case, ours, _ in outcomes if any(answer.status < 0 for answer in ours)]
    assert not site.find_events("worker.died")
