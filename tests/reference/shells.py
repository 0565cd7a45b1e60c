"""Each shell that has a completion, asked as a user would: with the whole line, and the key that completes it."""

import os
import re
import subprocess
from pathlib import Path

from terminal import Terminal

# Written in two parts, so that the echo of what is typed is not taken for it.
MARK = "DO''NE"
DONE = "DONE"
SHOW = f"printf '<%s>\\n' \x05; echo {MARK}\n"


def environment(home: Path, installed: Path, appd: Path) -> dict:
    return {"PATH": f"{appd.parent}:{os.environ['PATH']}", "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8",
            "XDG_DATA_DIRS": str(installed)}


class TypedShell:
    """A shell whose key inserts everything that may follow. The words of the line are then printed."""

    def __init__(self, command: list, setup: str, key: str, folder: Path, env: dict):
        self.key = key
        self.terminal = Terminal(command, folder, env)
        self.terminal.type(f"{setup}; echo {MARK}\n", DONE)

    def complete(self, line: str) -> set:
        shown = self.terminal.type(f"{line}{self.key}\x01{SHOW}", DONE)
        words = re.findall(r"^<(.*)>\r?$", shown, re.MULTILINE)
        *before, begun = line.split(" ")
        found = set(words[len(before):])
        # Nothing that may follow: the line stays as it was.
        return {plain(word) for word in found - {begun}} if found != {begun} else set()

    def close(self):
        self.terminal.close()


class Bash(TypedShell):
    """The completion is found by bash-completion, as on any Debian."""

    def __init__(self, folder: Path, installed: Path, env: dict):
        super().__init__(["bash", "--norc", "--noprofile", "-i"],
                         "bind 'set enable-bracketed-paste off'; . /usr/share/bash-completion/bash_completion",
                         "\x1b*", folder, env)


class Zsh(TypedShell):
    def __init__(self, folder: Path, installed: Path, env: dict):
        (function,) = (installed / "zsh").rglob("_appd")
        setup = [f"fpath=({function.parent} $fpath)", "autoload -U compinit", "compinit -D -u", "bindkey -e",
                 "zle -C all complete-word _generic", "bindkey '^X^A' all",
                 "zstyle ':completion:all::::' completer _all_matches _complete",
                 "zstyle ':completion:all:*' insert true"]
        super().__init__(["zsh", "-f", "-i"], "; ".join(setup), "\x18\x01", folder, env)


class Fish:
    def __init__(self, folder: Path, installed: Path, env: dict):
        self.folder, self.env = folder, env

    def complete(self, line: str) -> set:
        told = subprocess.run(["fish", "-c", "complete -C $argv[1]", line], cwd=self.folder,
                              env=self.env, check=True, capture_output=True, text=True)
        assert not told.stderr, told.stderr
        words = {each.partition("\t")[0] for each in told.stdout.splitlines()}
        # fish 4 lists what has the same letters somewhere, too. Its pager shows that only if there is nothing better.
        best = {word for word in words if word.startswith(line.rpartition(" ")[2])}
        return set(map(plain, best or words))

    def close(self):
        pass


def plain(word: str) -> str:
    """Without what may surround it: the option before its value, a slash or an equals sign at the end."""
    return re.sub(r"^--[a-z-]+=(?=.)", "", word).rstrip("/=")


ALL = {"bash": Bash, "zsh": Zsh, "fish": Fish}
