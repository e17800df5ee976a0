"""The account of a verdict on numbers: K, u, S, the bound, and each statistic with its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.case import Case
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.corpus import load
from conv_conformance.explain.verdict_account import account_lines
from conv_conformance.judging import precision
from conv_conformance.reference import evaluate

from ..support.command_line import Command

CASE = "conv2d.rounding.float32"


def case_of(name: str) -> Case:
    (case,) = load(sweeps="none").select([name]).cases
    return case


def told(case: Case, output: Array, **said: Any) -> list[tuple[str, str]]:
    seen = Observation(outcome="returned", arrays={"output": output}, dtypes={"output": "float32"}, **said)
    return [(line.name, line.value) for line in account_lines(case, seen)]


def test_a_right_result_of_drawn_numbers() -> None:
    """The worst output with its error and bound in u*S, the witness, every statistic, and the class."""
    case = case_of(CASE)
    got = np.array(evaluate(case.call))
    by = precision.yardstick(case.call, "float32")
    at = (2, 3, 4, 7)
    got[at] += np.float32(3 * 2.0**-24 * by.magnitude[at])
    lines = told(case, got)
    said = dict(lines)
    assert [name for name, _ in lines[:7]] == ["K", "u", "worst output", "its S", "its error", "its bound", "witness"]
    assert said["K"].startswith("425 products") and said["u"].startswith("2^-24")
    assert said["worst output"].startswith("[2, 3, 4, 7]") and said["its S"].startswith(f"{by.magnitude[at]:.6g}")
    assert 2.5 < float(said["its error"].split()[0]) < 3.5
    assert 425 <= float(said["its bound"].split()[0]) < 427
    assert [name for name, _ in lines].count("match") == len(precision.OPERANDS)
    assert said["class"] == "sums in float32, or wider"


def test_a_lower_class_is_named() -> None:
    """With the statistic that is beyond its limit."""
    case = case_of(CASE)
    said = dict(told(case, evaluate(case.call, {"operands-16-bits"})))
    assert said["class"] == "bfloat16x2-like"
    assert "bfloat16x2-like" in told(case, evaluate(case.call, {"operands-16-bits"}))[9][1]


def test_whole_numbers_have_a_grid() -> None:
    """No rounding is needed; the error is the distance from the grid, in grid steps."""
    case = case_of("conv1d.window.exact-edge-detector-over-many-channels")
    right = evaluate(case.call)
    assert told(case, right)[0][1].startswith("every exact result is a multiple of 1")
    assert told(case, right + np.float32(0.25))[1] == ("error", "at most 0.25 grid steps")


def test_of_what_cannot_be_compared_nothing_is_said() -> None:
    """Another shape, or nothing returned."""
    case = case_of(CASE)
    assert told(case, evaluate(case.call)[:1]) == []
    assert list(account_lines(case, Observation(outcome="raised", message="no"))) == []
    composed = told(case, evaluate(case.call), composed=True)
    assert "witness" not in dict(composed) and "its bound" in dict(composed)
    few = replace(case, redraw=None)
    assert "witness" not in dict(told(few, evaluate(case.call)))


@pytest.mark.parametrize(("what", "code"), [(CASE, 0), ("conv1d.no-such-case", 2)])
def test_the_command_shows_it(command: Command, what: str, code: int) -> None:
    """For each case and target."""
    done = command("explain", what, "-b", "numpy")
    assert done.code == code
    if not code:
        assert done.out.splitlines()[0] == f"{CASE} on numpy"
        assert "425 products" in done.out and "witness" in done.out
