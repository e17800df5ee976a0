"""
Check the pages: they agree with corpus, ledger and runs, and every link inside the repository leads somewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import make_fits
import make_judgement
import make_performance
import make_precision
import make_results
import make_training
from conv_conformance import corpus
from conv_conformance.core.problem import Invalid
from links import dead, pages
from make_pages import stale

ROOT = Path(__file__).resolve().parent.parent


def wrong() -> Iterator[str]:
    """
    Yield everything that is wrong.
    """
    try:
        yield from stale(ROOT)
        yield from make_results.stale(ROOT, corpus.load())
        yield from make_precision.stale(ROOT)
        yield from make_judgement.stale(ROOT)
        yield from make_performance.stale(ROOT)
        yield from make_fits.stale(ROOT)
        yield from make_training.stale(ROOT)
    except Invalid as invalid:
        yield str(invalid)
    for path in pages():
        yield from dead(path)


if __name__ == "__main__":
    sys.exit("\n".join(wrong()) or 0)
