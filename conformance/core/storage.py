"""
Storages: different memory layouts for the same array values.

The memory between and around the elements is filled with NaN, or with the largest integer, so that a read of a wrong
address changes the result.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"


def stored(array: Array, storage: str, letters: str) -> Array:
    """
    Return a copy of `array` (axes named by `letters`) with the memory layout that `storage` names.

    `channels_last` makes the channel axis (C, or I of a kernel) innermost.
    `transposed` reverses the order of the axes in memory.
    `offset` is a slice of a larger buffer.
    `strided` takes every second element along each axis of a larger buffer.
    `broadcast:X` has stride 0 along axis X and is not writable; all values along axis X must be equal.
    `reversed` has negative strides.
    `readonly` is contiguous and not writable.
    """
    if storage == "contiguous":
        return np.array(array, order="C")
    name, _, axis = storage.partition(":")
    return _STORAGES[name](array, letters, axis)


def _channels_last(array: Array, letters: str, _: str) -> Array:
    channel = next((letter for letter in "CI" if letter in letters), letters[-1])
    order = [axis for axis, letter in enumerate(letters) if letter != channel] + [letters.index(channel)]
    return np.array(array.transpose(order), order="C").transpose(np.argsort(order))


def _transposed(array: Array, letters: str, _: str) -> Array:
    return np.array(array.T, order="C").T


def _offset(array: Array, letters: str, _: str) -> Array:
    buffer = _poisoned([size + 3 for size in array.shape], array.dtype)
    view = buffer[tuple(slice(1, 1 + size) for size in array.shape)]
    view[...] = array
    return view


def _strided(array: Array, letters: str, _: str) -> Array:
    buffer = _poisoned([2 * size + 1 for size in array.shape], array.dtype)
    view = buffer[tuple(slice(1, 1 + 2 * size, 2) for size in array.shape)]
    view[...] = array
    return view


def _broadcast(array: Array, letters: str, axis: str) -> Array:
    at = letters.index(axis)
    single = np.array(array.take([0], axis=at), order="C")
    return np.broadcast_to(single, array.shape)


def _reversed(array: Array, letters: str, _: str) -> Array:
    flip = tuple(slice(None, None, -1) for _ in array.shape)
    return np.array(array[flip], order="C")[flip]


def _readonly(array: Array, letters: str, _: str) -> Array:
    copy = np.array(array, order="C")
    copy.setflags(write=False)
    return copy


_STORAGES = {
    "channels_last": _channels_last,
    "transposed": _transposed,
    "offset": _offset,
    "strided": _strided,
    "broadcast": _broadcast,
    "reversed": _reversed,
    "readonly": _readonly,
}


def _poisoned(shape: list[int], dtype: np.dtype[Any]) -> Array:
    buffer = np.empty(shape, dtype)
    buffer[...] = np.iinfo(dtype).max if dtype.kind in "iu" else dtype.type(float("nan"))
    return buffer
