#!/usr/bin/python3
"""Checks README.md and docs/ against the program and the tree.

The table of options must be what `appd --help` says, every relative link must lead to a file, and the
folder map must name every folder of src/. With --write the table is brought up to date.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

BEGIN = "<!-- options: made from appd --help by tests/docs/check_docs.py --write -->"
END = "<!-- end of options -->"
HELP_COLUMN = 30
GROUP = re.compile(r"^(\S.*):$")
OPTION = re.compile(r"^  --(\S+)(?: (\S+))?")
DEFAULT = re.compile(r" Default: (.*)\.$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def parse_help(text: str):
    """Yields ("group", title) and ("option", name, argument, help) in the order of the help."""
    option = None
    for line in [*text.splitlines(), ""]:
        start, group = OPTION.match(line), GROUP.match(line)
        if option and (start or group or not line):
            yield ("option", option[0], option[1], " ".join(option[2]))
            option = None
        if group:
            yield ("group", group.group(1))
        elif start:
            option = (start.group(1), start.group(2) or "", line[HELP_COLUMN:].split())
        elif option:
            option[2].extend(line.split())


def rows(help_text: str):
    yield "| Option | Default | What it does |"
    yield "|---|---|---|"
    for kind, *fields in parse_help(help_text):
        if kind == "group":
            yield f"| **{fields[0]}** | | |"
            continue
        name, argument, text = fields
        default = ""
        if found := DEFAULT.search(text):
            text, default = text[: found.start()], f"`{found.group(1)}`"
        elif text.endswith(" Required."):
            text, default = text.removesuffix(" Required."), "required"
        yield f"| `{f'--{name} {argument}'.strip()}` | {default} | {text} |"


def complaints_about_table(readme: str, wanted: list):
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        yield f"README.md: the table of options must stand once between {BEGIN} and {END}"
        return
    found = readme.split(BEGIN)[1].split(END)[0].strip().splitlines()
    for line in found:
        if line not in wanted:
            yield f"README.md: not what --help says: {line}"
    for line in wanted:
        if line not in found:
            yield f"README.md: missing: {line}"
    if found != wanted and sorted(found) == sorted(wanted):
        yield "README.md: the options are not in the order of --help"


def complaints_about_links(root: Path):
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for target in LINK.findall(page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{page.relative_to(root)}: leads nowhere: {target}"


def complaints_about_folders(root: Path, readme: str):
    for folder in sorted({path.parent for path in (root / "src").rglob("*.cpp")}):
        name = folder.relative_to(root).as_posix() + "/"
        if f"`{name}`" not in readme:
            yield f"README.md: the folder map lacks {name}"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("appd", help="the program")
    arguments.add_argument("--write", action="store_true", help="update the table in README.md")
    given = arguments.parse_args()
    root = Path(__file__).resolve().parents[2]
    help_text = subprocess.run([given.appd, "--help"], check=True, capture_output=True, text=True).stdout
    table = list(rows(help_text))
    page = root / "README.md"
    readme = page.read_text()
    if given.write and BEGIN in readme and END in readme:
        before, after = readme.split(BEGIN)[0], readme.split(END)[1]
        readme = "\n".join([before + BEGIN, *table, END + after])
        page.write_text(readme)
    found = [*complaints_about_table(readme, table), *complaints_about_links(root),
             *complaints_about_folders(root, readme)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
