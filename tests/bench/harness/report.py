"""Results as a table in text, in Markdown and as a summary. The results are plain data (bench.py)."""

from pathlib import Path

from harness.figures import FIGURES, paired_ratio

BEGIN = "<!-- results: written by tests/bench/run --document -->"
END = "<!-- end of results -->"
NOT_MEASURED = "–"


def header(columns) -> list:
    cells = []
    for key in columns:
        cells.append(FIGURES[key].title)
        if FIGURES[key].compared:
            cells.append("appd : it")
    return cells


def row(variant: dict, name: str) -> list:
    """One contender's cells below `header`."""
    contender, ours = variant["contenders"][name], variant["contenders"].get("appd")
    cells = []
    for key in variant["columns"]:
        figures = contender["figures"]
        cells.append(FIGURES[key].show(figures[key]) if key in figures else NOT_MEASURED)
        if FIGURES[key].compared:
            comparable = ours and name != "appd" and key in figures and key in ours["figures"]
            ratio = paired_ratio(ours["rounds"], contender["rounds"], key) if comparable else None
            cells.append("" if ratio is None else f"{ratio:.2f}")
    return cells


def measured_text(target: dict) -> str:
    if target["measured"] is None:
        return NOT_MEASURED
    if target["of"] is None:
        return FIGURES[target["figure"]].show(target["measured"])
    return f"{target['measured']:.2f}"


def verdict_text(target: dict) -> str:
    return {True: "yes", False: "no", None: "not measured"}[target["met"]]


def align(rows: list, indent: str):
    """Lines with the columns side by side: the first column to the left, the others to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for cells in rows:
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        yield (indent + "  ".join([cells[0].ljust(widths[0]), *rest])).rstrip()


def scenario_lines(scenario: dict):
    yield f"{scenario['number']}. {scenario['title']}"
    for variant in scenario["variants"]:
        rows = [[variant["variant"], "", *header(variant["columns"])]]
        rows += [[f"  {name}", variant["contenders"][name]["wire"], *row(variant, name)]
                 for name in variant["contenders"]]
        yield from align(rows, "  ")
        for target in variant["targets"]:
            yield f"    {verdict_text(target):>3}  {target['text']}: {measured_text(target)}"
        for failure in variant["failures"]:
            yield f"    FAILED  {first_line(failure)}"
    yield ""


def first_line(text: str) -> str:
    """A failure without the log that explains it."""
    return text.splitlines()[0]


def variants_of(results: dict):
    for scenario in results["scenarios"]:
        for variant in scenario["variants"]:
            yield scenario, variant


def all_targets(results: dict):
    for scenario, variant in variants_of(results):
        for target in variant["targets"]:
            yield scenario, variant, target


def count_line(targets) -> str:
    met = sum(target["met"] is True for _, _, target in targets)
    return f"{met} of {len(targets)} targets are met"


def failures(results: dict) -> list:
    return [f"{scenario['number']} {scenario['name']}, {variant['variant']}: {first_line(failure)}"
            for scenario, variant in variants_of(results) for failure in variant["failures"]]


def summary_lines(results: dict):
    targets = list(all_targets(results))
    yield count_line(targets)
    for scenario, variant, target in targets:
        if target["met"] is not True:
            yield (f"  {verdict_text(target)}: {scenario['number']} {scenario['name']}, "
                   f"{variant['variant']}: {target['text']}: {measured_text(target)}")


def markdown_table(rows: list):
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|---" * len(rows[0]) + "|"
    for cells in rows[1:]:
        yield "| " + " | ".join(cells) + " |"


def columns_of(scenario: dict) -> list:
    """The variants of a scenario by the columns that they have in common."""
    groups = {}
    for variant in scenario["variants"]:
        groups.setdefault(tuple(variant["columns"]), []).append(variant)
    return list(groups.items())


def markdown_scenario(scenario: dict):
    yield f"## {scenario['number']}. {scenario['title']}"
    yield ""
    for columns, variants in columns_of(scenario):
        rows = [["Variant", "Server", "Wire", *header(columns)]]
        rows += [[variant["variant"], name, variant["contenders"][name]["wire"], *row(variant, name)]
                 for variant in variants for name in variant["contenders"]]
        yield from markdown_table(rows)
        yield ""


def markdown_targets(results: dict):
    targets = list(all_targets(results))
    yield count_line(targets) + "."
    yield ""
    yield from markdown_table(
        [["Scenario", "Variant", "Target", "Measured", "Met"],
         *([f"{scenario['number']} {scenario['name']}", variant["variant"], target["text"],
            measured_text(target), verdict_text(target) if target["met"] else f"**{verdict_text(target)}**"]
           for scenario, variant, target in targets)])


def markdown(results: dict, chart: str) -> str:
    """The generated part of docs/measurements.md."""
    machine = ", ".join(f"{name}: {value}" for name, value in results["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    lines = [
        f"Made on {results['date']} with `{results['command']}`.", "",
        f"- **Machine**: {machine}", f"- **Versions**: {versions}", "",
        f"![The ratios and their targets]({chart})", "", "## Targets", "",
        *markdown_targets(results), "",
    ]
    for scenario in results["scenarios"]:
        lines += markdown_scenario(scenario)
    return "\n".join(lines).rstrip() + "\n"


def replace_results(page: Path, text: str):
    """Puts `text` between the two marks of the page. Raises ValueError where they are not there once each."""
    whole = page.read_text()
    if whole.count(BEGIN) != 1 or whole.count(END) != 1 or whole.index(BEGIN) > whole.index(END):
        raise ValueError(f"{page}: the results must have their place between {BEGIN} and {END}")
    before, after = whole.split(BEGIN)[0], whole.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
