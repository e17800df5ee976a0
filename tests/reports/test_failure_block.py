"""What a report writes of a case can be pasted."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.reports.failure_block import describe_failure

from ..support.builders import call_of
from ..support.zoo import case_of, outputs


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "complex64"])
@pytest.mark.parametrize("values", [[1, 2.5, -3], [float("nan"), float("inf"), float("-inf")], []])
def test_arrays_can_be_pasted(values: list[float], dtype: str) -> None:
    """The text of an array is an expression with its values, shape and dtype."""
    if dtype == "int8":
        values = [int(value) for value in values if value == value and abs(value) < 100]
    array = np.array(values, dtype).reshape(1, len(values), 1)
    call = call_of("conv", array, np.ones((1, 1, 1), dtype), dtype=dtype)
    verdict = Verdict(case="a.b", target="t", verdict="disagree", call="f(input)")
    written = dict(describe_failure(verdict, case_of("a.b", call, outputs([]))).details)["input"]
    pasted: Any = eval(written, {"np": np, "ml_dtypes": ml_dtypes})
    assert (pasted.dtype, pasted.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(array.astype("complex128"), pasted.astype("complex128"))


@pytest.mark.parametrize(("where", "label"), [("output", "shape"), ("inference", "inference shape")])
def test_label_names_the_place(where: str, label: str) -> None:
    """What is wrong is named by its kind, and by its place where that is not the output."""
    finding = Finding(kind="shape", message="", where=where)
    assert describe_failure(Verdict(case="a.b", target="t", verdict="disagree", finding=finding), None).label == label
