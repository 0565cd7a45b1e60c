"""The classes of C++ files as their text has them: names, bases, and whether they have pure virtual functions.

No compiler is asked. Macros and typedefs of classes are not followed.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# What may hold braces, or the word class, without meaning it.
SILENT = re.compile(r"""
    //[^\n]* | /\*.*?\*/
  | R"(?P<mark>[^\s()\\]*)\(.*?\)(?P=mark)"
  | "(?:[^"\\\n]|\\.)*"
  | (?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)+'
""", re.VERBOSE | re.DOTALL)
TOKEN = re.compile(r"""
    \benum\s+(?:class|struct)\b
  | \bnamespace\s+(?P<namespace>[\w:]+)\s*\{
  | \b(?:class|struct)\s+(?:[A-Z_]+\([^()]*\)\s*)?(?P<name>\w[\w:]*)\s*(?:final\s*)?(?::(?P<bases>[^:{};][^{};]*))?\{
  | (?P<pure>\bvirtual\b(?:[^;{}]|\{\})*=\s*0\s*;)
  | (?P<open>\{) | (?P<close>\})
""", re.VERBOSE)
ACCESS = re.compile(r"\b(?:public|protected|private|virtual)\b")
ARGUMENTS = re.compile(r"<[^<>]*>")


@dataclass
class Class:
    name: str  # with its namespaces
    path: Path
    bases: list  # as written, without template arguments
    pure: bool = False

    @property
    def scope(self) -> list:
        return self.name.split("::")[:-1]


def base_names(text: str) -> list:
    while ARGUMENTS.search(text):
        text = ARGUMENTS.sub("", text)
    return ["".join(ACCESS.sub(" ", base).split()) for base in text.split(",")] if text.strip() else []


def classes_in(text: str, path: Path) -> list:
    found, scopes = [], []
    for token in TOKEN.finditer(SILENT.sub(" ", text)):
        if token["name"]:
            name = "::".join([*(name for name, _ in scopes if name), token["name"]])
            found.append(Class(name, path, base_names(token["bases"] or "")))
            scopes.append((token["name"], found[-1]))
        elif token["namespace"]:
            scopes.append((token["namespace"], None))
        elif token["open"]:
            scopes.append(("", None))
        elif token["close"] and scopes:
            scopes.pop()
        elif token["pure"] and scopes and scopes[-1][1]:
            scopes[-1][1].pure = True
    return found


def shared_scopes(one: Class, other: Class) -> int:
    count = 0
    for left, right in zip(one.scope, other.scope):
        if left != right:
            break
        count += 1
    return count


class ClassIndex:
    """The classes of all files below some folders, and who derives from whom."""

    def __init__(self, folders: list):
        paths = [path for folder in folders for path in sorted(folder.rglob("*.[ch]pp"))]
        self.classes = [each for path in paths for each in classes_in(path.read_text(), path)]
        self.by_last_name = {}
        for each in self.classes:
            self.by_last_name.setdefault(each.name.split("::")[-1], []).append(each)

    def base_of(self, derived: Class, name: str):
        """The class that `name` means there: of several the one that shares most namespaces. None if unknown."""
        suffix = "::" + name.removeprefix("::")
        candidates = [each for each in self.by_last_name.get(name.split("::")[-1], [])
                      if ("::" + each.name).endswith(suffix) and each is not derived]
        return max(candidates, key=lambda each: shared_scopes(derived, each), default=None)

    def implementers(self, interface: Class) -> list:
        """The classes without pure functions that derive from it, directly or through such as have some."""
        found = []
        for each in self.classes:
            if any(self.base_of(each, base) is interface for base in each.bases):
                found += self.implementers(each) if each.pure else [each]
        return found
