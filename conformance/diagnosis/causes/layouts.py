"""Causes in layout and storage: arrays read or returned with permuted axes, or read from wrong memory addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from ...core import KERNELS, Array, numpy_type, storage
from ..canonical_call import Subject, kernel_of, wide
from ..interpretation import Interpretation
from .kinds import Cause, Returned


def kernels(subject: Subject) -> list[str]:
    """Return the names of the kernels of a call."""
    return [name for name in KERNELS if getattr(subject.call, name) is not None]


def reread(subject: Subject, change: Callable[[str, Array], Array], *names: str) -> Subject:
    """Return a call in which `change(name, array)` replaces each array in `names`. `array` has the call's layout."""
    arrays = {name: wide(subject.call, change(name, subject.call.array(name))) for name in names}
    made = subject
    for name, array in arrays.items():
        letters = subject.call.letters(name)
        if name == "input":
            made = replace(made, input=array.transpose([letters.index(each) for each in "NC" + subject.call.spatial]))
        elif name == "pointwise_kernel":
            moved = array.transpose([letters.index(each) for each in "OI" + subject.call.spatial])
            made = replace(made, pointwise=moved.reshape(moved.shape[:2]))
        elif name == "bias":
            made = replace(made, bias=array)
        else:
            made = replace(made, kernel=kernel_of(subject.call, array, name))
    return made


def _is_whole(subject: Subject, name: str) -> bool:
    return subject.call.array(name).ndim == len(subject.call.letters(name))


def _canonical(name: str, letters: str, *, is_transposed: bool) -> str:
    spatial = "".join(letter for letter in "DHW" if letter in letters)
    first = "NC" if name == "input" else "CM" if "M" in letters else "IO" if is_transposed else "OI"
    return first + spatial


def _orders(subject: Subject, name: str) -> Iterator[str]:
    """Yield the layouts of an array that frameworks use by default, with the channels first or last."""
    letters = subject.call.letters(name)
    first = _canonical(name, letters, is_transposed=subject.is_transposed)
    spatial = first[2:]
    last = "N" + spatial + "C" if name == "input" else spatial + first[1::-1]
    yield from (first, last, spatial + first[:2])


def _reshaped(subject: Subject, *names: str) -> Iterator[Interpretation]:
    """Yield calls that read the memory of the arrays `names` as if in default layouts, in every combination."""
    wanted = [list(dict.fromkeys(_orders(subject, name))) for name in names if _is_whole(subject, name)]
    for orders in product(*wanted):
        by_name = dict(zip(names, orders, strict=False))
        yield reread(subject, partial(_misread, subject, by_name), *by_name).right


def _misread(subject: Subject, orders: Mapping[str, str], name: str, array: Array) -> Array:
    """Return an array whose contiguous memory is read as if its layout were `orders[name]`."""
    letters, order = subject.call.letters(name), orders[name]
    shape = [array.shape[letters.index(letter)] for letter in order]
    return np.ascontiguousarray(array).reshape(shape).transpose([order.index(letter) for letter in letters])


def _swapped_input(subject: Subject, one: int, other: int) -> Iterator[Interpretation]:
    x = subject.input
    if x.ndim > max(one, other) and x.shape[one] == x.shape[other]:
        yield subject.by_input(np.swapaxes(x, one, other))


def _axes_guessed(subject: Subject) -> Iterator[Interpretation]:
    for axis in range(2, subject.input.ndim):
        yield from _swapped_input(subject, 1, axis)
    letters, x = subject.call.letters("input"), subject.call.input
    if _is_whole(subject, "input") and letters[-1] != "C" and x.shape[-1] == x.shape[letters.index("C")]:
        moved = np.moveaxis(wide(subject.call, x), -1, 1)
        if sorted(moved.shape) == sorted(subject.input.shape):
            yield subject.by_input(moved.reshape(subject.input.shape))


def _batch_guessed(subject: Subject) -> Iterator[Interpretation]:
    yield from _swapped_input(subject, 0, 1)


def _space_guessed(subject: Subject) -> Iterator[Interpretation]:
    if subject.call.rank > 1:
        swapped = np.swapaxes(subject.input, 2, subject.input.ndim - 1)
        first, *between, last = subject.settings
        settings = (replace(first, length=last.length), *between, replace(last, length=first.length))
        yield replace(subject, input=swapped, settings=settings).right


def _kernel_guessed(subject: Subject) -> Iterator[Interpretation]:
    def swapped(name: str, array: Array) -> Array:
        return np.swapaxes(array, 0, -1) if array.shape[0] == array.shape[-1] else array

    yield reread(subject, swapped, *(name for name in kernels(subject) if _is_whole(subject, name))).right


def _result(subject: Subject, order: str) -> Array:
    """Return the expected output in the layout `order`, rounded to the output dtype."""
    have = "NC" + subject.call.spatial
    return subject.result.astype(numpy_type(subject.call.dtype_of("output"))).transpose(
        [have.index(each) for each in order]
    )


def _returned(subject: Subject, order: str) -> Iterator[Returned]:
    yield Returned(array=_result(subject, order))


def _canonical_output(subject: Subject) -> Iterator[Returned]:
    order = "NC" + subject.call.spatial
    if order != subject.call.letters("output"):
        yield from _returned(subject, order)


def _output_as_input(subject: Subject) -> Iterator[Returned]:
    if subject.call.letters("input") != subject.call.letters("output"):
        yield from _returned(subject, subject.call.letters("input"))


def _output_reshaped(subject: Subject) -> Iterator[Returned]:
    have, wanted = "NC" + subject.call.spatial, subject.call.letters("output")
    shape = [subject.result.shape[have.index(letter)] for letter in wanted]
    for order in ("NC" + subject.call.spatial, "N" + subject.call.spatial + "C"):
        yield Returned(array=np.ascontiguousarray(_result(subject, order)).reshape(shape))


def _output_space_swapped(subject: Subject) -> Iterator[Returned]:
    letters = subject.call.letters("output")
    spatial = subject.call.spatial
    if subject.call.rank > 1:
        turned = letters.translate(str.maketrans(spatial[0] + spatial[-1], spatial[-1] + spatial[0]))
        yield from _returned(subject, turned)


def _from_memory(change: Callable[[Array], Array]) -> Cause:
    """Return a cause that applies `change` to non-contiguous arrays: to all of them together, or to a single one."""

    def cause(subject: Subject) -> Iterator[Interpretation]:
        names = ["input", *kernels(subject), *(["bias"] if subject.bias is not None else [])]
        odd = [name for name in names if (getattr(subject.call.storage, name, None) or "contiguous") != "contiguous"]
        for chosen in ([odd] if odd else []) + [[name] for name in odd if len(odd) > 1]:
            yield reread(subject, lambda name, array: change(_placed(subject, name)), *chosen).right

    return cause


def _placed(subject: Subject, name: str) -> Array:
    """Return an array with the storage (strides, offset) that the call requests."""
    how = getattr(subject.call.storage, name, None) or "contiguous"
    return storage.stored(subject.call.array(name), how, subject.call.letters(name))


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _memory(array: Array) -> tuple[Array, int]:
    """Return an array's buffer as a flat array, and the index of the array's first element in the buffer."""
    owner = _owner(array)
    start = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return owner.ravel(order="K"), start // array.itemsize


def _as_contiguous(array: Array) -> Array:
    memory, start = _memory(array)
    return np.resize(memory[max(start, 0) :], array.shape) if array.size and memory.size else array


def _from_start(array: Array) -> Array:
    owner = _owner(array)
    if not array.size or owner.size <= array.size or min(array.strides) <= 0:
        return array
    return np.ndarray(array.shape, array.dtype, buffer=owner, strides=array.strides)


def _broadcast_as_memory(array: Array) -> Array:
    if 0 not in array.strides or not array.size:
        return array
    return np.resize(_memory(array)[0], array.size).reshape(array.shape)


def _forwards(array: Array) -> Array:
    return np.flip(array, tuple(axis for axis, stride in enumerate(array.strides) if stride < 0))


def _in_order_of_memory(array: Array) -> Array:
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    if 0 in array.strides:
        return array
    return np.ascontiguousarray(array.transpose(order)).reshape(array.shape)


CAUSES: dict[str, Cause] = {
    "layout-reshaped": lambda subject: _reshaped(subject, "input"),
    "kernel-layout-reshaped": lambda subject: _reshaped(subject, *kernels(subject)),
    "layout-ignored": lambda subject: _reshaped(subject, "input", *kernels(subject)),
    "layout-output-transposed": _canonical_output,
    "layout-output-is-input": _output_as_input,
    "layout-output-reshaped": _output_reshaped,
    "layout-output-space-swapped": _output_space_swapped,
    "axes-guessed": _axes_guessed,
    "kernel-axes-guessed": _kernel_guessed,
    "space-guessed": _space_guessed,
    "batch-and-channels-guessed": _batch_guessed,
    "storage-strides-ignored": _from_memory(_as_contiguous),
    "storage-offset-ignored": _from_memory(_from_start),
    "storage-broadcast-misread": _from_memory(_broadcast_as_memory),
    "storage-reversed-ignored": _from_memory(_forwards),
    "channels-last-misread": _from_memory(_in_order_of_memory),
}
