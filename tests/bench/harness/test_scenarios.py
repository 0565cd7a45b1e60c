"""The table of scenarios holds together."""

from dataclasses import replace

import pytest

from harness.builds import beside_itself, of_build, with_python
from harness.figures import FIGURES
from harness.scenarios import SCENARIOS, select
from harness.targets import Ideal

VARIANTS = [pytest.param(variant, id=f"{scenario.name} {variant.name}")
            for scenario in SCENARIOS for variant in scenario.variants]


def test_scenarios_are_numbered_from_1_to_19_and_named_once():
    assert [scenario.number for scenario in SCENARIOS] == list(range(1, 20))
    assert len({scenario.name for scenario in SCENARIOS}) == 19


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_measures_appd_and_compares_only_what_takes_part(variant):
    names = [contender.name for contender in variant.contenders]
    assert "appd" in names and len(set(names)) == len(names)
    for target in variant.targets:
        assert target.figure in FIGURES
        assert target.of is None or isinstance(target.of, Ideal) or target.of in names


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_closes_fastcgi_connections_is_not_asked_to_keep_them(variant):
    for contender in variant.contenders:
        assert contender.name != "uWSGI" or contender.wire != "fastcgi-kept"


def test_scenarios_are_chosen_by_number_or_name_in_the_tables_order():
    assert [scenario.number for scenario in select(["flask", "1"])] == [1, 6]
    assert select([]) == SCENARIOS


def test_an_unknown_scenario_is_named():
    with pytest.raises(ValueError, match="hullo"):
        select(["1", "hullo"])


def test_other_builds_take_part_in_each_variant_in_the_place_of_other_servers():
    class Kind:
        def arguments(self, place):
            return ["appd", "--socket", place]

    variant = replace(SCENARIOS[0].variants[0], contenders=(
        replace(SCENARIOS[0].variants[0].contenders[0], server=Kind), SCENARIOS[0].variants[0].contenders[1]))
    others = {"former": lambda server: of_build(server, "/former/appd"),
              "with": lambda server: with_python(server, "/python")}
    made, = beside_itself(replace(SCENARIOS[0], variants=(variant,)), others).variants
    assert {each.name: each.server().arguments("s") for each in made.contenders} == {
        "appd": ["appd", "--socket", "s"], "former": ["/former/appd", "--socket", "s"],
        "with": ["appd", "--socket", "s", "--python", "/python"]}
    assert made.targets == () and made.measure == variant.measure
