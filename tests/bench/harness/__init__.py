"""The parts of the bench.

How programs are started and watched, and the clients for single requests, are those of the end-to-end tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BENCH = ROOT / "tests" / "bench"
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(BENCH / "apps")]
