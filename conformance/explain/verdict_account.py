"""The basis of the verdict on an output: the error bound, its derivation, and the error of the actual output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .. import reference
from ..core import FORMATS, AnyOf, Array, Call, Case, Expectation, Observation, Output
from ..judging import ErrorScale, enclose_training, error_bound, precision
from ..reference import trajectory


class AccountLine(NamedTuple):
    """The name and the value of one quantity that the verdict is based on."""

    name: str
    value: str


def account_lines(case: Case, observation: Observation) -> Iterator[AccountLine]:
    """
    Yield the quantities that the verdict on the output of a case is based on.

    Yield nothing if the call returned no output, or if the output has another shape or dtype than expected.
    """
    call, output = case.call, _output(case.expectation)
    if call.training is not None and observation.outcome == "returned":
        yield from _followed(call, observation)
    if output is None or observation.outcome != "returned":
        return
    got, dtype = observation.arrays["output"], observation.dtypes["output"]
    if got.shape != output.array.shape or dtype not in FORMATS or dtype != call.dtype.output:
        return
    allowed = error_bound.tolerance(
        call, output.array, dtype, composed=observation.composed, precision=output.precision
    )
    error = np.abs(error_bound.widened(got) - error_bound.widened(output.array))
    if allowed.grid:
        yield AccountLine("grid", f"every exact result is a multiple of {allowed.grid:g}; no rounding is needed")
        yield AccountLine(
            "error", f"at most {float(np.nan_to_num(error).max(initial=0)) / allowed.grid:.3g} grid steps"
        )
        return
    yield from _bounded(call, output.array, got, allowed, error)
    if case.redraw is not None and precision.is_asked(call, dtype) and not observation.composed:
        yield from _weighed(call, got, dtype)


def _followed(call: Call, observation: Observation) -> Iterator[AccountLine]:
    """Yield the quantities that the verdict on a training run is based on."""
    kernels, losses, kept = observation.arrays["kernels"], observation.arrays["losses"], observation.dtypes["kernels"]
    if kept not in FORMATS or len(kernels) != len(losses):
        return
    is_foreign = not observation.composed
    within, exact = enclose_training(call, call.dtype_of("output"), kept, is_foreign=is_foreign), trajectory(call)
    flat = kernels.reshape(len(kernels), -1).astype(np.float64)[: within.certain + 1]
    off = np.abs(flat - exact.kernels[: len(flat)]).max(1)
    half = (within.kernels.high - within.kernels.low).max(1) / 2
    yield AccountLine("optimizer", f"of the {'framework' if is_foreign else 'suite'}, kernel in {kept}")
    yield AccountLine(
        "certain", f"{within.certain} of {len(losses) - 1} updates, in which the sign of every residual is certain"
    )
    yield AccountLine("bound", f"exact kernel ± {half[-1]:.3g} after these updates, for any rounding")
    yield AccountLine("deviation", f"{off[-1]:.3g} after these updates, at most {off.max():.3g} after any of them")
    yield AccountLine("last loss", f"{losses[-1]:.6g}; in exact arithmetic {exact.losses[-1]:.6g}")


def _output(expectation: Expectation) -> Output | None:
    each = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return next((one for one in each if isinstance(one, Output)), None)


def _bounded(
    call: Call, expected: Array, got: Array, allowed: error_bound.Tolerance, error: Array
) -> Iterator[AccountLine]:
    """Yield K and u, then S, the error and the bound of the output whose error is the largest share of the bound."""
    assert allowed.bound is not None and allowed.unit is not None
    if not error.size:
        return
    accumulator = error_bound.accumulator(call, str(call.dtype.output))
    share = np.nan_to_num(error / np.maximum(allowed.bound, np.finfo(np.float64).tiny))
    at = np.unravel_index(int(np.argmax(share)), share.shape)
    unit = max(float(allowed.unit[at]), np.finfo(np.float64).tiny)
    place = [int(index) for index in at]
    yield AccountLine("K", f"{reference.products(call)} products per output at most, counting a bias as one")
    yield AccountLine("u", f"2^{int(np.log2(FORMATS[accumulator].unit))}, the unit roundoff of {accumulator}")
    yield AccountLine("worst output", f"{place}: {got[at]}, expected {expected[at]}")
    yield AccountLine("its S", f"{unit / FORMATS[accumulator].unit:.6g}, the sum of the magnitudes of its products")
    yield AccountLine("its error", f"{float(error[at]) / unit:.3g} u*S")
    bound = float(allowed.bound[at]) / unit
    yield AccountLine(
        "its bound", f"{bound:.4g} u*S: K*u*S for any order of summation, plus the rounding of the output to its dtype"
    )


def _weighed(call: Call, got: Array, dtype: str) -> Iterator[AccountLine]:
    """Yield the witness (the error of plain loops), each statistic of the errors, and the class of rounding."""
    by = precision.yardstick(call, error_bound.accumulator(call, dtype))
    errors = precision.errors(got, dtype, by)
    if errors.size < precision.FEWEST:
        yield AccountLine("statistics", f"none: {errors.size} outputs, at least {precision.FEWEST} are needed")
        return
    yield AccountLine(
        "witness", f"{by.witness:.3g} u*S, the largest rms error of four plain loops over the same products"
    )
    for each in precision.statistics(errors, by):
        yield AccountLine(each.test, str(each))
    violations = [*precision.against(errors, by)]
    found = precision.likeness(call, got, dtype, error_bound.accumulator(call, dtype)) if violations else None
    yield AccountLine("class", _class(found, by, is_right=not violations))


def _class(found: str | None, by: ErrorScale, *, is_right: bool) -> str:
    if is_right:
        return f"sums in {'float64' if by.unit < 2.0**-40 else 'float32'}, or wider"
    return found or "no known class explains the errors"
