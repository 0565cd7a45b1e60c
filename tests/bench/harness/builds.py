"""The scenarios with other builds and kinds of appd beside it, in the place of other servers."""

from dataclasses import replace
from pathlib import Path

from harness.scenarios import Scenario
from harness.stage import Stage


def of_build(server, program: Path):
    """That kind of server, as another build has it."""
    class Build(server):
        def arguments(self, place):
            return [program, *super().arguments(place)[1:]]
    return Build


def with_python(server, python: Path):
    """That kind of server, whose workers this Python runs."""
    class WithPython(server):
        def arguments(self, place):
            return [*super().arguments(place), "--python", python]
    return WithPython


def alternatives(stage: Stage, former, python) -> dict:
    """By name, what makes another kind of appd's server: `former` is the program of another build, or None, and
    `python` one with appd's worker, or None."""
    made = {}
    if former:
        folder = stage.place / "former"
        folder.mkdir()
        program = stage.place.copy(former, "former/appd")
        if (former.parent / "libexec").is_dir():
            stage.place.copy(former.parent / "libexec", "former/libexec")
        made["former"] = lambda server: of_build(server, program)
    if python:
        made["with --python"] = lambda server: with_python(server, python)
    return made


def beside_itself(scenario: Scenario, others: dict) -> Scenario:
    """The scenario with these alternatives to appd, and nobody else. Without targets, which are of others."""
    def variant_of(variant):
        ours, = (each for each in variant.contenders if each.name == "appd")
        return replace(variant, targets=(), contenders=(
            ours, *(replace(ours, name=name, server=make(ours.server)) for name, make in others.items())))
    return replace(scenario, variants=tuple(map(variant_of, scenario.variants)))
