"""Table and document out of made-up results."""

import pytest

from harness import report
from harness.targets import at_least, at_most, verdict

ROUNDS = {
    "appd": [{"cpu_us": 5.0, "requests_per_second": 200_000.0},
             {"cpu_us": 5.5, "requests_per_second": 180_000.0}],
    "uWSGI": [{"cpu_us": 10.0, "requests_per_second": 90_000.0},
              {"cpu_us": 11.0, "requests_per_second": 90_000.0}],
}
MEDIANS = {"appd": {"cpu_us": 5.25, "requests_per_second": 190_000.0},
           "uWSGI": {"cpu_us": 10.5, "requests_per_second": 90_000.0}}


def results(*targets, failures=()):
    variant = {
        "variant": "uwsgi, 1 × 1",
        "columns": ["cpu_us", "requests_per_second"],
        "contenders": {name: {"wire": "uwsgi", "workers": 1, "threads": 1, "figures": MEDIANS[name],
                              "rounds": ROUNDS[name]} for name in ROUNDS},
        "targets": [verdict(target, ROUNDS) for target in targets],
        "failures": list(failures),
    }
    return {"date": "2026-01-01", "command": "tests/bench/run 4", "rounds": 2, "seconds": 1.0,
            "machine": {"cores": 2}, "versions": {"appd": "0.1.0"},
            "scenarios": [{"number": 4, "name": "hello", "title": "a title", "variants": [variant]}]}


MET, MISSED = at_most("cpu_us", 0.5, "uWSGI"), at_least("requests_per_second", 3, "uWSGI")


def test_the_table_has_each_contender_with_its_ratios():
    lines = list(report.scenario_lines(results(MET, MISSED)["scenarios"][0]))
    assert lines[0] == "4. a title"
    assert lines[1].split() == "uwsgi, 1 × 1 CPU µs appd : it requests/s appd : it".split()
    assert lines[2].split() == ["appd", "uwsgi", "5.25", "190,000"]
    assert lines[3].split() == ["uWSGI", "uwsgi", "10.50", "0.50", "90,000", "2.11"]
    assert lines[4].strip() == "yes  server CPU per request ≤ 0.50 × uWSGI: 0.50"
    assert lines[5].strip() == "no  requests/s ≥ 3.00 × uWSGI: 2.11"


def test_the_summary_counts_and_names_what_is_missed():
    lines = list(report.summary_lines(results(MET, MISSED)))
    assert lines[0] == "1 of 2 targets are met"
    assert lines[1:] == ["  no: 4 hello, uwsgi, 1 × 1: requests/s ≥ 3.00 × uWSGI: 2.11"]


def test_failures_are_found_and_shown():
    found = results(failures=["floor: it broke\nits log"])
    assert report.failures(found) == ["4 hello, uwsgi, 1 × 1: floor: it broke"]
    shown = list(report.scenario_lines(found["scenarios"][0]))
    assert any(line.endswith("FAILED  floor: it broke") for line in shown)
    assert report.failures(results()) == []


def test_the_document_has_machine_versions_command_targets_and_figures():
    text = report.markdown(results(MET, MISSED), "chart.png")
    for wanted in ("`tests/bench/run 4`", "cores: 2", "appd 0.1.0", "](chart.png)", "1 of 2 targets are met.",
                   "| 4 hello | uwsgi, 1 × 1 | requests/s ≥ 3.00 × uWSGI | 2.11 | **no** |",
                   "| uwsgi, 1 × 1 | uWSGI | uwsgi | 10.50 | 0.50 | 90,000 | 2.11 |"):
        assert wanted in text


def test_only_the_part_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.replace_results(page, "new\n")
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    report.replace_results(page, "newer\n")
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnewer\n\n{report.END}\nafter\n"


@pytest.mark.parametrize("text", ["", report.BEGIN, report.END + report.BEGIN, report.BEGIN * 2 + report.END])
def test_a_page_without_its_marks_is_left_alone(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError):
        report.replace_results(page, "new")
    assert page.read_text() == text
