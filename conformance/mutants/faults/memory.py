"""Faults that read arrays from wrong memory locations, and faults that write into the operands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...core import Array, Call, Refused
from ..evaluator import Stages
from ..stored_arrays import placed
from .edits import Edit


def _read(change: Callable[[Call, str, Array], Array]) -> Edit:
    """Return a fault that replaces each array `placed(call, name)` by `change(call, name, array)` when it is read."""
    return lambda stages: replace(stages, read=lambda call, name: np.array(change(call, name, placed(call, name))))


def _owner(array: Array) -> Array:
    while array.base is not None and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _flat(array: Array) -> Array:
    """Return the elements of the buffer that holds `array`, in memory order."""
    owner = _owner(array)
    return owner.ravel(order="K")


def _as_contiguous(call: Call, name: str, array: Array) -> Array:
    """Ignore strides: read consecutive elements of the buffer, starting at the first element of the array."""
    flat = _flat(array)
    start = (array.__array_interface__["data"][0] - _owner(array).__array_interface__["data"][0]) // array.itemsize
    return np.resize(flat[max(start, 0) :], array.shape) if array.size else array


def _from_the_start(call: Call, name: str, array: Array) -> Array:
    """Ignore the offset: use the strides, but start at the first element of the buffer."""
    owner = _owner(array)
    if array.size and owner.size > array.size and min(array.strides) > 0:
        return np.ndarray(array.shape, array.dtype, buffer=owner, strides=array.strides)
    return array


def _broadcast_as_memory(call: Call, name: str, array: Array) -> Array:
    if 0 not in array.strides or not array.size:
        return array
    return np.resize(_flat(array), array.size).reshape(array.shape)


def _reversed_ignored(call: Call, name: str, array: Array) -> Array:
    axes = tuple(axis for axis, stride in enumerate(array.strides) if stride < 0)
    return np.flip(array, axes)


def _fortran_as_c(call: Call, name: str, array: Array) -> Array:
    """If the axes of an array are permuted in memory, read the memory as if the array were C-contiguous."""
    order = np.argsort([-abs(stride) for stride in array.strides], kind="stable")
    if list(order) == list(range(array.ndim)) or 0 in array.strides:
        return array
    return np.ascontiguousarray(array.transpose(order)).reshape(array.shape)


def _beside(stages: Stages) -> Stages:
    """
    Add to the first output element a value that the buffer holds outside an operand.

    The value is the element before the operand. If the operand starts the buffer, the value is the last element.
    """
    stray: list[complex] = []

    def read(call: Call, name: str) -> Array:
        array = placed(call, name)
        flat = _flat(array)
        if flat.size > array.size and array.size:
            at = (array.__array_interface__["data"][0] - _owner(array).__array_interface__["data"][0]) // array.itemsize
            stray.append(flat[at - 1] if at else flat[-1])
        return np.array(array)

    def close(call: Call, y: Array) -> Array:
        found = [value for value in stray if value != 0]
        stray.clear()
        if not found or not y.size:
            return stages.round(call, y)
        y = y.copy()
        y[(0,) * y.ndim] += np.asarray(found[0]).astype(y.dtype)
        return stages.round(call, y)

    return replace(stages, read=read, round=close)


def _overwriting(name_of: str) -> Edit:
    def edit(stages: Stages) -> Stages:
        def read(call: Call, name: str) -> Array:
            array = placed(call, name)
            elements = np.array(array)
            if (
                (name == name_of or (name_of == "kernel" and name.endswith("kernel")))
                and array.flags.writeable
                and array.size
            ):
                array[(0,) * array.ndim] = 0 if array.flat[0] != 0 else 1
            return elements

        return replace(stages, read=read)

    return edit


def _readonly_refused(stages: Stages) -> Stages:
    def read(call: Call, name: str) -> Array:
        if not placed(call, name).flags.writeable and "readonly" in vars(call.storage).values():
            raise Refused(f"{name} is read-only")
        return stages.read(call, name)

    return replace(stages, read=read)


EDITS: dict[str, Edit] = {
    "storage-strides-ignored": _read(_as_contiguous),
    "storage-offset-ignored": _read(_from_the_start),
    "storage-broadcast-misread": _read(_broadcast_as_memory),
    "storage-reversed-ignored": _read(_reversed_ignored),
    "channels-last-misread": _read(_fortran_as_c),
    "storage-neighbour-read": _beside,
    "inputs-overwritten": _overwriting("input"),
    "kernel-overwritten": _overwriting("kernel"),
    "bias-overwritten": _overwriting("bias"),
    "readonly-refused": _readonly_refused,
}
