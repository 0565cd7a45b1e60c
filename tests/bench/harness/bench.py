"""The run: each scenario's variants, in rounds A B A B; the results as plain data.

A server is started anew for each of its rounds. Where its memory lies and how its strings hash stays the
same for as long as a process lives, so with one process per server that would be in the ratio, whatever
the number of rounds; over several starts it is part of what the median removes. And no server that is not
being driven disturbs the one that is.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager

from harness.figures import combine_rounds
from harness.measures import Pace, Running
from harness.scenarios import Contender, Variant
from harness.servers import BenchError, Job, Nginx
from harness.stage import Stage
from harness.targets import verdict


@contextmanager
def on_one_core():
    """Keeps what is started meanwhile, server and load, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure_once(stage: Stage, variant: Variant, contender: Contender, pace: Pace) -> dict:
    """Starts the contender, measures, stops it; the figures of one round."""
    job = Job(variant.application, contender.wire, contender.workers, contender.threads)
    try:
        with ExitStack() as ends:
            if variant.one_core:
                ends.enter_context(on_one_core())
            server = contender.server(stage, job)
            ends.callback(server.stop)
            length = server.wait_answering()
            front = None
            if contender.behind_nginx:
                front = Nginx(server)
                ends.callback(front.stop)
                front.wait_answering()
            return variant.measure(Running(server, front, length), pace)
    except AssertionError as error:  # it does not stop as told
        raise BenchError(str(error)) from None


class VariantRun:
    """One variant in all rounds. A contender that fails once is out of it."""

    def __init__(self, stage: Stage, variant: Variant, say: Callable):
        self.stage = stage
        self.variant = variant
        self.say = say
        self.failures = []
        self.rounds = {}
        for contender in variant.contenders:
            reason = contender.server.lacking(stage)
            if not reason:
                self.rounds[contender.name] = []
            elif contender.name not in stage.left_out:
                stage.left_out.add(contender.name)
                say(f"{contender.name} is left out: {reason}")

    def measure(self, rounds: int, pace: Pace):
        for _ in range(rounds):
            for contender in self.variant.contenders:
                if contender.name in self.rounds:
                    self._measure_one(contender, pace)

    def _measure_one(self, contender, pace):
        try:
            self.rounds[contender.name].append(measure_once(self.stage, self.variant, contender, pace))
        except BenchError as error:
            del self.rounds[contender.name]
            self.failures.append(f"{contender.name}: {error}")
            self.say(f"FAILED: {contender.name}: {error}")

    def result(self) -> dict:
        shapes = {contender.name: contender for contender in self.variant.contenders}
        return {
            "variant": self.variant.name,
            "columns": list(self.variant.measure.columns),
            "contenders": {
                name: {"wire": shapes[name].wire, "workers": shapes[name].workers,
                       "threads": shapes[name].threads, "figures": combine_rounds(figures), "rounds": figures}
                for name, figures in self.rounds.items()
            },
            "targets": [verdict(target, self.rounds) for target in self.variant.targets],
            "failures": self.failures,
        }


def run_scenario(stage: Stage, scenario, rounds: int, pace: Pace, say: Callable) -> dict:
    results = []
    for variant in scenario.variants:
        say(f"{scenario.number} {scenario.name}: {variant.name}")
        run = VariantRun(stage, variant, say)
        run.measure(rounds, pace)
        results.append(run.result())
    return {"number": scenario.number, "name": scenario.name, "title": scenario.title, "variants": results}
