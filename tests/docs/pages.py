"""Markdown pages as the checks see them: headings, links, spans of code, blocks of code."""

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^\s*```(\w*)\s*$")
HEADING = re.compile(r"^#{1,6} (.*)$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)
REFERENCE = re.compile(r"^\[[^\]]+\]:\s*(\S+)\s*$", re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
DASHES = re.compile(r"^\|(?::?-+:?\|)+$")
LIST_ITEM = re.compile(r"^(?:[-*]|\d+\.) ")
ANCHOR = re.compile(r'<a id="([^"]+)">')


@dataclass
class Block:
    """A fenced block of code."""

    language: str
    text: str


@dataclass
class Page:
    path: Path
    prose: str = ""  # all but the blocks
    blocks: list = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Page":
        page, block = cls(path), None
        for line in path.read_text().splitlines():
            fence = FENCE.match(line)
            if fence and block is None:
                block = Block(fence.group(1), "")
            elif fence:
                page.blocks.append(block)
                block = None
            elif block is not None:
                block.text += line + "\n"
            else:
                page.prose += line + "\n"
        if block is not None:
            raise ValueError(f"{path}: a block of code has no end")
        return page

    @property
    def indented_blocks(self) -> list:
        """The first line of each block of code that has no fence: it has no language, so nobody looks into it."""
        found, before, in_list = [], "", False
        for line in self.prose.splitlines():
            if line and not line.startswith(" "):
                in_list = bool(LIST_ITEM.match(line))
            if line.startswith("    ") and not before.strip() and not in_list:
                found.append(line.strip())
            before = line
        return found

    @property
    def tables_without_head(self) -> list:
        """The first row of each table that has no line of dashes below it: its rows are shown as they are written."""
        lines = ["", *self.prose.splitlines(), ""]
        return [line for before, line, after in zip(lines, lines[1:], lines[2:])
                if line.startswith("|") and not before.startswith("|") and not DASHES.match(after)]

    @property
    def headings(self) -> list:
        return [found.group(1) for line in self.prose.splitlines() if (found := HEADING.match(line))]

    @property
    def anchors(self) -> set:
        """What a link to this page may have behind its #, as GitHub makes it."""
        names, anchors = {}, set(ANCHOR.findall(self.prose))
        for heading in self.headings:
            name = slug(heading)
            count = names[name] = names.get(name, -1) + 1
            anchors.add(f"{name}-{count}" if count else name)
        return anchors

    @property
    def links(self) -> list:
        """Targets, without those that are only quoted."""
        text = SPAN.sub("", self.prose)
        return LINK.findall(text) + REFERENCE.findall(text)

    @property
    def spans(self) -> list:
        """Texts between single backticks, each once and in order; a line's end in one is a blank."""
        return list(dict.fromkeys(" ".join(span.split()) for span in SPAN.findall(self.prose)))


def slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def all_pages(root: Path) -> list:
    names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "tests/data/captures/README.md"]
    paths = [root / name for name in names if (root / name).exists()]
    folders = [path for name in (".github", "docs") for path in sorted((root / name).rglob("*.md"))]
    return [Page.read(path) for path in [*paths, *folders]]
