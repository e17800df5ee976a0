"""Check that the pages match corpus, ledger and runs, and that every link inside the repository has a target."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from conv_conformance import corpus
from conv_conformance.core.problem import Invalid

from . import output
from .links import dead, pages
from .pages import stale
from .results import disagreements, fits, judgement, performance, precision, rederived
from .training import page

ROOT = Path(__file__).resolve().parents[2]


def wrong() -> Iterator[str]:
    """Yield one line for each stale page and each broken link."""
    try:
        yield from stale(ROOT)
        yield from disagreements.stale(ROOT, corpus.load())
        yield from precision.stale(ROOT)
        yield from judgement.stale(ROOT)
        yield from performance.stale(ROOT)
        yield from fits.stale(ROOT)
        yield from rederived.stale(ROOT)
        yield from page.stale(ROOT)
    except Invalid as invalid:
        yield str(invalid)
    for path in pages():
        yield from dead(path)


def main() -> str | int:
    """Return the problems, 0 if there are none; `--small` looks at the pages of specification and cases alone."""
    small = output.options(__doc__).parse_args().small
    return "\n".join(stale(ROOT) if small else wrong()) or 0


if __name__ == "__main__":
    sys.exit(main())
