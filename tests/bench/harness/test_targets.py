"""Verdicts on made-up rounds."""

import pytest

from harness.targets import Ideal, at_least, at_most, verdict


def rounds(**contenders):
    """Per contender the rounds of one figure, the requests/s."""
    return {name: [{"requests_per_second": value} for value in values] for name, values in contenders.items()}


FASTER = at_least("requests_per_second", 2.5, "uWSGI")


@pytest.mark.parametrize("ours, met", [(250, True), (249.9, False), (400, True)])
def test_a_lower_limit_is_met_from_the_limit_upwards(ours, met):
    found = verdict(FASTER, rounds(appd=[ours], uWSGI=[100]))
    assert (found["measured"], found["met"]) == (pytest.approx(ours / 100), met)


@pytest.mark.parametrize("ours, met", [(40, True), (40.1, False), (10, True)])
def test_an_upper_limit_is_met_up_to_the_limit(ours, met):
    target = at_most("requests_per_second", 0.40, "uWSGI")
    assert verdict(target, rounds(appd=[ours], uWSGI=[100]))["met"] is met


def test_a_target_against_an_ideal_uses_the_median():
    target = at_least("requests_per_second", 0.98, Ideal(1600, "the ideal 1,600"))
    found = verdict(target, rounds(appd=[1500, 1584, 1599]))
    assert found["measured"] == pytest.approx(0.99)
    assert found["met"] is True
    assert found["text"] == "requests/s ≥ 0.98 × the ideal 1,600"


def test_a_target_without_another_is_in_the_figures_own_unit():
    target = at_most("idle_wait_ms", 5)
    assert str(target) == "wait while another worker is idle ≤ 5 ms"
    assert verdict(target, {"appd": [{"idle_wait_ms": 1.0}, {"idle_wait_ms": 5.5}]})["met"] is False
    assert verdict(target, {"appd": [{"idle_wait_ms": 1.0}, {"idle_wait_ms": 4.5}]})["met"] is True


@pytest.mark.parametrize("present", [rounds(appd=[100]), rounds(uWSGI=[100]), {}])
def test_what_was_not_measured_is_neither_met_nor_missed(present):
    found = verdict(FASTER, present)
    assert (found["measured"], found["met"]) == (None, None)


def test_a_limit_of_one_is_said_plainly():
    assert str(at_most("p99_us", 1, "uWSGI")) == "p99 ≤ uWSGI"
    assert str(at_most("cpu_us", 1.15, "floor")) == "server CPU per request ≤ 1.15 × floor"
