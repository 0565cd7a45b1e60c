"""The chart: the ratios appd : other as bars, each with its target as a mark."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness.report import all_targets

MET, MISSED, MARK, TEXT, GRID = "#2a7f62", "#c8553d", "#1f2933", "#323f4b", "#d9dee4"
PANELS = (
    ("Server CPU per request, appd : other (less is better)", ("cpu_us",)),
    ("Requests per second, appd : other (more is better)", ("requests_per_second",)),
    ("Latency and memory, appd : other (less is better)", ("p50_us", "p99_us", "pss_mib")),
)
ROW_INCHES = 0.27
LEGEND_INCHES = 0.4


def bars_of(results: dict, figures) -> list:
    """(label, target) of all measured ratios of these figures."""
    names = {"p50_us": ", p50", "p99_us": ", p99", "pss_mib": ", PSS"}
    return [(f"{scenario['number']} {scenario['name']}: {variant['variant']}"
             f"{names.get(target['figure'], '')}  :  {target['of']}", target)
            for scenario, variant, target in all_targets(results)
            if target["figure"] in figures and target["of"] is not None and target["measured"] is not None]


def draw_panel(axes, title, bars):
    for position, (_, target) in enumerate(bars):
        value, limit = target["measured"], target["limit"]
        axes.barh(position, value, height=0.66, color=MET if target["met"] else MISSED, zorder=2)
        axes.plot([limit, limit], [position - 0.45, position + 0.45], color=MARK, linewidth=2.2, zorder=3)
        axes.text(max(value, limit), position, f"  {value:.2f}", va="center", fontsize=8, color=TEXT)
    axes.set_yticks(range(len(bars)), [label for label, _ in bars], fontsize=8, color=TEXT)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(max(target["measured"], target["limit"]) for _, target in bars))
    axes.axvline(1, color=TEXT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=TEXT)
    axes.grid(axis="x", color=GRID, linewidth=0.7, zorder=0)
    axes.tick_params(length=0, labelcolor=TEXT, labelsize=8)
    for side in axes.spines.values():
        side.set_visible(False)


def draw(results: dict, path) -> bool:
    """Writes the chart; False where no ratio was measured."""
    panels = [(title, bars_of(results, figures)) for title, figures in PANELS]
    panels = [(title, bars) for title, bars in panels if bars]
    if not panels:
        return False
    rows = [len(bars) + 2.6 for _, bars in panels]
    height = ROW_INCHES * sum(rows) + LEGEND_INCHES
    figure, grid = pyplot.subplots(len(panels), 1, figsize=(10.5, height), squeeze=False,
                                   gridspec_kw={"height_ratios": rows}, layout="constrained")
    for axes, (title, bars) in zip(grid[:, 0], panels):
        draw_panel(axes, title, bars)
    figure.legend(handles=[Patch(color=MET, label="target met"), Patch(color=MISSED, label="target missed"),
                           Line2D([], [], color=MARK, linewidth=2.2, label="target"),
                           Line2D([], [], color=TEXT, linewidth=0.8, linestyle=(0, (4, 3)), label="equal")],
                  loc="lower center", ncols=4, frameon=False, fontsize=8.5)
    figure.get_layout_engine().set(rect=(0, LEGEND_INCHES / height, 1, 1 - LEGEND_INCHES / height))
    figure.savefig(path, dpi=110, facecolor="white")
    pyplot.close(figure)
    return True
