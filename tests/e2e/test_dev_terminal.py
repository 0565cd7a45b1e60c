"""appd dev at a terminal: colors, keys, and a debugger in the application."""

import http.client
import re
import threading

import pytest

from dev_site import HELLO, DevSite, Terminal, get

STOPS = HELLO.replace('    if environ["PATH_INFO"] == "/late"', '''    if environ["PATH_INFO"] == "/stop":
        number = 41
        breakpoint()
        number += 1
    if environ["PATH_INFO"] == "/late"''')
PROMPT = r"\(Pdb\) "


@pytest.fixture
def terminal(installed, place):
    place.folder("project")
    place.write("project/app.py", STOPS)
    opened = Terminal(installed, place)
    opened.wait_shown("Ctrl-C ends it")
    yield opened
    opened.close()


class Asking(threading.Thread):
    def __init__(self, terminal, path):
        super().__init__(daemon=True)
        self.terminal, self.path, self.reply = terminal, path, None
        self.start()

    def run(self):
        try:
            self.reply = get(self.terminal.port, self.path)
        except (OSError, http.client.HTTPException) as error:
            self.reply = error

    def wait(self):
        self.join(60)
        assert not self.is_alive()
        return self.reply


def test_the_status_has_a_color(terminal):
    get(terminal.port, "/")
    terminal.wait_shown(re.escape("\x1b[32m200\x1b[0m GET /"))


def test_a_breakpoint_talks_at_the_terminal(terminal):
    asking = Asking(terminal, "/stop")
    at = terminal.wait_shown(PROMPT)
    terminal.type("p number + 1000\n")
    at = terminal.wait_shown(r"1041\s", at)
    terminal.wait_shown(PROMPT, at)
    terminal.type("c\n")
    assert asking.wait()[::2] == (200, b"one")


def test_ctrl_c_ends_it(terminal):
    terminal.type("\x03")
    assert terminal.wait_end() == 0


def test_ctrl_c_ends_it_in_the_debugger(terminal):
    Asking(terminal, "/stop")
    terminal.wait_shown(PROMPT)
    terminal.type("\x03")
    assert terminal.wait_end() == 0


@pytest.mark.parametrize("enter", ["breakpoint()", "import pdb, sys; pdb.post_mortem(sys.exc_info()[2])"])
def test_a_reload_waits_for_a_debugger_of_any_kind_while_others_are_served(installed, place, enter):
    place.folder("project")
    code = HELLO.replace("    if", f"""    if environ["PATH_INFO"] == "/stop":
        try:
            raise LookupError
        except LookupError:
            {enter}
    if""", 1)
    place.write("project/app.py", code)
    terminal = Terminal(installed, place, "--threads", "2")
    neighbour = DevSite(installed, place)  # when it has reloaded, the other would have, too
    try:
        terminal.wait_shown("Ctrl-C ends it")
        asking = Asking(terminal, "/stop")
        at = terminal.wait_shown(PROMPT)
        assert get(terminal.port)[2] == b"one"
        place.write("project/app.py", code.replace('b"one"', 'b"two"'))
        neighbour.wait_said("\nreloaded\n")
        terminal.type("p 40 + 2\n")
        at = terminal.wait_shown(r"42\s", at)
        at = terminal.wait_shown(PROMPT, at)
        assert get(terminal.port)[2] == b"one" and "reloading" not in terminal.shown
        terminal.type("c\n")
        assert asking.wait()[2] == b"one"
        terminal.wait_shown("reloaded", at)
        assert get(terminal.port)[2] == b"two"
    finally:
        neighbour.stop()
        terminal.close()
