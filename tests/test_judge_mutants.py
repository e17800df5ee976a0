"""
The tests of the judge, the bench and the ledger catch every wrong comparator.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .judge_mutants import MUTANTS

COMMAND = Path(__file__).with_name("judge_mutants.py")


def tried(*names: str) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, str(COMMAND), *names], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_every_wrong_comparator_is_caught() -> None:
    """
    Each is named by what it does, is made of the engine as it stands, and fails a test.
    """
    assert len(MUTANTS) >= 25
    assert tried() == (0, [f"{len(MUTANTS)} wrong comparators, {len(MUTANTS)} caught"])


def test_right_comparator_is_not_caught() -> None:
    """
    The engine without an edit passes the tests that catch the others, and is reported for that.
    """
    assert tried("none") == (1, ["none: not caught", "1 wrong comparators, 0 caught"])
