"""What is measured: names, units, and how one figure is made of several rounds."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    key: str
    title: str  # the head of its column
    name: str  # in a sentence
    unit: str = ""
    digits: int = 0
    compared: bool = False  # has a column with the ratio appd : other
    combine: Callable = median

    def show(self, value) -> str:
        return f"{value:,.{self.digits}f}"


FIGURES = {
    figure.key: figure
    for figure in (
        Figure("cpu_us", "CPU µs", "server CPU per request", "µs", 2, compared=True),
        Figure("cpu_with_front_us", "CPU µs + front", "CPU with the front", "µs", 2, compared=True),
        Figure("requests_per_second", "requests/s", "requests/s", compared=True),
        Figure("p50_us", "p50 µs", "p50", "µs"),
        Figure("p99_us", "p99 µs", "p99", "µs"),
        Figure("p999_us", "p99.9 µs", "p99.9", "µs"),
        Figure("p999_to_p50", "p99.9 : p50", "p99.9 : p50", "", 2),
        Figure("pss_mib", "PSS MiB", "PSS", "MiB", 1, compared=True),
        Figure("idle_connection_kib", "KiB per idle connection", "memory per idle connection", "KiB", 2),
        Figure("beside_per_second", "CPU requests/s", "CPU-bound requests/s", digits=1),
        # Of these the worst round counts.
        Figure("late_streams", "late streams", "streams with a late block", combine=max),
        Figure("wake_ups", "wake-ups/s", "wake-ups of an idle worker", "/s", 1, combine=max),
        Figure("idle_wait_ms", "longest wait ms", "wait while another worker is idle", "ms", 2, combine=max),
        Figure("waits_over_limit", "of them > 5 ms", "requests that waited longer than 5 ms", combine=max),
    )
}


def combine_rounds(rounds: list) -> dict:
    """One value per figure, out of those of all rounds."""
    return {key: FIGURES[key].combine([figures[key] for figures in rounds]) for key in rounds[0]}


def paired_ratio(ours: list, theirs: list, key: str) -> float:
    """The median over the rounds of our figure : theirs.

    Round by round, since what disturbs a shared machine lasts longer than a round and then weighs on both.
    """
    return median(our[key] / their[key] for our, their in zip(ours, theirs, strict=True))
