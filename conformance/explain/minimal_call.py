"""Shrinking of a failing call: remove elements and reset parameters as long as the call fails the same way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import ARRAYS, COTANGENT, KERNELS, Array, Call, PerArray, Variation
from . import worked_example

#: A function that returns for each of several calls whether the call still fails.
Fails = Callable[[Sequence[Call]], Sequence[bool]]

#: The largest number of reduction steps.
MOST = 60


def smallest_call(call: Call, fails: Fails) -> Call:
    """
    Shrink a failing call by greedy reduction steps; the returned call fails too.

    Each step tests all calls that `smaller` yields, and continues with the smallest failing one.
    """
    for _ in range(MOST):
        candidates = [candidate for candidate in smaller(call) if size(candidate) < size(call)]
        is_failing = fails(candidates)
        failing = [candidate for candidate, fails_too in zip(candidates, is_failing, strict=True) if fails_too]
        if not failing:
            return call
        call = min(failing, key=size)
    return call


def size(call: Call) -> tuple[int, int, int, int, float]:
    """
    Return the size of a call as a tuple that compares lexicographically.

    The items of the tuple are the number of elements of all arrays, the distance of the parameters from their defaults,
    the number of characters of all numbers, the count of repeated values within arrays, and the sum of magnitudes.
    """
    arrays = [call.array(name) for name in (*ARRAYS, COTANGENT) if getattr(call, name) is not None]
    ones = (*call.strides, *call.dilations, *call.input_dilations, call.groups)
    changed = (call.padding != "valid", call.padding_mode != "zeros", call.storage != PerArray(input="contiguous"))
    distance = sum(value - 1 for value in ones) + sum(changed) + sum(call.output_padding) + (call.before is not None)
    distance += len(call.gradients) + (call.variation != Variation()) + (call.accumulate is not None)
    distance += 0 if isinstance(call.padding, str) else sum(abs(end) for pair in call.padding for end in pair)
    numbers = [float(value) for array in arrays for value in np.abs(array).flat]
    digits = sum(len(f"{number:.17g}") for number in numbers)
    repeated = sum(array.size - len(set(array.ravel().tolist())) for array in arrays)
    return sum(array.size for array in arrays), distance, digits, repeated, sum(filter(math.isfinite, numbers))


def smaller(call: Call) -> Iterator[Call]:
    """Yield the calls that one reduction step makes of a call; some of the new calls may be undefined."""
    for each in (*_cut(call), *_simpler(call), *_plainer(call), *_fewer_gradients(call)):
        yield each if call.cotangent is None else _with_fitting_cotangent(each)


def _fewer_gradients(call: Call) -> Iterator[Call]:
    """Yield the calls with one requested gradient fewer, and the call without gradients."""
    for name in call.gradients if len(call.gradients) > 1 else ():
        yield replace(call, gradients=tuple(each for each in call.gradients if each != name))
    if call.gradients:
        yield replace(call, gradients=(), cotangent=None)


def _with_fitting_cotangent(call: Call) -> Call:
    """Return the call without gradients of missing arrays, and with a cotangent resized to the output's shape."""
    gradients = tuple(name for name in call.gradients if getattr(call, name) is not None)
    if call.cotangent is None or not gradients:
        return replace(call, gradients=(), cotangent=None)
    shape = worked_example.shape(call)
    if shape is None or shape == call.cotangent.shape:
        return replace(call, gradients=gradients)
    return replace(call, gradients=gradients, cotangent=np.resize(call.cotangent, shape))


def _parts(count: int) -> Iterator[slice]:
    """Yield slices of an axis of length `count`: both halves, all but the last element, all but the first element."""
    if count > 1:
        yield from (slice(count // 2), slice(count // 2, None))
    if count > 2:
        yield from (slice(count - 1), slice(1, None))


def _cut(call: Call) -> Iterator[Call]:
    """Yield calls that keep a part of one axis: samples, positions, taps, channels, filters or groups."""
    first = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    for letter in ("N", *call.spatial):
        yield from (_taken(call, {"input": letter}, part) for part in _parts(call.extent("input", letter)))
    for letter in call.spatial:
        yield from (_taken(call, {first: letter}, part) for part in _parts(call.extent(first, letter)))
    if call.op == "depthwise_conv":
        yield from _fewer_by_channel(call, "kernel", {"bias": "O"})
    elif call.op == "separable_conv":
        yield from _fewer_by_channel(call, "depthwise_kernel", {"pointwise_kernel": "I"})
        last = {"pointwise_kernel": "O", "bias": "O"}
        yield from (_taken(call, last, part) for part in _parts(call.extent("pointwise_kernel", "O")))
    elif call.groups == 1:
        channels = {"input": "C", "kernel": "I"}
        yield from (_taken(call, channels, part) for part in _parts(call.extent("input", "C")))
        filters = {"kernel": "O", "bias": "O"}
        yield from (_taken(call, filters, part) for part in _parts(call.extent("kernel", "O")))
    else:
        yield from _fewer_groups(call)


def _fewer_by_channel(call: Call, kernel: str, after: dict[str, str]) -> Iterator[Call]:
    """
    Yield the call with fewer channels (C) or fewer filters per channel (M) in its depthwise kernel.

    `after` maps each array that has an axis of C * M elements to the letter of this axis.
    """
    channels, multiplier = call.extent(kernel, "C"), call.extent(kernel, "M")
    places = np.arange(channels * multiplier).reshape(channels, multiplier)
    for part in _parts(channels):
        yield _taken(_taken(call, {"input": "C", kernel: "C"}, part), after, places[part].ravel().tolist())
    for part in _parts(multiplier):
        yield _taken(_taken(call, {kernel: "M"}, part), after, places[:, part].ravel().tolist())


def _fewer_groups(call: Call) -> Iterator[Call]:
    """Yield the call with only its leading groups, and the call with fewer channels or filters in each group."""
    is_transposed, groups = call.op == "conv_transpose", call.groups
    share = call.extent("input", "C") // groups
    produced = call.extent("kernel", "O") // (1 if is_transposed else groups)
    for kept in {1, groups // 2, groups - 1} - {0, groups}:
        yield replace(_in_groups(call, _places(kept, share), _places(kept, produced)), groups=kept)
    every = range(groups)
    for part in _parts(share):
        inside = range(share)[part]
        made = _in_groups(call, [g * share + at for g in every for at in inside], _places(groups, produced))
        yield made if is_transposed else _taken(made, {"kernel": "I"}, part)
    for part in _parts(produced):
        inside = range(produced)[part]
        made = _in_groups(call, _places(groups, share), [g * produced + at for g in every for at in inside])
        yield _taken(made, {"kernel": "O"}, part) if is_transposed else made


def _places(groups: int, share: int) -> list[int]:
    return list(range(groups * share))


def _in_groups(call: Call, channels: list[int], filters: list[int]) -> Call:
    """Return the call with only the given input channels and the given filters; both arguments list indices."""
    whole = {"input": "C", "kernel": "I"} if call.op == "conv_transpose" else {"input": "C"}
    made = _taken(call, whole, channels)
    return _taken(made, {"bias": "O"} if call.op == "conv_transpose" else {"kernel": "O", "bias": "O"}, filters)


def _taken(call: Call, letters: dict[str, str], part: slice | list[int]) -> Call:
    """Return the call with only a part of one axis of some arrays; `letters` maps each array to the axis to cut."""
    arrays = {name: call.array(name) for name in letters if getattr(call, name) is not None}
    return _with(call, **{name: array[_index(call, name, letters[name], part)] for name, array in arrays.items()})


def _index(call: Call, name: str, letter: str, part: slice | list[int]) -> tuple[slice | list[int], ...]:
    return (part,) if name == "bias" else (*(slice(None),) * call.letters(name).index(letter), part)


def _with(call: Call, **changes: Any) -> Call:
    """Return the call with changed parameters and arrays; the changed arrays become contiguous."""
    arrays = {name: np.ascontiguousarray(each) for name, each in changes.items() if isinstance(each, np.ndarray)}
    return replace(call, **{**changes, **arrays})


def _simpler(call: Call) -> Iterator[Call]:
    """Yield calls with one parameter at its default, or one step closer to its default."""
    ones, none = (1,) * call.rank, (0,) * call.rank
    plain: dict[str, Any] = {
        "bias": None,
        "before": None,
        "padding": "valid",
        "padding_mode": "zeros",
        "storage": PerArray(input="contiguous"),
        "output_padding": none,
        "strides": ones,
        "dilations": ones,
        "input_dilations": ones,
        "variation": Variation(),
        "accumulate": None,
    }
    for name, value in plain.items():
        if getattr(call, name) is not value:
            yield _with(call, **{name: value})
    for name in ("strides", "dilations", "input_dilations", "output_padding"):
        for at, value in enumerate(getattr(call, name)):
            if value > 1:
                values = list(getattr(call, name))
                values[at] = value - 1
                yield _with(call, **{name: tuple(values)})
    if not isinstance(call.padding, str):
        for at, end in np.ndindex(call.rank, 2):
            pairs = [list(pair) for pair in call.padding]
            pairs[at][end] -= int(np.sign(pairs[at][end]))
            yield _with(call, padding=tuple(map(tuple, pairs)))


def _plainer(call: Call) -> Iterator[Call]:
    """Yield calls with simpler numbers in one array: zeros, ones, 1 to 7 repeated, or the array rounded to integers."""
    for name in ("input", *KERNELS, "bias", COTANGENT):
        if getattr(call, name) is None:
            continue
        array = call.array(name)
        yield from (_with(call, **{name: each.astype(array.dtype)}) for each in _simple(array))


def _simple(array: Array) -> Iterator[Array]:
    yield np.zeros(array.shape)
    yield np.ones(array.shape)
    yield (np.arange(array.size) % 7 + 1).reshape(array.shape)
    if array.dtype.kind in "fV":
        yield np.rint(np.nan_to_num(array.astype(np.float64), posinf=1, neginf=-1))
