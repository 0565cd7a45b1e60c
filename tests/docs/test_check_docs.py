"""The checks of the documents notice what they are for: each is shown a small project with one thing wrong."""

import pytest

import check_docs

HELP = """Usage: appd [options]

Sockets:
  --socket ADDRESS            Where to listen. Required.
  --threads N                 Threads in each worker. Default: 4.
"""
TABLE = """| Option | Default | What it does |
|---|---|---|
| **Sockets** | | |
| `--socket ADDRESS` | required | Where to listen. |
| `--threads N` | `4` | Threads in each worker. |"""

EVENTS = "docs/events.md"

PROJECT = {
    "README.md": "# appd\n\n[Installation](docs/installation.md), "
                 "[Options](docs/options.md), [Code](docs/architecture/README.md), [Events](docs/events.md), "
                 "[Decisions](docs/decisions/README.md), [Trouble](docs/troubleshooting.md)\n",
    "docs/installation.md": "# Installation\n\n```sh\napt install nano\n```\n\n"
                            "## From source\n\n```sh\napt install g++ nginx\n```\n",
    "CONTRIBUTING.md": "# Contributing\n\n`src/runtime/net/`, `src/runtime/gateway/`, `docs/`, `deploy/`, `tests/`, "
                       "`tests/fakes/`\n",
    "CMakePresets.json": '{"configurePresets": [{"name": "debug"}]}',
    "docs/options.md": "# Options\n\n<!-- options: made from appd --help by tests/docs/check_docs.py --write -->\n"
                       f"{TABLE}\n<!-- end of options -->\n\n## By name\n",
    "docs/architecture/README.md": "# Code\n\n### Arrows\n\n"
                                   "```mermaid\nflowchart TD\n    main --> net\n    net --> support\n```\n",
    "src/CMakeLists.txt": "appd_library(appd_net DEPENDS appd_support Boost::headers\n  fmt::fmt)\n"
                          "appd_library(appd_support)\n",
    "docs/decisions/README.md": "# Decisions\n\n[One](one.md)\n",
    "docs/decisions/one.md": "# One\n\n## Context\n\n## Decision\n\n## Consequences\n",
    "deploy/packages.sh": "build_packages=(\n  g++\n)\nsite_packages=(nginx)\n",
    "tests/run-all": "usage: --unit --preset\n",
    "tests/fakes/front.hpp": "struct Speech {};\nint all_settings() {}\n",
    "src/runtime/net/outbox.hpp": "namespace appd::net {\nclass Outbox {\n  void flush();\n};\n}\n",
    "src/runtime/net/outbox.cpp": "void Outbox::flush() {}\nint choose_break();\n",
    "src/runtime/config/foreign_options.hpp": "",
    "src/runtime/gateway/log_event.cpp":
        '{E::worker_died, "worker.died", error},\n{E::log_reopened, "log.reopened", info},\n'
        '{E::queue_full, "queue.full", warning,\n "requests answered with 503"},\n',
    "docs/events.md": "# Events\n\nFront: nothing.\n\n| Event | Level |\n|---|---|\n"
                      "| `worker.died` | error |\n| `log.reopened` | info |\n| `queue.full` | warning, 1/s |\n",
    "docs/troubleshooting.md": "# Trouble\n\n`worker.died`, `wsgi.errors`, `net.core.somaxconn`, `outbox.hpp`\n",
}


def complaints(tmp_path, **changes) -> list:
    for name, text in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, text in changes.items():
        (tmp_path / name).write_text(text)
    return list(check_docs.all_complaints(tmp_path, HELP))


def on_the_code_page(tmp_path, text) -> list:
    """What is said of a page about the code with this text."""
    page = "docs/architecture/README.md"
    return [each.removeprefix(f"{page}: ") for each in complaints(tmp_path, **{page: f"{PROJECT[page]}\n{text}\n"})]


def test_a_sound_project_has_no_complaints(tmp_path):
    assert complaints(tmp_path) == []


@pytest.mark.parametrize("text", [
    "`net/outbox.*`, `outbox.hpp`, `src/runtime/net/outbox.cpp`, `tests/run-all`",
    "`--threads`, `--threads=2`, `threads = 3`, `appd --socket x`, `tests/run-all --unit`, `cmake --preset debug`",
    "`Outbox::flush`, `net::Outbox`, `Outbox`, `Exception`, `choose_break` in `net/outbox.*`",
    "`Outbox::flush()`, `Outbox::flush(int)`, `choose_break()`, `Speech` in `tests/fakes/front.hpp`, `print(x)`",
    "`appd reload`, `appd upgrade --socket x`, `appd 0.1.0`, `appd: master x`, `tests/run-all --preset debug`",
    "- a list\n\n    with an indented paragraph",
    "[up](../options.md#by-name), [here](#code), [there](https://example.org/#nothing)",
    "`worker.died`, `signal.signal`, `main.log`",
    "`.py`, `10.0.0.0/8`, `text/plain`, `/etc/appd/x.ini`, `settings.py`",
    "```sh\nappd --socket x &&\\\n  tests/run-all --unit   # --nothing\ncat <<END\nappd --nothing\nEND\n```",
    "```ini\n[appd]\nsocket = x\n[Service]\nUser=x\n```",
    "```\n… error [1 master] worker.died: x\nwarn  [1 worker 2] queue.full: x\n[m] nothing: x\n```",
])
def test_what_is_there_is_found(tmp_path, text):
    assert on_the_code_page(tmp_path, text) == []


@pytest.mark.parametrize("text, complaint", [
    ("`net/inbox.*`", "no such file: net/inbox.*"),
    ("`inbox.hpp`", "no such file: inbox.hpp"),
    ("`src/runtime/pool/`", "no such file: src/runtime/pool/"),
    ("`--thread`", "no such option: --thread"),
    ("`tests/run-all --e2e`", "no such option: --e2e"),
    ("`thread = 3`", "no such setting: thread"),
    ("`Outbox::drain`", "no source declares Outbox::drain"),
    ("`Inbox::flush`", "no source declares Inbox::flush"),
    ("`net::Inbox`", "no source declares net::Inbox"),
    ("`Inbox`", "no source declares Inbox"),
    ("`choose_end` in `net/outbox.*`", "choose_end is not in net/outbox.*"),
    ("`Outbox::drain(int)`", "no source declares Outbox::drain(int)"),
    ("`choose_end()`", "no source declares choose_end()"),
    ("`appd relaod`", "appd does not know: relaod"),
    ("```sh\nappd relaod --socket x\n```", "appd does not know: relaod"),
    ("```sh\nrunuser -u x -- appd -x\n```", "appd does not know: -x"),
    ("`cmake --preset relase`", "no such preset: relase"),
    ("```sh\ncmake --build --preset relase\n```", "no such preset: relase"),
    ("```sh\ntests/run-all --preset relase\n```", "no such preset: relase"),
    ("    appd --nothing", "a block of code without a fence: appd --nothing"),
    ("| a | b |\n|---|---|\n| c | d |\n\n| e | f |\n| g | h |", "a table without a head: | e | f |"),
    ("`worker.dead`", "no such event: worker.dead"),
    ("`inbox.yml`", "no such file: inbox.yml"),
    ("```sh\nbuild/debug/src/appd --nothing\n```", "no such option: --nothing"),
    ("[x](../nothing.md)", "leads nowhere: ../nothing.md"),
    ("[x](../options.md#by-size)", "no such heading: ../options.md#by-size"),
    ("[x](#nothing)", "no such heading: #nothing"),
    ("```sh\nappd --nothing\n```", "no such option: --nothing"),
    ("```sh\n/bin/sh --nothing\n```", "no such option: --nothing"),
    ("```sh\ncd / && runuser -u x -- appd --nothing\n```", "no such option: --nothing"),
    ("```sh\ncp configs/nothing.conf /etc\n```", "no such file: configs/nothing.conf"),
    ("```sh\ntests/run-all --nothing\n```", "no such option: --nothing"),
    ("```ini\nthread = 3\n```", "no such setting: thread"),
    ("```\nerror [1 master] a worker died\n```", "a log line without the name of an event: a worker died"),
    ("```\n2026-11-20T10:19:07.547Z error [1 master] worker.dead: x\n```",
     "a log line without the name of an event: worker.dead: x"),
    ("```\n  error [1 worker 1] queue.full: x\n```", "a log line of queue.full has the level warn, not error"),
])
def test_what_is_not_there_is_told(tmp_path, text, complaint):
    assert on_the_code_page(tmp_path, text) == [complaint]


@pytest.mark.parametrize("page, old, new, complaint", [
    ("docs/options.md", "`4`", "`5`", "docs/options.md: missing: | `--threads N` | `4` | Threads in each worker. |"),
    ("docs/options.md", "<!-- end of options -->", "", "docs/options.md: the table of options must stand once"),
    ("CONTRIBUTING.md", "`src/runtime/net/`", "", "CONTRIBUTING.md: the folder map lacks src/runtime/net/"),
    ("CONTRIBUTING.md", "`tests/fakes/`", "", "CONTRIBUTING.md: the folder map lacks tests/fakes/"),
    ("CONTRIBUTING.md", "`deploy/`", "", "CONTRIBUTING.md: the folder map lacks deploy/"),
    ("docs/architecture/README.md", "    net --> support\n", "",
     "docs/architecture/README.md: the diagram lacks the arrow net --> support"),
    ("docs/architecture/README.md", "net --> support", "support --> net",
     "docs/architecture/README.md: the diagram has an arrow that CMake has not, support --> net"),
    ("docs/decisions/README.md", "[One](one.md)", "", "docs/decisions/one.md: no link leads here from README.md"),
    ("docs/decisions/one.md", "## Context\n", "",
     "one.md: the headings of a decision are Context, Decision, Consequences"),
    (EVENTS, "| `worker.died` | error |\n", "", f"{EVENTS}: no row for the event worker.died"),
    (EVENTS, "# Events\n\n", "# Events\n\n| `worker.died` | error |\n", f"{EVENTS}: 2 rows for the event worker.died"),
    (EVENTS, "Front: nothing.", "",
     f"{EVENTS}: neither a column nor a sentence says what the front logs: | `worker.died` |"),
    (EVENTS, "Front: nothing.", "Nothing.", f"{EVENTS}: neither a column nor a sentence says what the front logs"),
    (EVENTS, "| info |", "| info | |", f"{EVENTS}: an empty cell: | `log.reopened` | info | |"),
    ("docs/troubleshooting.md", "`worker.died`, ", "", "docs/troubleshooting.md: no row for the error worker.died"),
    (EVENTS, "| error |", "| info |", f'{EVENTS}: worker.died is "error" in the source, not "info"'),
    (EVENTS, ", 1/s", "", f'{EVENTS}: queue.full is "warning, 1/s" in the source, not "warning"'),
    (EVENTS, "| `worker.died` | error |\n| `log.reopened` | info |\n",
     "| `log.reopened` | info |\n| `worker.died` | error |\n",
     f"{EVENTS}: the events are not in the order of the source"),
    (EVENTS, "info |\n", "info |\n| `log.opened` | info |\n", f"{EVENTS}: no such event: log.opened"),
    ("docs/troubleshooting.md", "`worker.", "`workers.", "docs/troubleshooting.md: no such event: workers.died"),
    ("src/runtime/gateway/log_event.cpp", "{E::log", '{E::log_lost, "log.lost", info},\n{E::log',
     f"{EVENTS}: no row for the event log.lost"),
    ("src/runtime/gateway/log_event.cpp", "{E::", "{F::", "src/runtime/gateway/log_event.cpp: no event is found in it"),
    ("README.md", "[Options]", "`Inbox` [Options]", "README.md: no source declares Inbox"),
    ("docs/installation.md", "g++", "", "docs/installation.md: the packages lack g++, which deploy/packages.sh has"),
    ("README.md", "\n\n", "\n" * 150, "README.md: 151 lines are more than 150"),
])
def test_a_page_that_is_not_as_it_should_be_is_told(tmp_path, page, old, new, complaint):
    found = complaints(tmp_path, **{page: PROJECT[page].replace(old, new)})
    assert any(each.startswith(complaint) for each in found), found


def test_the_table_is_brought_up_to_date():
    page = PROJECT["docs/options.md"]
    assert check_docs.options_table.rewritten(page.replace("`4`", "`5`"), HELP) == page
