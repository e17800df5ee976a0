"""
What the suite's checks of itself print: `validate`, `mutants`, and the wrong comparators.

Each command runs as a user runs it. Its exit code must be 0; the figures are read from what it prints last.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence

from support import result

VALIDATED = (
    r"(?P<cases>\d+) literal cases? and (?P<points>\d+) sweep points?: "
    r"both formulations confirm every expectation"
)
#: The figures of each check: its command, and a pattern whose groups are the figures' names.
CHECKS: dict[str, tuple[Sequence[str], str]] = {
    "validate": (
        ("-m", "conv_conformance", "validate"),
        rf"{VALIDATED}\n(?P<clauses>\d+) clauses",
    ),
    "mutants": (
        ("-m", "conv_conformance", "mutants"),
        (
            r"(?P<mutants>\d+) mutants \((?P<conditioned>\d+) under a condition\): "
            r"(?P<killed>\d+) killed, \d+ survive\n"
            r"(?P<swept>\d+) mutants that need a sweep: (?P<swept_killed>\d+) killed.*\n"
            r"(?P<pinned>\d+) of (?P<breakable>\d+) clauses"
        ),
    ),
    "comparators": (
        ("tests/support/wrong_comparators.py",),
        r"(?P<comparators>\d+) wrong comparators, (?P<caught>\d+) caught",
    ),
}
#: A small corpus: without a pattern `validate` and `mutants` take the whole one.
SMALL: dict[str, tuple[Sequence[str], str]] = {
    "validate": (
        ("-m", "conv_conformance", "validate", "conv1d.same.*", "--sweeps", "none"),
        VALIDATED,
    ),
}


def figures(name: str, words: Sequence[str], pattern: str) -> dict[str, int]:
    """Run one check and return its figures; exit if it fails or prints something else."""
    done = subprocess.run([sys.executable, *words], cwd=result.ROOT, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout)
    if done.returncode or found is None:
        sys.exit(f"{name}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return {figure: int(number) for figure, number in found.groupdict().items()}


def main() -> None:
    """Run the checks, and print and keep their figures."""
    options = result.options(__doc__, "own_checks").parse_args()
    found = {}
    for name, (words, pattern) in (SMALL if options.small else CHECKS).items():
        found[name] = figures(name, words, pattern)
        print(name, *(f"{figure} {number}" for figure, number in found[name].items()), flush=True)
    if options.json:
        result.keep(options.json, found)


if __name__ == "__main__":
    main()
