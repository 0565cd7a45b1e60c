"""The targets: what a figure is compared with, and whether it is met."""

from dataclasses import dataclass

from harness.figures import FIGURES, combine_rounds, paired_ratio


@dataclass(frozen=True)
class Ideal:
    """A value that follows from the scenario, not from a measurement."""

    value: float
    name: str


@dataclass(frozen=True)
class Target:
    """appd's `figure` must be at most (or at least) `limit`, or `limit` times what `of` has.

    `of`: the name of another contender of the variant, an Ideal, or None where `limit` is in the figure's
    own unit."""

    figure: str
    sense: str  # "≤" or "≥"
    limit: float
    of: str | Ideal | None = None

    def __str__(self):
        figure = FIGURES[self.figure]
        if self.of is None:
            return f"{figure.name} {self.sense} {self.limit:g} {figure.unit}".rstrip()
        other = self.of.name if isinstance(self.of, Ideal) else self.of
        factor = "" if self.limit == 1 else f"{self.limit:.2f} × "
        return f"{figure.name} {self.sense} {factor}{other}"

    def holds(self, measured: float) -> bool:
        return measured <= self.limit if self.sense == "≤" else measured >= self.limit


def at_most(figure, limit, of=None) -> Target:
    return Target(figure, "≤", limit, of)


def at_least(figure, limit, of=None) -> Target:
    return Target(figure, "≥", limit, of)


def measured_value(target: Target, rounds: dict, subject="appd"):
    """What is compared with the target's limit; None where it was not measured.

    `rounds`: per contender the figures of each round."""
    if not rounds.get(subject):
        return None
    if target.of is None or isinstance(target.of, Ideal):
        value = combine_rounds(rounds[subject]).get(target.figure)
        return value if target.of is None or value is None else value / target.of.value
    if not rounds.get(target.of):
        return None
    return paired_ratio(rounds[subject], rounds[target.of], target.figure)


def verdict(target: Target, rounds: dict) -> dict:
    """The target, what was measured, and whether it is met, for table and JSON."""
    value = measured_value(target, rounds)
    return {
        "text": str(target),
        "figure": target.figure,
        "sense": target.sense,
        "limit": target.limit,
        "of": target.of.name if isinstance(target.of, Ideal) else target.of,
        "measured": value,
        "met": None if value is None else target.holds(value),
    }
