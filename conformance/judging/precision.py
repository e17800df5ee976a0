"""
What the errors of many outputs tell of the precision in which they were computed.

A bound that holds for every order of summation must allow for the worst order, and is hundreds of times what any
library does. Over many outputs of random data the errors of a sum in the accumulator that is assumed stay near those
of a plain loop over the same products, the *witness*; those of narrower operands, of a narrower accumulator or of a
tap that is missing do not.

The tests hold for Gaussian data, or other data drawn without regard to the order of summation, and for at least
`FEWEST` outputs without a bias. Nothing is asked of other data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from .. import reference
from ..core import FORMATS, Array, Call, FloatFormat, PerArray, is_complex
from .error_bound import REASSOCIATED

#: Below so many outputs nothing is concluded from them.
FEWEST = 64
#: The least that a witness is taken for: one rounding of a sum is an error of rms u * S / sqrt(12) and more.
LEAST_WITNESS = 0.3
#: How many drawn orders the witness is the worst of, besides the natural one and its reverse.
DRAWN_ORDERS = 2
#: The switch of the reference for the operands of each class, and the dtype in which others keep their sums.
OPERANDS = {
    "bfloat16x2-like": "operands-16-bits",
    "tf32-like": "operands-11-bits",
    "float16-like": "operands-float16",
    "bfloat16-like": "operands-8-bits",
}
SUMS = {"float16-accumulation": "float16", "bfloat16-accumulation": "bfloat16"}
#: So many standard errors, and a share between these of the errors of a class, are a match.
SCORE, SHARE = 10.0, (0.5, 1.5)
#: Up to so many products are summed step by step for a witness; of larger calls some samples, one at least.
MOST_PRODUCTS = 4_000_000
#: What a statistic is called in a message.
WHAT = {
    "element": "the largest error in u*S is",
    "energy": "the rms of the errors in u*S is",
    "match": "the errors resemble those of a lower class, their standard score is",
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """
    A statistic over all outputs, and the limit of what rounding in the accumulator explains.

    `statistic` and `limit` are in units of u * S. `test` is `element` (the largest error), `energy` (the root of the
    mean square) or `match` (the errors are those of a lower class, by so many standard errors of what rounding would
    have in common with them).
    """

    test: str
    statistic: float
    limit: float
    why: str

    def __str__(self) -> str:
        return f"{WHAT[self.test]} {self.statistic:.3g}, at most {self.limit:.3g}: {self.why}"


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorScale:
    """
    What the errors of a call's outputs are measured by.

    `exact` is the exact result, rounded to float64, `magnitude` is S, both laid out as the output; `count` is K,
    `unit` the unit roundoff of the accumulator, `witness` the rms of the worst plain loop, in units of u * S.
    `lower` has the results of operands that were rounded to fewer bits, by the class of rounding.
    """

    exact: Array
    magnitude: Array
    count: int
    unit: float
    witness: float
    lower: Mapping[str, Array]

    def of(self, name: str) -> ErrorScale:
        """Return the same yardstick for exact sums of the operands of a lower class."""
        return replace(self, exact=self.lower[name], lower={})


def yardstick(call: Call, accumulator: str) -> ErrorScale:
    """
    Return what to measure a call by whose sums are kept in `accumulator`, worked out once for each call.

    Raises:
        Undefined: if the call has no meaning, or is of complex numbers.

    """
    known = _KNOWN.setdefault(call, {})
    if accumulator not in known:
        known[accumulator] = _made(call, accumulator)
    return known[accumulator]


_KNOWN: WeakKeyDictionary[Call, dict[str, ErrorScale]] = WeakKeyDictionary()


def _made(call: Call, accumulator: str) -> ErrorScale:
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
    """Return a call of the same products with fewer samples, where a loop over all of them would take long."""
    samples = call.extent("input", "N")
    work = reference.products(call) * reference.magnitude(call).size
    keep = max(1, min(samples, samples * MOST_PRODUCTS // max(work, 1)))
    if keep == samples:
        return call
    axis = call.letters("input").index("N")
    few = call.input[(slice(None),) * axis + (slice(keep),)]
    return replace(call, input=few, storage=PerArray(input="contiguous"))


def _relative(error: Array, scale: Array) -> Array:
    """Return errors in units of `scale`, 0 where nothing was summed."""
    return np.divide(error, scale, out=np.zeros_like(scale), where=scale > 0)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def errors(got: Array, dtype: str, by: ErrorScale) -> Array:
    """
    Return the errors of outputs of `dtype`, in units of u * S, without what their own rounding explains.

    One rounding to nearest in the output's dtype is half a step of it; an accumulator of the same dtype has no other.
    An output that is not finite is judged for that, and has no error here.
    """
    form = FORMATS[dtype]
    seen = got.astype(np.float64)
    error = np.where(np.isfinite(seen), seen, by.exact) - by.exact
    if form.unit > by.unit:
        own = _half_step(np.maximum(np.abs(by.exact), np.abs(by.exact + error)), form)
        error = np.sign(error) * np.maximum(np.abs(error) - own, 0)
    return _relative(error, by.unit * by.magnitude)


def _half_step(sizes: Array, form: FloatFormat) -> Array:
    """Return half the distance between the numbers of a format around those of some sizes."""
    exponents = np.maximum(np.frexp(sizes)[1], form.min_exponent + 1)
    half: Array = np.ldexp(0.5, exponents - form.bits)
    return half


def against(found: Array, by: ErrorScale) -> Iterator[Evidence]:
    """Yield what speaks against errors, in units of u * S, as those of sums in the accumulator."""
    return (each for each in statistics(found, by) if each.statistic > each.limit)


def statistics(found: Array, by: ErrorScale) -> Iterator[Evidence]:
    """Yield every statistic of errors with its limit; nothing of fewer than `FEWEST`."""
    if found.size < FEWEST:
        return
    why = f"the larger of 8*sqrt(K), K = {by.count}, and of 16 times the witness, {by.witness:.3g}"
    yield Evidence(test="element", statistic=float(np.abs(found).max()), limit=_most(by), why=why)
    why = f"{_spread(found.size):.3g} times the witness, {by.witness:.3g}, over {found.size} outputs"
    yield Evidence(test="energy", statistic=_rms(found), limit=by.witness * _spread(found.size), why=why)
    yield from _matches(found, by)


def _matches(found: Array, by: ErrorScale) -> Iterator[Evidence]:
    for name, exact in by.lower.items():
        theirs = _relative(exact - by.exact, by.unit * by.magnitude)
        common, size = float(np.sum(found * theirs)), float(np.sum(theirs**2))
        share = common / size if size else 0.0
        score = share * size**0.5 / by.witness if SHARE[0] < share < SHARE[1] else 0.0
        yield Evidence(
            test="match", statistic=score, limit=SCORE, why=f"{name}, {share:.2f} of whose errors are in them"
        )


def against_all(found: Sequence[tuple[Array, ErrorScale]]) -> Iterator[Evidence]:
    """Yield what speaks against the errors of several calls together, each with few outputs, in units of their witnesses."""
    several = np.concatenate([errors.reshape(-1) / by.witness for errors, by in found] or [np.zeros(0)])
    if several.size < FEWEST:
        return
    why = f"{several.size} outputs of {len(found)} calls, in units of the plain loop over the products of each"
    if (rms := _rms(several)) > (limit := _spread(several.size)):
        yield Evidence(test="energy", statistic=rms, limit=limit, why=why)
    shares = [float(np.abs(errors).max(initial=0)) / _most(by) for errors, by in found]
    if (largest := max(shares)) > 1:
        yield Evidence(test="element", statistic=largest, limit=1.0, why=f"one of {why}")


def _most(by: ErrorScale) -> float:
    # By Azuma's inequality a sum of n roundings, each of mean 0 whatever was before, passes 8 * sqrt(n) once in 4e13.
    return float(max(8 * by.count**0.5, 16 * by.witness))


def _spread(outputs: int) -> float:
    return float((4 * (1 + 16 / outputs**0.5)) ** 0.5)


def is_asked(call: Call, dtype: str) -> bool:
    """Say whether the tests hold for the outputs of a call that are returned as `dtype`, if its data are drawn for it."""
    own = call.dtype.output or call.dtype.input
    return dtype == own and dtype in FORMATS and call.bias is None and not is_complex(call.dtype.input)


def is_within(found: str | None, asked: str | None) -> bool:
    """Say whether a class of rounding that was found is the one that is asked for, or a finer one of its sort."""
    if found is None or asked is None:
        return False
    sort = next((sort for sort in (tuple(OPERANDS), tuple(SUMS)) if asked in sort), (asked,))
    return found in sort[: sort.index(asked) + 1]


def _are_sums(got: Array, dtype: str, by: ErrorScale) -> bool:
    """Say whether outputs err as sums in a narrow accumulator do: no more, and not much less."""
    found = errors(got, dtype, by)
    return _rms(found) > by.witness / 8 and not any(against(found, by))


def likeness(call: Call, got: Array, dtype: str, accumulator: str) -> str | None:
    """
    Return the first lower class of rounding that explains the outputs of a call, None where none does.

    Operands of fewer bits explain them where nothing speaks against the outputs as exact sums of such operands, a
    transform where no error is beyond its bound.
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
