"""Arrays that are read or returned with their axes in another order, or from other places in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from ...core import Array, numpy_type, storage
from ..canonical_call import Subject, kernel_of, wide
from ..interpretation import Interpretation
from .kinds import Cause, Returned

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def kernels(it: Subject) -> list[str]:
    """Return the names of the kernels of a call."""
    return [name for name in KERNELS if getattr(it.call, name) is not None]


def reread(it: Subject, change: Callable[[str, Array], Array], *names: str) -> Subject:
    """Return a subject some of whose arrays are others, given in the call's own layout and of the same shape."""
    arrays = {name: wide(it.call, change(name, it.call.array(name))) for name in names}
    made = it
    for name, array in arrays.items():
        letters = it.call.letters(name)
        if name == "input":
            made = replace(made, input=array.transpose([letters.index(each) for each in "NC" + it.call.spatial]))
        elif name == "pointwise_kernel":
            moved = array.transpose([letters.index(each) for each in "OI" + it.call.spatial])
            made = replace(made, pointwise=moved.reshape(moved.shape[:2]))
        elif name == "bias":
            made = replace(made, bias=array)
        else:
            made = replace(made, kernel=kernel_of(it.call, array, name))
    return made


def _is_whole(it: Subject, name: str) -> bool:
    return it.call.array(name).ndim == len(it.call.letters(name))


def _canonical(name: str, letters: str, *, is_transposed: bool) -> str:
    spatial = "".join(letter for letter in "DHW" if letter in letters)
    first = "NC" if name == "input" else "CM" if "M" in letters else "IO" if is_transposed else "OI"
    return first + spatial


def _orders(it: Subject, name: str) -> Iterator[str]:
    """Yield the layouts that frameworks take by default for an array: channels first, and channels last."""
    letters = it.call.letters(name)
    first = _canonical(name, letters, is_transposed=it.is_transposed)
    spatial = first[2:]
    last = "N" + spatial + "C" if name == "input" else spatial + first[1::-1]
    yield from (first, last, spatial + first[:2])


def _reshaped(it: Subject, *names: str) -> Iterator[Interpretation]:
    """Yield the call some of whose arrays are read as if their memory had another layout."""
    wanted = [list(dict.fromkeys(_orders(it, name))) for name in names if _is_whole(it, name)]
    for orders in product(*wanted):
        by_name = dict(zip(names, orders, strict=False))
        yield reread(it, partial(_misread, it, by_name), *by_name).right


def _misread(it: Subject, orders: Mapping[str, str], name: str, array: Array) -> Array:
    """Return an array whose memory is taken as if its axes stood in another order of letters."""
    letters, order = it.call.letters(name), orders[name]
    shape = [array.shape[letters.index(letter)] for letter in order]
    return np.ascontiguousarray(array).reshape(shape).transpose([order.index(letter) for letter in letters])


def _swapped_input(it: Subject, one: int, other: int) -> Iterator[Interpretation]:
    x = it.input
    if x.ndim > max(one, other) and x.shape[one] == x.shape[other]:
        yield it.by_input(np.swapaxes(x, one, other))


def _axes_guessed(it: Subject) -> Iterator[Interpretation]:
    for axis in range(2, it.input.ndim):
        yield from _swapped_input(it, 1, axis)
    letters, x = it.call.letters("input"), it.call.input
    if _is_whole(it, "input") and letters[-1] != "C" and x.shape[-1] == x.shape[letters.index("C")]:
        moved = np.moveaxis(wide(it.call, x), -1, 1)
        if sorted(moved.shape) == sorted(it.input.shape):
            yield it.by_input(moved.reshape(it.input.shape))


def _batch_guessed(it: Subject) -> Iterator[Interpretation]:
    yield from _swapped_input(it, 0, 1)


def _space_guessed(it: Subject) -> Iterator[Interpretation]:
    if it.call.rank > 1:
        swapped = np.swapaxes(it.input, 2, it.input.ndim - 1)
        first, *between, last = it.settings
        settings = (replace(first, length=last.length), *between, replace(last, length=first.length))
        yield replace(it, input=swapped, settings=settings).right


def _kernel_guessed(it: Subject) -> Iterator[Interpretation]:
    def swapped(name: str, array: Array) -> Array:
        return np.swapaxes(array, 0, -1) if array.shape[0] == array.shape[-1] else array

    yield reread(it, swapped, *(name for name in kernels(it) if _is_whole(it, name))).right


def _result(it: Subject, order: str) -> Array:
    """Return the right result with its axes in an order of letters, in its dtype."""
    have = "NC" + it.call.spatial
    return it.result.astype(numpy_type(it.call.dtype_of("output"))).transpose([have.index(each) for each in order])


def _returned(it: Subject, order: str) -> Iterator[Returned]:
    yield Returned(array=_result(it, order))


def _canonical_output(it: Subject) -> Iterator[Returned]:
    order = "NC" + it.call.spatial
    if order != it.call.letters("output"):
        yield from _returned(it, order)


def _output_as_input(it: Subject) -> Iterator[Returned]:
    if it.call.letters("input") != it.call.letters("output"):
        yield from _returned(it, it.call.letters("input"))


def _output_reshaped(it: Subject) -> Iterator[Returned]:
    have, wanted = "NC" + it.call.spatial, it.call.letters("output")
    shape = [it.result.shape[have.index(letter)] for letter in wanted]
    for order in ("NC" + it.call.spatial, "N" + it.call.spatial + "C"):
        yield Returned(array=np.ascontiguousarray(_result(it, order)).reshape(shape))


def _output_space_swapped(it: Subject) -> Iterator[Returned]:
    letters = it.call.letters("output")
    spatial = it.call.spatial
    if it.call.rank > 1:
        turned = letters.translate(str.maketrans(spatial[0] + spatial[-1], spatial[-1] + spatial[0]))
        yield from _returned(it, turned)


def _from_memory(change: Callable[[Array], Array]) -> Cause:
    """An array in another storage than contiguous, read otherwise: all of them, or one."""

    def cause(it: Subject) -> Iterator[Interpretation]:
        names = ["input", *kernels(it), *(["bias"] if it.bias is not None else [])]
        odd = [name for name in names if (getattr(it.call.storage, name, None) or "contiguous") != "contiguous"]
        for chosen in ([odd] if odd else []) + [[name] for name in odd if len(odd) > 1]:
            yield reread(it, lambda name, array: change(_placed(it, name)), *chosen).right

    return cause


def _placed(it: Subject, name: str) -> Array:
    """Return an array as it lies in memory by the call's storage."""
    how = getattr(it.call.storage, name, None) or "contiguous"
    return storage.stored(it.call.array(name), how, it.call.letters(name))


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _memory(array: Array) -> tuple[Array, int]:
    """Return the memory that an array lies in, element by element, and where its first element stands."""
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
    "layout-reshaped": lambda it: _reshaped(it, "input"),
    "kernel-layout-reshaped": lambda it: _reshaped(it, *kernels(it)),
    "layout-ignored": lambda it: _reshaped(it, "input", *kernels(it)),
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
