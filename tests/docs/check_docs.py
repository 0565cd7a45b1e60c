#!/usr/bin/python3
"""Checks the documents against the program and the tree.

- The table of options in docs/options.md is what `appd --help` says (--write brings it up to date).
- Each link leads to a file, and to a heading where it names one; each page can be reached from README.md.
- Each file, option, event and name of the code between backticks is there, and each option, file and preset in a
  command. Blocks of code are fenced, so that they can be looked into.
- Each table has a head.
- README.md is a page that can be skimmed. docs/installation.md names the packages of deploy/packages.sh.
- CONTRIBUTING.md's map has every folder, and the diagram of the code every arrow between those of src/.
- Each decision says context, decision and consequences.
- docs/events.md has each event of the source once, with its level, and says of each what the front logs.
  docs/troubleshooting.md has each error. Examples of log lines have an event's name.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import events_table
import options_table
import references
from pages import Page, all_pages

MOST_LINES_OF_README = 150
FOLDER_MAP = "CONTRIBUTING.md"
# Folders of tests/ that mirror src/.
MIRRORS = {"daemon", "protocol", "reference", "runtime"}
DIAGRAM = "docs/architecture/README.md"
FROM_SOURCE = "docs/installation.md"
LIBRARY = re.compile(r"^appd_library\(appd_(\w+)(?:\s+DEPENDS\s+([^)]*))?\)", re.MULTILINE)
ARROW = re.compile(r"^    (\w+) --> (\w+)$", re.MULTILINE)
DECISION = ["Context", "Decision", "Consequences"]


def complaints_about_links(page: Page):
    for link in page.links:
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        if not target.exists():
            yield f"leads nowhere: {link}"
        elif anchor and target.suffix == ".md" and anchor not in Page.read(target).anchors:
            yield f"no such heading: {link}"


def complaints_about_blocks(page: Page):
    for line in page.indented_blocks:
        yield f"a block of code without a fence: {line}"


def complaints_about_tables(page: Page):
    for line in page.tables_without_head:
        yield f"a table without a head: {line}"


def complaints_about_reach(pages: list, root: Path):
    """Pages that no way of links leads to from README.md."""
    by_path = {page.path.resolve(): page for page in pages}
    reached, waiting = set(), [(root / "README.md").resolve()]
    while waiting:
        path = waiting.pop()
        if path in reached or path not in by_path:
            continue
        reached.add(path)
        waiting += [(path.parent / link.partition("#")[0]).resolve() for link in by_path[path].links]
    for path, page in by_path.items():
        if path not in reached and root / "docs" in page.path.parents:
            yield f"{page.path.relative_to(root)}: no link leads here from README.md"


def complaints_about_folders(root: Path):
    """Folders that the map lacks: those of src/ with sources, those of tests/, and those of the root."""
    text = (root / FOLDER_MAP).read_text()
    folders = {path.parent for path in (root / "src").rglob("*.cpp")} - {root / "src"}
    folders |= {path for path in (root / "tests").iterdir() if path.name not in MIRRORS}
    folders |= {path for path in root.iterdir() if path.name not in {"build", "src"}}
    ours = {path for path in folders if path.is_dir() and (path.name[0] not in "._" or path.name in {".ci", ".github"})}
    for folder in sorted(ours):
        name = folder.relative_to(root).as_posix() + "/"
        if f"`{name}`" not in text:
            yield f"{FOLDER_MAP}: the folder map lacks {name}"


def complaints_about_arrows(root: Path):
    """The diagram of the folders has the arrows that CMake's lines have, and main.cpp's."""
    lines = [found for file in (root / "src").rglob("CMakeLists.txt") for found in LIBRARY.findall(file.read_text())]
    names = {name for name, _ in lines}
    there = {(name, each.removeprefix("appd_")) for name, depends in lines for each in depends.split()
             if each.startswith("appd_") and each.removeprefix("appd_") in names}
    section = (root / DIAGRAM).read_text().partition("\n### Arrows\n")[2].partition("\n#")[0]
    drawn = {arrow for arrow in ARROW.findall(section) if arrow[0] != "main"}
    for start, end in sorted(drawn ^ there):
        what = "lacks the arrow" if (start, end) in there else "has an arrow that CMake has not,"
        yield f"{DIAGRAM}: the diagram {what} {start} --> {end}"


def complaints_about_readme(root: Path):
    text = (root / "README.md").read_text()
    if (lines := text.count("\n")) > MOST_LINES_OF_README:
        yield f"README.md: {lines} lines are more than {MOST_LINES_OF_README}"


def complaints_about_packages(root: Path):
    """The way from source names what deploy/packages.sh has."""
    packages = (root / "deploy" / "packages.sh").read_text()
    section = (root / FROM_SOURCE).read_text().partition("\n## From source\n")[2]
    named = re.search(r"apt install ((?:.*\\\n)*.*)", section)
    listed = set(named.group(1).replace("\\", "").split()) if named else set()
    for kind in ("build", "site"):
        wanted = re.search(rf"^{kind}_packages=\(([^)]*)\)", packages, re.MULTILINE).group(1).split()
        for package in wanted:
            if package not in listed:
                yield f"{FROM_SOURCE}: the packages lack {package}, which deploy/packages.sh has"


def complaints_about_decisions(pages: list):
    for page in pages:
        if page.path.parent.name == "decisions" and page.path.name != "README.md":
            if page.headings[1:] != DECISION:
                yield f"{page.path.name}: the headings of a decision are {', '.join(DECISION)}"


def all_complaints(root: Path, help_text: str):
    pages = all_pages(root)
    yield from options_table.complaints((root / options_table.PAGE).read_text(), help_text)
    tree = references.Tree(root, options_table.names(help_text))
    for page in pages:
        found = [*complaints_about_links(page), *complaints_about_blocks(page), *complaints_about_tables(page),
                 *references.complaints(page, tree)]
        for complaint in found:
            yield f"{page.path.relative_to(root)}: {complaint}"
    yield from complaints_about_reach(pages, root)
    yield from complaints_about_folders(root)
    yield from complaints_about_arrows(root)
    yield from complaints_about_readme(root)
    yield from complaints_about_packages(root)
    yield from complaints_about_decisions(pages)
    yield from events_table.complaints(pages, root)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("appd", help="the program")
    arguments.add_argument("--write", action="store_true", help=f"update the table in {options_table.PAGE}")
    given = arguments.parse_args()
    root = Path(__file__).resolve().parents[2]
    help_text = subprocess.run([given.appd, "--help"], check=True, capture_output=True, text=True).stdout
    if given.write:
        page = root / options_table.PAGE
        page.write_text(options_table.rewritten(page.read_text(), help_text))
    found = list(all_complaints(root, help_text))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
