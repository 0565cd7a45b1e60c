"""What pages say between backticks and in commands, looked up in the tree: files, options, names of the code."""

import builtins
import json
import re
from functools import cached_property
from pathlib import Path

from pages import Page

# Names of files that are not of this project.
FOREIGN_FILES = {"appd.service.d/site.conf", "chart.png", "manage.py", "results.json", "settings.py", "urls.py"}
# Names of types and functions that are not of this project.
FOREIGN_NAMES = {"Forwarded", "PrivateTmp", "Proxy", "ProxyFix", "ProxyPass", "SetEnv", "Via", "project", "select",
                 "writev"}
# First words of a command line.
VERBS = {"dev", "reload", "upgrade", "stop", "status"}
# The word before it where another program starts appd.
STARTERS = {"--", "--fork", "--kill-child", "exec"}
# Programs of others, whose options nobody checks here.
FOREIGN_PROGRAMS = {"cmake", "ctest", "curl", "docker", "flask", "git", "pip", "podman", "setsid", "systemctl",
                    "systemd-tmpfiles"}

PATH = re.compile(r"^(?!\.\w+$)[\w.@+*-]+(/[\w.@+*-]+)*/?$")
SUFFIX = re.compile(r"\.(cpp|hpp|py|conf|cmake|ini|service|socket|sh|md|png|json|toml|ya?ml|\*)$")
OPTION = re.compile(r"(?:^|(?<=[\s=(]))--([a-z][\w-]*)")
SETTING = re.compile(r"^([a-z][a-z-]*) = ")
MEMBER = re.compile(r"^((?:\w+::)+)~?(\w+)(?:\(.*\))?$")
FUNCTION = re.compile(r"^(\w+)\(.*\)")
PRESET = re.compile(r"--preset[ =]([a-z]\w*)")
TYPE = re.compile(r"^(?:[A-Z][a-z0-9]+)+$")
IN_FILE = re.compile(r"`(\w+)`\s+in\s+`([^`\s]+)`")
FOREIGN_OPTION = re.compile(r'\{"(?:uWSGI|gunicorn)",\s*"([^"]+)"')
COMMAND_END = re.compile(r"\s*(?:&&|\|\||;|\|)\s*")


class Tree:
    """The project's files, and what its sources declare."""

    def __init__(self, root: Path, options: set):
        self.root = root
        self.options = options

    @cached_property
    def files(self) -> list:
        skipped = {"build", ".git", "__pycache__"}
        names = (path.relative_to(self.root) for path in self.root.rglob("*"))
        return [name.as_posix() for name in names if not skipped & set(name.parts)]

    @cached_property
    def sources(self) -> dict:
        return {name: (self.root / name).read_text() for name in self.files
                if name.startswith("src/") and name.endswith((".cpp", ".hpp"))}

    @cached_property
    def foreign_options(self) -> set:
        return set(FOREIGN_OPTION.findall(self.sources.get("src/runtime/config/foreign_options.cpp", "")))

    @cached_property
    def folders(self) -> set:
        """The first parts of paths that pages give: from the root, from src/ or from src/runtime/."""
        found = set()
        for base in ("", "src", "src/runtime"):
            folder = self.root / base
            found |= {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
        return found - {"build"}

    def find(self, name: str) -> list:
        """The files, or the folder, that a page may mean by this name."""
        wanted = name.rstrip("/")
        for base in ("", "src/", "src/runtime/"):
            pattern = re.compile(re.escape(base + wanted).replace(r"\*", "[^/]*") + "$")
            if found := [file for file in self.files if pattern.match(file)]:
                return [file for file in found if not name.endswith("/") or (self.root / file).is_dir()]
        if "/" not in wanted:
            pattern = re.compile(r"(?:.*/)?" + re.escape(wanted).replace(r"\*", "[^/]*") + "$")
            return [file for file in self.files if pattern.match(file)]
        return []

    @cached_property
    def test_sources(self) -> dict:
        return {name: (self.root / name).read_text() for name in self.files
                if name.startswith("tests/") and name.endswith((".cpp", ".hpp"))}

    @cached_property
    def presets(self) -> set:
        file = self.root / "CMakePresets.json"
        return {each["name"] for each in json.loads(file.read_text())["configurePresets"]} if file.exists() else set()

    def text(self, file: str) -> str:
        return self.sources.get(file) or self.test_sources.get(file, "")

    def has(self, pattern: str) -> bool:
        """Whether it is in a source of the program or of its tests."""
        return any(re.search(pattern, text) for texts in (self.sources, self.test_sources) for text in texts.values())

    def declares_type(self, name: str) -> bool:
        return self.has(rf"\b(?:class|struct|enum class|using)\s+{name}\b")

    def declares_member(self, owner: str, member: str) -> bool:
        """A type's member, or what a namespace holds."""
        opened = re.compile(rf"\b(?:(?:class|struct|enum class)\s+{owner}\b[^;]*\{{|namespace (?:\w+::)*{owner}\b)")
        named, defined = re.compile(rf"\b{member}\b"), re.compile(rf"\b{owner}::{member}\b")
        return any((opened.search(text) and named.search(text)) or defined.search(text)
                   for text in self.sources.values())


def is_path(span: str, tree: Tree) -> bool:
    if not PATH.match(span) or span in FOREIGN_FILES:
        return False
    first = span.split("/")[0]
    return bool(SUFFIX.search(span)) or ("/" in span and first in tree.folders)


def complaints_about_command(words: list, tree: Tree):
    """Options of the program that the command starts, where that is appd or a script of the project."""
    program, text = words[0], " ".join(words[1:])
    for preset in PRESET.findall(text):
        if preset not in tree.presets:
            yield f"no such preset: {preset}"
    if program in FOREIGN_PROGRAMS:
        return
    # In these folders the program itself is, if it is built or installed.
    is_ours = "/" in program and not program.startswith(("build/", "/"))
    script = tree.root / program if is_ours else None
    source = script.read_text() if script and script.is_file() else None
    for option in OPTION.findall(text):
        if source is not None:
            known = f"--{option}" in source
        else:
            known = option in tree.options | tree.foreign_options
        if not known:
            yield f"no such option: --{option}"


def complaints_about_span(span: str, tree: Tree):
    if is_path(span, tree) and not tree.find(span):
        yield f"no such file: {span}"
    words = span.split()
    program = next((word for word in words if "=" not in word), words[0])
    yield from complaints_about_command([program, *words], tree)
    if words[0] == "appd" and len(words) > 1:
        yield from complaints_about_verb(words)
    if (found := SETTING.match(span)) and found.group(1) not in tree.options | tree.foreign_options:
        yield f"no such setting: {found.group(1)}"
    if found := MEMBER.match(span):
        owner = found.group(1).rstrip(":").rsplit("::", 1)[-1]
        if not tree.declares_member(owner, found.group(2)):
            yield f"no source declares {span}"
    elif found := FUNCTION.match(span):
        name = found.group(1)
        if name not in FOREIGN_NAMES and not hasattr(builtins, name) and not tree.has(rf"\b{name}\("):
            yield f"no source declares {span}"


def complaints_about_verb(words: list):
    """Of a command that begins with appd."""
    word = words[1]
    if re.match(r"^(-\w|[a-z]+$)", word) and word not in VERBS:
        yield f"appd does not know: {word}"


def complaints_about_types(page: Page, tree: Tree):
    for span in page.spans:
        if TYPE.match(span) and span not in FOREIGN_NAMES and not hasattr(builtins, span) \
                and not tree.declares_type(span):
            yield f"no source declares {span}"
    for name, file in IN_FILE.findall(page.prose):
        found = tree.find(file)
        if found and not any(re.search(rf"\b{name}\b", tree.text(each)) for each in found):
            yield f"{name} is not in {file}"


def commands(text: str):
    """The commands of a block for a shell, as lists of words; what a here-document holds is none."""
    end = None
    for line in text.replace("\\\n", " ").splitlines():
        if end is not None:
            end = None if line == end else end
            continue
        if found := re.search(r"<<-?'?(\w+)'?", line):
            end = found.group(1)
        for command in COMMAND_END.split(re.sub(r"(^|\s)#.*$", "", line)):
            if words := command.split():
                yield words


def complaints_about_shell(text: str, tree: Tree):
    for words in commands(text):
        if "appd" in words:  # also behind `runuser -u www-data --`, `setsid --fork`
            start = words.index("appd")
            yield from complaints_about_command(words[start:], tree)
            if len(words) > start + 1 and (start == 0 or words[start - 1] in STARTERS):
                yield from complaints_about_verb(words[start:])
        elif "/" in words[0] or words[0] in FOREIGN_PROGRAMS:
            yield from complaints_about_command(words, tree)
        for word in words:
            first, slash, _ = word.partition("/")
            if slash and first in {"configs", "deploy", "tests", "docs", "src", "cmake"} and not tree.find(word):
                yield f"no such file: {word}"


def complaints_about_settings(text: str, tree: Tree):
    """Of appd.ini; other files begin with another section."""
    section = "appd"
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        found = re.match(r"([\w-]+)\s*=", line)
        if section == "appd" and found and found.group(1) not in tree.options:
            yield f"no such setting: {found.group(1)}"


def complaints(page: Page, tree: Tree):
    for span in page.spans:
        yield from complaints_about_span(span, tree)
    for block in page.blocks:
        if block.language == "sh":
            yield from complaints_about_shell(block.text, tree)
        elif block.language == "ini":
            yield from complaints_about_settings(block.text, tree)
    yield from complaints_about_types(page, tree)
