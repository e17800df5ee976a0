"""How an array departs from the one that is expected: in its axes, its shape, its dtype or its numbers."""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from ..core import Array, Finding
from . import error_bound

#: A wrong output with no more elements than this is kept whole.
MAX_KEPT = 96


def layout(expected: Array, got: Array) -> Finding | None:
    """Find a permutation of the axes that turns the result exactly into the expectation."""
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
    """Return that an array has other sizes, where it has."""
    if got.shape == expected:
        return None
    return Finding(kind="shape", message=f"shape {list(got.shape)}, expected {list(expected)}")


def dtype(expected: str, name: str) -> Finding | None:
    """Return that an array is of another dtype, where it is."""
    return None if name == expected else Finding(kind="dtype", message=f"dtype {name}, expected {expected}")


def off_grid(grid: float, error: Array, expected: Array, got: Array, where: str) -> Finding:
    """Return that numbers differ where exact results were possible: whole multiples of `grid`."""
    if found := differing(error >= grid / 2):
        return at("values", "", found, expected, got, where)
    message = f"exact results were possible; off the grid by up to {error.max() / grid:.2g} of its spacing"
    found = differing(error > 0)
    assert found is not None
    return at("precision", message, found, expected, got, where)


def out_of_bound(
    allowed: error_bound.Tolerance, error: Array, expected: Array, got: Array, where: str
) -> Finding | None:
    """Return that numbers differ by more than rounding explains, where they do."""
    assert allowed.bound is not None
    found = differing(error > allowed.bound)
    if found is None:
        return None
    assert allowed.coarse is not None and allowed.unit is not None
    kind = "values" if (error > allowed.coarse).any() else "precision"
    float64 = np.finfo(np.float64)
    with np.errstate(over="ignore"):
        worst = min(float((error / np.maximum(allowed.unit, float64.tiny)).max()), float(float64.max))
    message = f"error of {worst:.3g} u*S, beyond the proven bound"
    return at(kind, message, found, expected, got, where, max_error_uS=worst)


def signs(array: Array) -> Any:
    """Return 1 for a negative zero, else 0; of complex numbers both parts together."""
    parts = _parts(error_bound.widened(array))
    return sum((np.signbit(part) & (part == 0)) * 2**place for place, part in enumerate(parts))


def special_kind(values: Array) -> Any:
    """Return 0 for a finite element, else 1 for NaN, 2 and 3 for infinities; of complex numbers both parts together."""
    codes = [np.isnan(part) + 2 * np.isposinf(part) + 3 * np.isneginf(part) for part in _parts(values)]
    return sum(code * 4**place for place, code in enumerate(codes))


def _parts(values: Any) -> tuple[Any, ...]:
    return (values.real, values.imag) if np.iscomplexobj(values) else (values,)


class Differing(NamedTuple):
    """The first element that differs, how many do, and where they are in memory order, of an output that is kept whole."""

    first: tuple[int, ...]
    number: int
    places: tuple[int, ...] | None


def differing(wrong: Any) -> Differing | None:
    """Return where a mask is true, None where it is nowhere."""
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
    """Return that elements differ: which is the first, and the numbers near it, all of them where they are few."""
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
    """Return up to eight elements in memory order, beginning at most two before `index`."""
    flat = array.reshape(-1)
    start = max(int(np.ravel_multi_index(index, array.shape)) - 2, 0)
    return tuple(_plain(value) for value in flat[start : start + 8])


def _plain(value: Any) -> Any:
    """Return an element as a number that JSON can hold, or as text where it is none."""
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
