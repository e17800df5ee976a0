"""Array specs: descriptions of arrays as plain data, from which `array_builder` builds the arrays."""

from __future__ import annotations

from typing import TypedDict

from ...core import COMPLEX_PARTS, FORMATS
from .numbers import Number, Unfit, fit


class Spec(TypedDict, total=False):
    """
    A description of an array as plain data. The array is built together with its call.

    `letters` names the axes in the order of `shape`. It is empty if the number of axes does not match the layout.
    Exactly one of these keys is present: `values` (flat, row-major), `fill`, `one_hot` (an index), `identity` (the tap
    of an identity kernel), `lcg` (with `low`, `high`, `density`) or `normal` (with `scale`, `sign`, `density`,
    `spread`, `mirror`).
    `density` is a pair (numerator, denominator). In the base of a sweep, it can also be `fit`.
    """

    letters: str
    shape: tuple[int, ...]
    dtype: str
    values: tuple[Number, ...]
    fill: Number
    one_hot: tuple[int, ...]
    identity: int
    lcg: int
    low: int
    high: int
    density: tuple[int, int] | str
    normal: int
    scale: float
    sign: str
    spread: int
    mirror: str


def recast(spec: Spec, dtype: str) -> Spec:
    """
    Return the spec of the same array in another dtype, with each number rounded once.

    If `dtype` is real, only the real part of complex numbers is kept.

    Raises:
        Unfit: if `dtype` cannot represent one of the numbers.

    """
    if dtype == spec["dtype"]:
        return spec
    again: Spec = {**spec, "dtype": dtype}
    if "values" in spec:
        again["values"] = tuple(converted(value, dtype) for value in spec["values"])
    elif "fill" in spec:
        again["fill"] = converted(spec["fill"], dtype)
    elif "lcg" in spec:
        for bound in (spec["low"], spec["high"]):
            converted(bound, dtype)
    elif "normal" in spec and COMPLEX_PARTS.get(dtype, dtype) not in FORMATS:
        raise Unfit(f"`normal` cannot generate {dtype}", "use lcg")
    return again


def converted(value: Number, dtype: str) -> Number:
    """
    Return a number in another dtype, rounded once to nearest.

    Raises:
        Unfit: if `dtype` cannot represent the number.

    """
    if isinstance(value, complex) and dtype not in COMPLEX_PARTS:
        value = value.real
    if isinstance(value, int) and dtype in FORMATS:
        value = float(value)
    return fit(value, dtype)
