"""Named rules over calls: which of them read the values of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from conv_conformance.calls.rules import RULES, Rule
from conv_conformance.core.call import Call

from ..support.builders import call_of

#: Values that a rule may look for in an array of float32.
SPECIAL = {"NaN": np.nan, "infinity": np.inf, "-0.0": -0.0, "subnormal": 1e-40}


def calls_with(value: float) -> list[Call]:
    """Return a padded conv1d and a conv_transpose1d with `value` as one element of the kernel."""
    operands = {"input": [[[1], [2], [3]]], "kernel": [[[value]], [[5]]], "padding": "same"}
    return [call_of(op, **operands) for op in ("conv", "conv_transpose")]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_that_reads_values_says_so(rule: Rule) -> None:
    """It is marked "(a value)" if, and only if, its answer changes with the value of one element."""
    ordinary = [rule(call) for call in calls_with(4)]
    reads = any([rule(call) for call in calls_with(value)] != ordinary for value in SPECIAL.values())
    assert ("(a value)" in (rule.__doc__ or "")) == reads
