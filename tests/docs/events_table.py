"""The events of the log: the table in the source against docs/events.md, and examples of log lines in all pages."""

import re
from pathlib import Path

from pages import Page

SOURCE = "src/runtime/gateway/log_event.cpp"
PAGE = "docs/events.md"
TROUBLESHOOTING = "docs/troubleshooting.md"
# What looks like an event and is none: first words of names that are Python's or the kernel's, and whole names.
FOREIGN = {"appd", "gc", "os", "sys", "threading", "time", "wsgi"}
FOREIGN_NAMES = {"docs.check", "server.errorlog", "server.tag", "signal.signal"}

NAME = re.compile(r"^([a-z]+)\.[a-z_]+$")
FILE = re.compile(r"\.(conf|cpp|hpp|ini|json|log|md|png|py|service|socket|toml|ya?ml)$")
ENTRY = re.compile(r'\{E::\w+,\s*"([^"]*)",\s*(\w+)(,[^}]*)?\}')
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \|", re.MULTILINE)
# As logging/log.cpp begins lines, with or without the time, the process id and the journal's priority.
LINE = re.compile(r"^\s*(?:\S+\s)?(debug|info|warn|error)\s+\[[^\]]+\] (.*)$", re.MULTILINE)
SHOWN = {"warning": "warn"}


def level_cell(level: str, limited: bool) -> str:
    """What stands in the column of levels."""
    return f"{level}, 1/s" if limited else level


def read_source(root: Path) -> dict:
    """name → (level, whether it is limited), in the source's order."""
    text = (root / SOURCE).read_text()
    return {name: (level, bool(others)) for name, level, others in ENTRY.findall(text)}


def complaints_about_page(root: Path, source: dict):
    rows = ROW.findall((root / PAGE).read_text())
    documented = [name for name, _ in rows]
    for name, (level, limited) in source.items():
        cells = [cell for documented_name, cell in rows if documented_name == name]
        if not cells:
            yield f"{PAGE}: no row for the event {name}"
        elif len(cells) > 1:
            yield f"{PAGE}: {len(cells)} rows for the event {name}"
        elif cells[0] != (wanted := level_cell(level, limited)):
            yield f"{PAGE}: {name} is \"{wanted}\" in the source, not \"{cells[0]}\""
    if set(documented) == set(source) and list(dict.fromkeys(documented)) != list(source):
        yield f"{PAGE}: the events are not in the order of the source"


def tables(text: str):
    """(what stands between the heading and the table, its lines) for each table of events."""
    for section in re.split(r"^## .*$", text, flags=re.MULTILINE):
        before, start, rest = section.partition("| Event |")
        if start:
            yield before, [line for line in (start + rest).splitlines() if line.startswith("|")]


def complaints_about_cells(root: Path):
    """Each row says all that its table promises, and each table what the front logs."""
    for before, lines in tables((root / PAGE).read_text()):
        if "| Front |" not in lines[0] and not re.search(r"\bfront\b", before, re.IGNORECASE):
            yield f"{PAGE}: neither a column nor a sentence says what the front logs: {lines[2]}"
        for line in lines:
            if any(not cell.strip() for cell in line.strip("|").split("|")):
                yield f"{PAGE}: an empty cell: {line}"


def complaints_about_troubleshooting(root: Path, source: dict):
    text = (root / TROUBLESHOOTING).read_text()
    for name, (level, _) in source.items():
        if level == "error" and f"`{name}`" not in text:
            yield f"{TROUBLESHOOTING}: no row for the error {name}"


def complaints_about_names(page: Page, source: dict):
    for span in page.spans:
        found = NAME.match(span)
        if not found or found.group(1) in FOREIGN or FILE.search(span):
            continue
        if span not in source and span not in FOREIGN_NAMES:
            yield f"no such event: {span}"


def complaints_about_examples(page: Page, source: dict):
    """Of log lines: each has the name of an event, and its level."""
    for block in page.blocks:
        for level, text in LINE.findall(block.text):
            name, colon, _ = text.partition(": ")
            if not colon or name not in source:
                yield f"a log line without the name of an event: {text[:60]}"
            elif (wanted := SHOWN.get(source[name][0], source[name][0])) != level:
                yield f"a log line of {name} has the level {wanted}, not {level}"


def complaints(pages: list, root: Path):
    source = read_source(root)
    if not source:
        yield f"{SOURCE}: no event is found in it"
    yield from complaints_about_page(root, source)
    yield from complaints_about_cells(root)
    yield from complaints_about_troubleshooting(root, source)
    for page in pages:
        for complaint in [*complaints_about_names(page, source), *complaints_about_examples(page, source)]:
            yield f"{page.path.relative_to(root)}: {complaint}"
