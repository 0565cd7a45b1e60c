"""The man pages: sound for the programs that show them, and in step with the help, the documents and the source."""

import html
import os
import re
import subprocess

import pytest

from conftest import ROOT

PROGRAM, FILE = "man1/appd.1", "man5/appd.ini.5"
CHECKS = {
    "mandoc": ["mandoc", "-T", "lint", "-W", "all"],
    "groff": ["groff", "-man", "-T", "utf8", "-ww", "-z"],
    "man": ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
}
# Exit codes of workers, which no caller of appd sees.
OF_WORKERS = {"kStuck", "kMemory", "kDescriptors"}


def complaints(check: str, page) -> str:
    ended = subprocess.run([*CHECKS[check], page], env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
                           capture_output=True, text=True)
    return ended.stderr + (ended.stdout if check == "mandoc" else "")


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


class Page:
    """A page as it is read: by section, its text, and what each of its tagged paragraphs says."""

    def __init__(self, path):
        shown = subprocess.run(["mandoc", "-T", "html", path], check=True, capture_output=True, text=True).stdout
        parts = re.split(r'<h1 class="Sh" id="[^"]*">(.*?)</h1>', shown, flags=re.DOTALL)[1:]
        sections = {plain(title): body for title, body in zip(parts[::2], parts[1::2])}
        pair = re.compile(r"<dt[^>]*>(.*?)</dt>\s*<dd>(.*?)</dd>", re.DOTALL)
        self.text = {title: plain(body) for title, body in sections.items()}
        self.paragraphs = {title: {plain(tag): plain(text) for tag, text in pair.findall(body)}
                           for title, body in sections.items()}


@pytest.fixture(scope="module")
def program(installed) -> Page:
    return Page(installed / "man" / PROGRAM)


@pytest.fixture(scope="module")
def file(installed) -> Page:
    return Page(installed / "man" / FILE)


@pytest.mark.parametrize("page", [PROGRAM, FILE])
@pytest.mark.parametrize("check", CHECKS)
def test_a_page_is_sound(installed, check, page):
    assert complaints(check, installed / "man" / page) == ""


@pytest.mark.parametrize("check", CHECKS)
def test_a_mistake_in_a_page_would_be_noticed(installed, tmp_path, check):
    page = tmp_path / "appd.1"
    page.write_text((installed / "man" / PROGRAM).read_text().replace(".SH OPTIONS", ".SH OPTIONS\n.XY"))
    assert "XY" in complaints(check, page)


@pytest.mark.parametrize("page, name", [(PROGRAM, "appd - "), (FILE, "appd.ini - ")])
def test_a_page_can_be_found_by_its_name(installed, page, name):
    told = subprocess.run(["lexgrog", installed / "man" / page], capture_output=True, text=True, check=True).stdout
    assert f': "{name}' in told


def test_man_finds_the_pages(installed):
    for page in (["appd"], ["5", "appd.ini"]):
        shown = subprocess.run(["man", "-M", installed / "man", "-P", "cat", *page], capture_output=True, text=True)
        assert "--socket ADDRESS" in shown.stdout if page == ["appd"] else "socket = ADDRESS" in shown.stdout, shown


def test_the_programs_page_says_what_the_help_says(program, options):
    said = {f"--{name} {argument}".strip(): text for name, argument, text in options}
    assert program.paragraphs["OPTIONS"] == said and len(said) > 60


def test_the_files_page_has_every_option_that_a_file_may_have(file):
    sample = (ROOT / "configs" / "appd.ini").read_text()
    names = set(re.findall(r"^#([a-z-]+) = ", sample, re.MULTILINE))
    written = file.paragraphs["OPTIONS"]
    assert {tag.partition(" = ")[0] for tag in written} == names and len(names) > 55
    assert written["protocol = NAME"].endswith(" Default: auto.")
    preload = written["preload = true | false | force"]
    assert preload.endswith(" with preload = force appd starts anyway. Default: false.")
    assert written["no-new-privs = true | false"].endswith(" Default: true.")


def test_options_have_no_dashes_in_the_files_page(file, names):
    """Those that a file cannot have keep them."""
    assert set(re.findall(r"--[a-z-]+", file.text["OPTIONS"])) <= names - {
        f"--{tag.partition(' = ')[0]}" for tag in file.paragraphs["OPTIONS"]}


@pytest.mark.parametrize("page", ["program", "file"])
def test_a_page_names_options_that_exist(request, names, page):
    for title, text in request.getfixturevalue(page).text.items():
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) <= names, title


def test_the_page_has_the_commands_that_the_help_has(program, appd):
    usage = subprocess.run([appd, "--help"], capture_output=True, text=True).stdout.partition("\n\n")[0]
    verbs = re.search(r"appd ([a-z]+(?: \| [a-z]+)+)", usage).group(1).split(" | ")
    assert list(program.paragraphs["COMMANDS"]) == verbs


def test_the_page_has_the_exit_codes_of_the_source(program):
    source = (ROOT / "src" / "runtime" / "support" / "exit_code.hpp").read_text()
    codes = re.findall(r"inline constexpr int (k\w+) = (\d+);", source)
    assert list(program.paragraphs["EXIT STATUS"]) == [code for name, code in codes if name not in OF_WORKERS]


def test_the_page_has_the_signals_that_the_documents_have(program):
    page = (ROOT / "docs" / "operations.md").read_text().partition("\n## Signals\n")[2].partition("\n## ")[0]
    rows = "".join(re.findall(r"^\|([^|]*)\|", page, re.MULTILINE))
    assert set(re.findall(r"SIG\w+", " ".join(program.paragraphs["SIGNALS"]))) == set(re.findall(r"SIG\w+", rows))


def test_the_page_has_the_variables_of_the_source(program):
    folder = ROOT / "src" / "runtime" / "config"
    source = "".join((folder / f"environment.{kind}").read_text() for kind in ("cpp", "hpp"))
    assert set(program.paragraphs["ENVIRONMENT"]) == set(re.findall(r'"([A-Z_]{5,})"', source))


def test_the_example_of_a_file_is_accepted(installed, appd, tmp_path):
    page = (installed / "man" / FILE).read_text()
    example = re.search(r"^\.EX\n(.*?)^\.EE", page, re.MULTILINE | re.DOTALL).group(1).replace("\\-", "-")
    config = tmp_path / "appd.ini"
    config.write_text(example)
    shown = subprocess.run([appd, "--config", config, "--print-config"], capture_output=True, text=True)
    assert shown.returncode == 0 and "socket-group = www-data" in shown.stdout, shown
