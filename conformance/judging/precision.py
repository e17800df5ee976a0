"""
Statistical tests of the precision in which many outputs were computed.

An error bound that holds for every order of summation allows for the worst order. The errors of real libraries are
hundreds of times smaller than this bound. The tests therefore compare the errors with those of the *witness*, a plain
loop that sums the same products in the assumed accumulator. Over many outputs of random data, a library that uses this
accumulator has errors of about the same size. Narrower operands, a narrower accumulator or a missing tap cause larger
errors.

The tests need at least `FEWEST` outputs without a bias. They are valid for Gaussian data and for other data that are
drawn independently of the order of summation. Other data are not tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from .. import reference
from ..core import FORMATS, Array, Call, FloatFormat, PerArray, is_complex
from .error_bound import REASSOCIATED

#: The clause that the tests judge.
STATISTICS = ("ROUND-5",)
#: The tests need at least this number of outputs.
FEWEST = 64
#: The smallest error of a witness, in units of u * S. A single rounding of a sum has an rms error of about
#: u * S / sqrt(12) = 0.29 * u * S.
LEAST_WITNESS = 0.3
#: The number of random orders of summation. The witness is the worst loop among these orders, the natural order and the
#: reversed order.
DRAWN_ORDERS = 2
#: The switch of the reference that rounds the operands, for each class of narrower operands.
OPERANDS = {
    "bfloat16x2-like": "operands-16-bits",
    "tf32-like": "operands-11-bits",
    "float16-like": "operands-float16",
    "bfloat16-like": "operands-8-bits",
}
#: The dtype of the accumulator, for each class of narrower accumulators.
SUMS = {"float16-accumulation": "float16", "bfloat16-accumulation": "bfloat16"}
#: Errors match those of a lower class if the standard score of the match exceeds SCORE, and if the ratio of the errors
#: to those of the class is between SHARE[0] and SHARE[1].
SCORE, SHARE = 10.0, (0.5, 1.5)
#: The largest number of products that a witness sums step by step. The witness of a larger call uses fewer samples, but
#: at least one.
MOST_PRODUCTS = 4_000_000
#: The names of the statistics in messages.
WHAT = {
    "element": "the largest error is",
    "energy": "the rms error is",
    "match": "the standard score of the match with a lower precision class is",
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """
    A statistic of the errors of all outputs, and its limit.

    Rounding in the accumulator explains a statistic below the limit.

    `test` is `element` (the largest error), `energy` (the root mean square of the errors) or `match` (the similarity to
    the errors of a lower class, as a standard score).
    `statistic` and `limit` are in units of u * S, except in the test `match`. `reason` explains the limit.
    """

    test: str
    statistic: float
    limit: float
    reason: str

    def __str__(self) -> str:
        return f"{WHAT[self.test]} {self.statistic:.3g}, the limit is {self.limit:.3g}: {self.reason}"


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorScale:
    """
    The scale on which the errors of a call's outputs are measured.

    `exact` is the exact output rounded to float64, and `magnitude` is S, the sum of the magnitudes of an output's
    products. Both have the layout of the output. `count` is K, the largest number of products of an output. `unit` is
    u, the unit roundoff of the accumulator. `witness` is the rms error of the worst plain loop, in units of u * S.
    `lower` maps each class of narrower operands to the exact outputs of the call with operands rounded as in this
    class.
    """

    exact: Array
    magnitude: Array
    count: int
    unit: float
    witness: float
    lower: Mapping[str, Array]

    def of(self, name: str) -> ErrorScale:
        """Return a copy of this scale that measures errors from the exact outputs of the lower class `name`."""
        return replace(self, exact=self.lower[name], lower={})


def yardstick(call: Call, accumulator: str) -> ErrorScale:
    """
    Return the error scale of a call whose sums are kept in `accumulator`; the scales are cached by call.

    Raises:
        Undefined: if the call has no defined result or a complex dtype.

    """
    scales = _SCALES.setdefault(call, {})
    if accumulator not in scales:
        scales[accumulator] = _scale(call, accumulator)
    return scales[accumulator]


_SCALES: WeakKeyDictionary[Call, dict[str, ErrorScale]] = WeakKeyDictionary()


def _scale(call: Call, accumulator: str) -> ErrorScale:
    return ErrorScale(
        exact=reference.evaluate(_wide(call)),
        magnitude=reference.magnitude(call),
        count=reference.products(call),
        unit=FORMATS[accumulator].unit,
        witness=_witness(_smaller(call), accumulator),
        lower={
            name: reference.evaluate(_wide(call), {switch})
            for name, switch in OPERANDS.items()
            if FORMATS[call.dtype.input].bits > 16
        },
    )


def _wide(call: Call) -> Call:
    return replace(call, dtype=replace(call.dtype, output="float64"))


def _witness(call: Call, accumulator: str) -> float:
    exact, scale = reference.evaluate(_wide(call)), FORMATS[accumulator].unit * reference.magnitude(call)
    orders = [("natural", 0), ("reversed", 0), *(("random", seed) for seed in range(1, 1 + DRAWN_ORDERS))]
    sums = (reference.stepwise(call, accumulator, order, seed=seed) for order, seed in orders)
    return max(LEAST_WITNESS, *(_rms(_relative(each - exact, scale)) for each in sums))


def _smaller(call: Call) -> Call:
    """Return the call, or a copy with fewer samples if a loop over all samples would be slow."""
    samples = call.extent("input", "N")
    work = reference.products(call) * reference.magnitude(call).size
    keep = max(1, min(samples, samples * MOST_PRODUCTS // max(work, 1)))
    if keep == samples:
        return call
    axis = call.letters("input").index("N")
    few = call.input[(slice(None),) * axis + (slice(keep),)]
    return replace(call, input=few, storage=PerArray(input="contiguous"))


def _relative(error: Array, scale: Array) -> Array:
    """Return errors in units of `scale`, 0 where `scale` is 0."""
    return np.divide(error, scale, out=np.zeros_like(scale), where=scale > 0)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def errors(got: Array, dtype: str, by: ErrorScale) -> Array:
    """
    Return the errors of outputs of `dtype` in units of u * S, without the error of rounding the sums to `dtype`.

    This rounding error is at most half the spacing of `dtype` at the output, and is subtracted. If the accumulator has
    the same dtype, the sums are not rounded again, and nothing is subtracted.
    The error of an output that is not finite counts as 0, because such outputs are compared separately.
    """
    form = FORMATS[dtype]
    seen = got.astype(np.float64)
    error = np.where(np.isfinite(seen), seen, by.exact) - by.exact
    if form.unit > by.unit:
        own = _half_step(np.maximum(np.abs(by.exact), np.abs(by.exact + error)), form)
        error = np.sign(error) * np.maximum(np.abs(error) - own, 0)
    return _relative(error, by.unit * by.magnitude)


def _half_step(sizes: Array, form: FloatFormat) -> Array:
    """Return half the spacing of the numbers of a format at the given magnitudes."""
    exponents = np.maximum(np.frexp(sizes)[1], form.min_exponent + 1)
    half: Array = np.ldexp(0.5, exponents - form.bits)
    return half


def against(found: Array, by: ErrorScale) -> Iterator[Evidence]:
    """Yield the tests that errors (in units of u * S) fail; rounding in the accumulator does not explain them."""
    return (each for each in statistics(found, by) if each.statistic > each.limit)


def statistics(found: Array, by: ErrorScale) -> Iterator[Evidence]:
    """Yield all statistics of the errors with their limits, or none if there are fewer than `FEWEST` errors."""
    if found.size < FEWEST:
        return
    reason = f"in u*S, max(8*sqrt(K), 16*w) with K = {by.count} and the witness w = {by.witness:.3g}"
    yield Evidence(test="element", statistic=float(np.abs(found).max()), limit=_most(by), reason=reason)
    reason = f"in u*S, {_spread(found.size):.3g} times the witness {by.witness:.3g} for {found.size} outputs"
    yield Evidence(test="energy", statistic=_rms(found), limit=by.witness * _spread(found.size), reason=reason)
    yield from _matches(found, by)


def _matches(found: Array, by: ErrorScale) -> Iterator[Evidence]:
    for name, exact in by.lower.items():
        theirs = _relative(exact - by.exact, by.unit * by.magnitude)
        common, size = float(np.sum(found * theirs)), float(np.sum(theirs**2))
        share = common / size if size else 0.0
        score = share * size**0.5 / by.witness if SHARE[0] < share < SHARE[1] else 0.0
        reason = f"the errors are {share:.2f} times those of {name}"
        yield Evidence(test="match", statistic=score, limit=SCORE, reason=reason)


def against_all(found: Sequence[tuple[Array, ErrorScale]]) -> Iterator[Evidence]:
    """Pool the errors of small calls, in units of each call's witness, and yield the tests that the pool fails."""
    several = np.concatenate([errors.reshape(-1) / by.witness for errors, by in found] or [np.zeros(0)])
    if several.size < FEWEST:
        return
    reason = f"{several.size} outputs of {len(found)} calls, in units of the witness of each call"
    if (rms := _rms(several)) > (limit := _spread(several.size)):
        yield Evidence(test="energy", statistic=rms, limit=limit, reason=reason)
    shares = [float(np.abs(errors).max(initial=0)) / _most(by) for errors, by in found]
    if (largest := max(shares)) > 1:
        yield Evidence(test="element", statistic=largest, limit=1.0, reason="in units of the limit of each call")


def _most(by: ErrorScale) -> float:
    # Azuma's inequality: a sum of n rounding errors with conditional means of 0 exceeds 8 * sqrt(n) with a probability
    # of at most 1 in 4e13.
    return float(max(8 * by.count**0.5, 16 * by.witness))


def _spread(outputs: int) -> float:
    return float((4 * (1 + 16 / outputs**0.5)) ** 0.5)


def is_asked(call: Call, dtype: str) -> bool:
    """Return whether the tests are valid for outputs of `dtype`, if the data of the call are random."""
    own = call.dtype.output or call.dtype.input
    return dtype == own and dtype in FORMATS and call.bias is None and not is_complex(call.dtype.input)


def is_within(found: str | None, asked: str | None) -> bool:
    """Return whether the class `found` is the required class `asked`, or a more precise class of the same sort."""
    if found is None or asked is None:
        return False
    sort = next((sort for sort in (tuple(OPERANDS), tuple(SUMS)) if asked in sort), (asked,))
    return found in sort[: sort.index(asked) + 1]


def _are_sums(got: Array, dtype: str, by: ErrorScale) -> bool:
    """Return whether errors are about as large as those of a narrow accumulator: not larger, and not much smaller."""
    found = errors(got, dtype, by)
    return _rms(found) > by.witness / 8 and not any(against(found, by))


def likeness(call: Call, got: Array, dtype: str, accumulator: str) -> str | None:
    """
    Return the first lower precision class that explains the outputs of a call, or None.

    A class of narrower operands explains the outputs if they pass all tests against the exact sums of such operands. A
    class of narrower accumulators explains them if `_are_sums` holds. A transform (`reassociated`) explains them if all
    errors are within the bound of transforms.
    """
    by = yardstick(call, accumulator)
    for name in by.lower:
        if not any(against(errors(got, dtype, by.of(name)), by.of(name))):
            return name
    for name, sums in SUMS.items():
        if FORMATS[sums].unit > by.unit and _are_sums(got, dtype, yardstick(call, sums)):
            return name
    largest = float(np.abs(errors(got, dtype, by) * by.unit * by.magnitude).max())
    is_transform = largest <= REASSOCIATED * by.unit * float(by.magnitude.max()) and FORMATS[dtype].unit <= by.unit
    return "reassociated" if is_transform else None
