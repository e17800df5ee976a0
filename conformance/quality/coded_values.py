"""Check that the values of each layout case reveal every permutation of axes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from .. import reference
from ..core import ARRAYS, COMPLEX_PARTS, STRUCTURE_LIMIT, Array, Call, Case, Output, is_integer, numpy_type


def confusable(case: Case, outputs: list[Output]) -> Iterator[tuple[str, str]]:
    """
    Yield (message, hint) for each array of a layout case whose axes could be permuted unnoticed.

    If all operands could hold 1, 2, 3, ... with exact sums, the elements of each operand must differ. If not, only the
    slices along each axis must differ. In both cases the output must differ from each of its transpositions.
    """
    call = case.call
    is_about_layouts = any(clause.startswith("LAYOUT-") for clause in case.clauses)
    if not is_about_layouts or not any(output.array.size for output in outputs):
        return
    is_small = _largest_sum(call) <= _limit(call.dtype.output or call.dtype.input)
    for name in ARRAYS[:-1]:
        array = getattr(call, name)
        if array is not None and is_small and len(np.unique(_plain(array))) < array.size:
            yield f"two elements of the {name} are equal", f"use for example the numbers from 1 to {array.size}"
        elif array is not None and (letter := _repeated(array, call.letters(name))):
            yield f"two slices of the {name} along {letter} are equal", "use different values"
    for order in {order for output in outputs for order in _symmetries(output.array)}:
        letters = "".join(call.letters("output")[axis] for axis in order)
        yield f"the output does not change when its axes are permuted to {letters}", "use different values"


def _limit(dtype: str) -> float:
    """Return the largest S (sum of magnitudes) for which integers can be summed exactly in `dtype`, in any order."""
    return (
        float(np.iinfo(numpy_type(dtype)).max)
        if is_integer(dtype)
        else STRUCTURE_LIMIT[COMPLEX_PARTS.get(dtype, dtype)]
    )


def _largest_sum(call: Call) -> int:
    """Return an upper bound of S for a call whose operands hold 1, 2, 3, ... instead of their elements."""
    sizes = [getattr(call, name).size for name in ARRAYS[:-1] if getattr(call, name) is not None]
    return reference.products(call) * int(np.prod(sizes))


def _repeated(array: Array, letters: str) -> str:
    """Return the letter of the first axis with two equal slices, or an empty string if there is none."""
    for axis, letter in enumerate(letters):
        slices = np.moveaxis(array, axis, 0)
        if array.size and len({each.tobytes() for each in slices}) < len(slices):
            return letter
    return ""


def _symmetries(array: Array) -> Iterator[tuple[int, ...]]:
    """Yield each permutation that reorders axes longer than 1 and still leaves the array unchanged."""
    plain = _plain(array)
    long = [axis for axis, length in enumerate(array.shape) if length > 1]
    for order in permutations(range(array.ndim)):
        keeps_order = [axis for axis in order if axis in long] == long
        if not keeps_order and np.array_equal(plain.transpose(order), plain, equal_nan=True):
            yield order


def _plain(array: Array) -> Array:
    """Return the array as float64 or complex128, which NumPy can sort."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
