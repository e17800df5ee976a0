"""Wrong comparators are edits of the current engine, and tests catch them; `tox -e mutants` tries all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..support.wrong_comparators import MUTANTS, fits

COMMAND = Path(__file__).parents[1] / "support" / "wrong_comparators.py"


def tried(*names: str) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, str(COMMAND), *names], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_wrong_comparators_are_caught() -> None:
    """Each fails a test: the first of every module that is edited."""
    first = {mutant.module: name for name, mutant in reversed(MUTANTS.items())}
    assert len(MUTANTS) >= 25
    assert tried(*first.values()) == (0, [f"{len(first)} wrong comparators, {len(first)} caught"])


def test_every_edit_fits_the_engine() -> None:
    """What it changes stands in its module once."""
    assert [] == [name for name, mutant in MUTANTS.items() if not fits(mutant)]


def test_right_comparator_is_not_caught() -> None:
    """The engine without an edit passes the tests that catch the others, and is reported for that."""
    assert tried("none") == (1, ["none: not caught", "1 wrong comparators, 0 caught"])
