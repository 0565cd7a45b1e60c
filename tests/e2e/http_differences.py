"""Where appd and nginx do not do the same with the bytes of an HTTP client, and why."""

from collections.abc import Callable
from dataclasses import dataclass

from http_cases import Case
from http_outcome import NO_HEAD, NOTHING, Answer

WAITS = NOTHING.status  # nginx closes the connection without a word
SAME_PARTS = ("method", "target", "version", "body")


@dataclass(frozen=True)
class Found:
    """One thing that differs in the first pair of answers that do: "status", a part of the request, or a field."""

    what: str
    ours: object
    theirs: object

    def __str__(self):
        return f"{self.what}: {self.ours!r}, with nginx {self.theirs!r}"


def compare(ours: Answer, theirs: Answer) -> list:
    if not (ours.arrived and theirs.arrived):
        return [Found("status", ours.status, theirs.status)]
    found = [Found(part, ours.part(part), theirs.part(part)) for part in SAME_PARTS]
    fields = (ours.part("fields"), theirs.part("fields"))
    found += [Found(name, *(each.get(name) for each in fields)) for name in sorted({**fields[0], **fields[1]})]
    return [each for each in found if each.ours != each.theirs]


@dataclass(frozen=True)
class Explanation:
    """`tags`: the mutations of which one must be in the case."""

    because: str
    tags: frozenset
    holds: Callable  # for a Found

    def explains(self, case: Case, found: Found) -> bool:
        return bool(self.tags & case.tags) and self.holds(found)


def status(ours, *theirs):
    return lambda found: (found.what, found.ours) == ("status", ours) and found.theirs in theirs


def both_refuse(found) -> bool:
    return found.what == "status" and found.ours >= 400 and (found.theirs >= 400 or found.theirs == WAITS)


def part(name, check):
    return lambda found: found.what == name and None not in (found.ours, found.theirs) and \
        check(found.ours, found.theirs)


def without_port(host) -> str:
    return host.rpartition(":")[0]


def without_authority(target) -> str:
    rest = target.partition("://")[2]
    return rest[min([rest.find(mark) for mark in "/?" if mark in rest], default=len(rest)):] or "/"


def explain(because, tags, holds) -> Explanation:
    return Explanation(because, frozenset(tags.split(", ")), holds)


EXPLANATIONS = (
    explain("a request with two defects is refused for either of them", "two mutations", both_refuse),
    # ---- lines
    explain("nginx takes LF alone for the end of a line, as RFC 9112 2.2 permits. A proxy before it that does not sees "
            "other messages, so appd refuses", "bare LF, one line end", status(400, 200)),
    explain("the same within a chunked body (RFC 9112 7.1 has CRLF alone)",
            "chunk end, last chunk, odd trailer, chunk extension byte", status(400, 200)),
    explain("nginx skips any CR and LF before a request; RFC 9112 2.2 asks for one empty line, and appd skips one",
            "many line ends before, bytes before, noise, short body", status(400, 200)),
    explain("nginx takes several blanks in the request line for one, and those at its end for none. RFC 9112 3 permits "
            "that and warns of it", "blanks, blank in target, no version", status(400, 200)),
    # ---- versions
    explain("HTTP/0.9 is in RFC 9112 no more", "HTTP/0.9", status(400, NO_HEAD.status)),
    explain("appd says 505 to what names another version; to nginx HTTP/0.9 and the preface of HTTP/2 are malformed",
            "HTTP/2, version", status(505, 400)),
    explain("nginx serves HTTP/1.x as HTTP/1.1, as RFC 9110 2.5 asks for. No client sends it, and what it would mean is "
            "not known", "version", status(505, 200)),
    explain("a version has one digit after the dot (RFC 9112 2.3)", "version", status(400, 200)),
    explain("nginx reads HTTP/11 as version 11", "no version", status(400, 505)),
    # ---- methods
    explain("RFC 9110 9.1: a method is any token. nginx knows capitals, _ and - alone", "method", status(200, 400)),
    explain("appd has a limit for methods (RFC 9110 15.6.2)", "long method", status(501, 200)),
    explain("nginx refuses TRACE; appd leaves it to the application, without a body (RFC 9110 9.3.8)",
            "trace", status(200, 405)),
    explain("nginx refuses TRACE before it looks at the body", "trace", status(400, 405)),
    # ---- targets
    explain("nginx gives the application the path of an absolute target, appd all of it; RFC 3875 knows no REQUEST_URI",
            "absolute, odd absolute",
            part("target", lambda ours, theirs: theirs in (without_authority(ours), without_authority(ours).lstrip("/")))),
    explain("nginx leaves the port of an absolute target out of $host (RFC 9112 3.2.2)", "absolute",
            part("HTTP_HOST", lambda ours, theirs: theirs == without_port(ours))),
    explain("nginx has no OPTIONS * (RFC 9112 3.2.4)", "asterisk", status(204, 400)),
    explain("nginx decodes the path for its locations and refuses what leads above the root or is no escape; an "
            "application gets the target as it came", "climbing, escape", status(200, 400)),
    explain("nginx accepts any scheme; appd serves http and https (RFC 9110 7.4)", "odd absolute", status(400, 200)),
    # ---- fields
    explain("nginx drops a field whose name is no token (RFC 9110 5.1), and keeps control bytes in values (5.5 asks to "
            "refuse or replace them)", "byte, field name", status(400, 200)),
    explain("to nginx a line without a colon is a field without a value (RFC 9112 5)", "colon", status(400, 200)),
    explain("RFC 9110 5.5: a tab around a value is no part of it; nginx takes off blanks alone", "value",
            part("HTTP_X_VALUE", lambda ours, theirs: theirs.strip("\t ") == ours)),
    explain("the same around a coding", "coding", status(200, 501)),
    explain("a field of more than 8 KiB; appd has a limit for all of them together", "long field", status(200, 400)),
    explain("with two types nobody knows which one a proxy has looked at (RFC 9110 5.3); nginx passes on the last",
            "type twice", status(400, 200)),
    explain("any close ends a connection (RFC 9112 9.3); nginx heeds the last of several fields", "close and keep",
            status(WAITS, 200)),
    explain("an expectation that is not known gets 417 (RFC 9110 10.1.1); nginx does not look at it",
            "other expectation", status(417, 200)),
    # ---- hosts
    explain("RFC 9110 7.2: Host is empty where the target has no authority", "empty host", status(200, 400)),
    explain("nginx makes the host lower case", "host",
            part("HTTP_HOST", lambda ours, theirs: theirs == ours.lower())),
    explain("nginx takes off the dot at the end of a host", "odd host",
            part("HTTP_HOST", lambda ours, theirs: theirs == ours.rstrip("."))),
    explain("RFC 3986 3.2.2 permits two dots in a name; nginx refuses them", "odd host", status(200, 400)),
    explain("RFC 9112 3.2: a Host that is no host and port gets 400; nginx refuses slashes, NUL and blanks alone",
            "odd host", status(400, 200)),
    # ---- bodies
    explain("appd answers 408 where nginx closes the connection in silence",
            "short body, large chunk, chunk end, last chunk, length, two lengths", status(408, WAITS)),
    explain("--max-body; nginx has no limit here", "large body", status(413, WAITS)),
    explain("RFC 9112 6.3: with an end that is not known the answer is 400; nginx has 501 for each coding but chunked",
            "other coding, odd coding byte, byte", status(400, 501)),
    explain("RFC 9112 7.1: no blank follows the size of a chunk (nor does sense in an extension of 300 bytes); nginx "
            "skips both", "odd chunk size, chunk extension", status(400, 200)),
)
