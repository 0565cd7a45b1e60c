"""The table of options in docs/options.md, made from what `appd --help` prints."""

import re

BEGIN = "<!-- options: made from appd --help by tests/docs/check_docs.py --write -->"
END = "<!-- end of options -->"
PAGE = "docs/options.md"
HELP_COLUMN = 30
GROUP = re.compile(r"^(\S.*):$")
OPTION = re.compile(r"^  --(\S+)(?: (\S+))?")
DEFAULT = re.compile(r" Default: (.*)\.$")


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


def names(help_text: str) -> set:
    return {fields[0] for kind, *fields in parse_help(help_text) if kind == "option"}


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


def complaints(page: str, help_text: str):
    wanted = list(rows(help_text))
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        yield f"{PAGE}: the table of options must stand once between {BEGIN} and {END}"
        return
    found = page.split(BEGIN)[1].split(END)[0].strip().splitlines()
    for line in found:
        if line not in wanted:
            yield f"{PAGE}: not what --help says: {line}"
    for line in wanted:
        if line not in found:
            yield f"{PAGE}: missing: {line}"
    if found != wanted and sorted(found) == sorted(wanted):
        yield f"{PAGE}: the options are not in the order of --help"


def rewritten(page: str, help_text: str) -> str:
    if BEGIN not in page or END not in page:
        return page
    return "\n".join([page.split(BEGIN)[0] + BEGIN, *rows(help_text), END + page.split(END)[1]])
