"""Array specs: arrays as plain data, before they are built."""

from __future__ import annotations

from typing import TypedDict

from ...core import COMPLEX_PARTS, FORMATS
from .numbers import Number, Unfit, fit


class Spec(TypedDict, total=False):
    """
    An array as plain data; it is built together with its call.

    `letters` names the axes in the order of `shape`; it is empty if the rank does not match the layout.
    Exactly one of these keys is present: `values` (flat, row-major), `fill`, `one_hot`, `identity` (a tap of a kernel),
    `lcg` (with `low`, `high`, `density`) or `normal` (with `scale`, `sign`, `density`, `spread`, `mirror`).
    `density` is a ratio; in the base of a sweep it can also be `fit`.
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

    A real dtype keeps only the real part of complex numbers.

    Raises:
        Unfit: if the dtype cannot represent a number.

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
        Unfit: if the dtype cannot represent it.

    """
    if isinstance(value, complex) and dtype not in COMPLEX_PARTS:
        value = value.real
    if isinstance(value, int) and dtype in FORMATS:
        value = float(value)
    return fit(value, dtype)
