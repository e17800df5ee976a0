"""Differences between an expected and a returned array: in axes, shape, dtype or values."""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from ..core import Array, Finding
from . import error_bound

#: A finding stores all elements of a wrong output that has at most this number of elements.
MAX_KEPT = 96


def layout(expected: Array, got: Array) -> Finding | None:
    """Return a finding if the result equals the expected array only after a permutation of its axes, else None."""
    if got.ndim != expected.ndim or sorted(got.shape) != sorted(expected.shape) or _is_constant(expected):
        return None
    if got.shape == expected.shape and _equal(got, expected):
        return None
    for order in permutations(range(got.ndim)):
        moved = got.transpose(order)
        if moved.shape == expected.shape and _equal(moved, expected):
            message = f"right but for the order of its axes: transposed by {order} it agrees"
            return Finding(kind="layout", message=message)
    return None


def _is_constant(array: Array) -> bool:
    return not array.size or _equal(array, np.full_like(array, array.flat[0]))


def _equal(one: Array, other: Array) -> bool:
    return bool(np.array_equal(error_bound.widened(one), error_bound.widened(other), equal_nan=True))


def shape(expected: tuple[int, ...], got: Array) -> Finding | None:
    """Return a finding if the shape of an array is not the expected one, else None."""
    if got.shape == expected:
        return None
    return Finding(kind="shape", message=f"shape {list(got.shape)}, expected {list(expected)}")


def dtype(expected: str, name: str) -> Finding | None:
    """Return a finding if the dtype of an array is not the expected one, else None."""
    return None if name == expected else Finding(kind="dtype", message=f"dtype {name}, expected {expected}")


def off_grid(grid: float, error: Array, expected: Array, got: Array, where: str) -> Finding:
    """Return the finding for an inexact array whose exact values, multiples of `grid`, could have been returned."""
    if found := differing(error >= grid / 2):
        return at("values", "", found, expected, got, where)
    message = f"an exact result was possible; the largest error is {error.max() / grid:.2g} of the grid spacing"
    found = differing(error > 0)
    assert found is not None
    return at("precision", message, found, expected, got, where)


def out_of_bound(
    allowed: error_bound.Tolerance, error: Array, expected: Array, got: Array, where: str
) -> Finding | None:
    """Return a finding if an error exceeds the bound on rounding errors, else None."""
    assert allowed.bound is not None
    found = differing(error > allowed.bound)
    if found is None:
        return None
    assert allowed.coarse is not None and allowed.unit is not None
    kind = "values" if (error > allowed.coarse).any() else "precision"
    float64 = np.finfo(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        # S is NaN or infinite where an operand is; such elements have no error.
        units = np.where(error > 0, error / np.maximum(allowed.unit, float64.tiny), 0.0)
        worst = min(float(np.nanmax(units)), float(float64.max))
    message = f"error of {worst:.3g} u*S, beyond the proven bound"
    return at(kind, message, found, expected, got, where, max_error_uS=worst)


def signs(array: Array) -> Any:
    """Return a code for each element: 1 for -0.0, else 0; for a complex element, code(real) + 2 * code(imaginary)."""
    parts = _parts(error_bound.widened(array))
    return sum((np.signbit(part) & (part == 0)) * 2**place for place, part in enumerate(parts))


def special_kind(values: Array) -> Any:
    """
    Return a code for each element: 0 if it is finite, 1 for NaN, 2 for inf, 3 for -inf.

    The code of a complex element is code(real) + 4 * code(imaginary).
    """
    codes = [np.isnan(part) + 2 * np.isposinf(part) + 3 * np.isneginf(part) for part in _parts(values)]
    return sum(code * 4**place for place, code in enumerate(codes))


def _parts(values: Any) -> tuple[Any, ...]:
    return (values.real, values.imag) if np.iscomplexobj(values) else (values,)


class Differing(NamedTuple):
    """The first differing index, the number of differing elements, and (for a small array) all their positions."""

    first: tuple[int, ...]
    number: int
    places: tuple[int, ...] | None


def differing(wrong: Any) -> Differing | None:
    """Return where a mask is true, or None if it is false everywhere."""
    if not wrong.any():
        return None
    places = np.flatnonzero(wrong)
    first = np.unravel_index(int(places[0]), wrong.shape)
    kept = tuple(map(int, places)) if wrong.size <= MAX_KEPT else None
    return Differing(tuple(int(index) for index in first), len(places), kept)


def at(
    kind: str,
    message: str,
    found: Differing,
    expected: Array,
    got: Array,
    where: str,
    **details: Any,
) -> Finding:
    """Return the finding for differing elements, with values near the first one and all values of a small array."""
    index, count, places = found
    wanted, seen = _plain(expected[index]), _plain(got[index])
    place = f"{where}{list(index)} is {seen}, expected {wanted}; {count} of {expected.size} elements differ"
    text = f"{message}: {place}" if message else place
    near: dict[str, Any] = {"expected_near": _near(expected, index), "got_near": _near(got, index)}
    if got.size <= MAX_KEPT:
        near["returned"] = tuple(map(_plain, got.reshape(-1)))
        near["differing_at"] = places
    return Finding(
        kind=kind, message=text, first_index=index, expected=wanted, got=seen, differing=count, **near, **details
    )


def _near(array: Array, index: tuple[int, ...]) -> tuple[Any, ...]:
    """Return up to eight elements in row-major order, starting at most two before `index`."""
    flat = array.reshape(-1)
    start = max(int(np.ravel_multi_index(index, array.shape)) - 2, 0)
    return tuple(_plain(value) for value in flat[start : start + 8])


def _plain(value: Any) -> Any:
    """Return an element as a number for JSON, or as a string if it is complex, NaN or infinite."""
    if np.iscomplexobj(value):
        return str(complex(value))
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, int):
        return number
    number = float(number)
    if not np.isfinite(number):
        return str(number)
    is_whole = number == int(number) and abs(number) < 2**53 and not (number == 0 and np.signbit(number))
    return int(number) if is_whole else number
