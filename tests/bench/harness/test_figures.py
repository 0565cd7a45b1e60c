"""How rounds become one figure, and ratios."""

import pytest

from harness.figures import FIGURES, combine_rounds, paired_ratio


def test_the_median_of_the_rounds_counts_not_their_mean():
    assert combine_rounds([{"cpu_us": 5.0}, {"cpu_us": 90.0}, {"cpu_us": 6.0}]) == {"cpu_us": 6.0}


def test_an_even_number_of_rounds_takes_the_middle_of_the_two_in_the_middle():
    assert combine_rounds([{"p50_us": value} for value in (1, 2, 4, 100)]) == {"p50_us": 3}


@pytest.mark.parametrize("key", ["idle_wait_ms", "late_streams", "waits_over_limit", "wake_ups"])
def test_of_what_must_never_happen_the_worst_round_counts(key):
    assert combine_rounds([{key: 0}, {key: 7}, {key: 1}]) == {key: 7}


def test_ratios_are_taken_round_by_round():
    ours = [{"cpu_us": 5.0}, {"cpu_us": 10.0}, {"cpu_us": 5.0}]
    theirs = [{"cpu_us": 10.0}, {"cpu_us": 20.0}, {"cpu_us": 20.0}]  # the second round was slow for both
    assert paired_ratio(ours, theirs, "cpu_us") == 0.5


def test_rounds_that_have_no_counterpart_are_an_error():
    with pytest.raises(ValueError):
        paired_ratio([{"cpu_us": 5.0}], [{"cpu_us": 10.0}, {"cpu_us": 10.0}], "cpu_us")


def test_values_are_shown_with_the_digits_that_they_deserve():
    assert FIGURES["cpu_us"].show(5.126) == "5.13"
    assert FIGURES["requests_per_second"].show(193_204.4) == "193,204"
