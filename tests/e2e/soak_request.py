"""A request of the soak, and its body."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "apps"))
from soak_pattern import digest, pattern

__all__ = ["FILE_SIZE", "MAX_BODY", "PATIENCE", "TOO_LARGE", "Request", "digest", "pattern"]

PATIENCE = 100.0  # of a client, in seconds; longer than nginx's, so that the front answers first
FILE_SIZE = 1_500_000  # of the file to download
MAX_BODY = 3_000_000  # appd's --max-body
TOO_LARGE = 5_000_000
CONTENT_TOO_LARGE = 413


@dataclass
class Request:
    """One request as its client saw it."""

    id: str
    kind: str
    mode: str
    streaming: bool
    began: float  # CLOCK_MONOTONIC, as all times
    listened: float = 0.0  # when its client began to wait for the response; 0 if never
    ended: float = 0.0
    outcome: str = ""  # right, refused (rightly), left, lost (an error of the front, or part of the response is missing), wrong
    status: int = 0
    detail: str = ""
    after: str = ""  # the previous use of the same connection
    pid: int = 0
    version: int = 0

    def note(self, status, who):
        """Takes over what the head of the response says; `who` is X-Soak."""
        self.status = status
        if who:
            name, pid, version = who.split()
            assert name == self.id, f"a response to {name} for {self.id}"
            self.pid, self.version = int(pid), int(version)

    def judge(self, complete, body, expected):
        if self.status != 200:
            self.outcome = "lost"
        elif complete and body == expected:
            self.outcome = "right"
        elif expected.startswith(body):
            self.outcome, self.detail = "lost", f"{len(body)} of {len(expected)} bytes"
        else:
            self.outcome, self.detail = "wrong", f"{body[:80]!r}"

    def judge_refused(self, status):
        """The body of a `TOO_LARGE` request."""
        self.status = status
        self.outcome = "refused" if status == CONTENT_TOO_LARGE else "lost"

    @property
    def went_well(self) -> bool:
        return self.outcome in ("right", "refused", "left")

    def __str__(self):
        how = f"{self.mode}{' unbuffered' if self.streaming else ''}"
        return (f"request {self.id} ({self.kind}, {how}): {self.outcome} {self.status or ''} {self.detail}"
                f" [{self.began:.3f} … {self.ended:.3f}]{self.after and f' after request {self.after}'} worker {self.pid or '?'}")
