"""A call worked out by hand: its lengths by their formulas with the numbers filled in, its windows as products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np

from .. import reference
from ..core import Array, Call, dilated, is_integer

#: So many windows are shown, and so many products of one.
WINDOWS, PRODUCTS = 8, 16
#: Kernels up to so many taps are tried to reach a length, and so many strides of each.
TAPS, STRIDES = 512, 64


class Length(NamedTuple):
    """The length of one axis of the output: the formula with its numbers, and what it comes to."""

    axis: str
    formula: str
    length: int


def lengths(call: Call) -> Iterator[Length]:
    """
    Yield the length of each spatial axis of an output by its formula.

    Of a convolution it is floor((W + low + high - K_eff) / stride) + 1, with K_eff = (K - 1) * dilation + 1 and W the
    length of the input, (W - 1) * input dilation + 1 where that is not 1; of a transposed one it is
    (W - 1) * stride + K_eff - low - high + output padding.

    Raises:
        ValueError: for a padding word without a meaning here.

    """
    stage, transposed = call.stages[0], call.op == "conv_transpose"
    for at, axis in enumerate(call.spatial):
        length, window = call.lengths[at], stage.window[at]
        (low, high), stride = call.pairs[at], call.strides[at]
        if transposed:
            more = call.output_padding[at]
            count = max((length - 1) * stride + window - low - high + more, 0) if length else 0
            yield Length(axis, f"({length} - 1) * {stride} + {window} - {low} - {high} + {more}", count)
            continue
        inside = dilated(length, call.input_dilations[at])
        room = inside + low + high - window
        formula = f"floor(({inside} + {low} + {high} - {window}) / {stride}) + 1"
        yield Length(axis, formula if room >= 0 else f"{formula}, not below 0,", max(room // stride + 1, 0))


def notes(call: Call) -> Iterator[str]:
    """Yield what the numbers of the formulas come from, where that is not seen."""
    stage = call.stages[0]
    for at, axis in enumerate(call.spatial):
        taps, dilation, spacing = call.extents(stage.kernel)[at], call.dilations[at], call.input_dilations[at]
        if dilation > 1 and taps:
            yield f"{axis}: {taps} taps {dilation} apart span ({taps} - 1) * {dilation} + 1 = {stage.window[at]}"
        if spacing > 1:
            places = dilated(call.lengths[at], spacing)
            yield f"{axis}: {call.lengths[at]} elements {spacing} apart take {places} places"
        if isinstance(call.padding, str) and any(call.pairs[at]):
            low, high = call.pairs[at]
            done = "crops" if call.op == "conv_transpose" else "pads"
            yield f"{axis}: {call.padding} {done} {low} before and {high} behind"


def windows(call: Call) -> Iterator[str]:
    """
    Yield windows as products, `[0 3] * [1 2] = [0 6] → 6`: of the first sample and each filter, as many as are short.

    Only of a convolution along one axis without groups, of numbers that do not wrap; other calls have their windows in
    more axes than a line has.
    """
    if call.op != "conv" or call.rank > 1 or call.groups > 1 or call.padding_mode != "zeros":
        return
    if is_integer(call.dtype_of("output")):  # their sums may wrap
        return
    kernel = call.arranged("kernel", "OWI").astype(object)
    lines = _lines(call, kernel)
    if len(call.arranged("input", "NWC")) and len(kernel) and kernel[0].size <= PRODUCTS:
        yield from islice(lines, WINDOWS)
        if next(lines, None) is not None:
            yield "..."


def _lines(call: Call, kernel: Array) -> Iterator[str]:
    x = _padded(call)[0]
    (each,) = lengths(call)
    biases = np.zeros(len(kernel), object) if call.bias is None else call.bias.astype(object)
    for filter_, place in product(range(len(kernel)), range(each.length)):
        start = place * call.strides[0]
        read = x[start : start + call.stages[0].window[0] : call.dilations[0]]
        taps, bias = kernel[filter_], biases[filter_]
        with np.errstate(all="ignore"):  # of an infinity and a zero
            made = read * taps
            total = made.sum() + bias
        plus = f" + {_number(bias)}" if call.bias is not None else ""
        name = f"filter {filter_}: " if len(kernel) > 1 else ""
        yield f"{name}{_row(read)} * {_row(taps)} = {_row(made)}{plus} → {_number(total)}"


def _padded(call: Call) -> Array:
    """Return the input as windows see it (N, W, C): spread, padded with zeros, cropped where padding is negative."""
    x = call.arranged("input", "NWC").astype(object)
    (low, high), spacing = call.pairs[0], call.input_dilations[0]
    before, behind = call.before[0] if call.before is not None else (0, 0)
    x = _with_ends(x, before, behind)
    if spacing > 1 and x.shape[1]:
        spread = np.zeros((len(x), dilated(x.shape[1], spacing), x.shape[2]), object)
        spread[:, ::spacing] = x
        x = spread
    return _with_ends(x, low, high)


def _with_ends(x: Array, low: int, high: int) -> Array:
    ends = ((0, 0), (max(low, 0), max(high, 0)), (0, 0))
    wide = np.pad(x, ends)
    return wide[:, max(-low, 0) : wide.shape[1] - max(-high, 0)]


def _row(numbers: Array) -> str:
    """Return taps (W, C): of one channel in brackets, of several the channels of each tap side by side."""
    taps = [" ".join(_number(number) for number in tap) for tap in numbers]
    return f"[{(' ' if numbers.shape[1] == 1 else ' | ').join(taps)}]"


def _number(value: Any) -> str:
    number = complex(value)
    if number.imag:
        return str(value)
    return f"{float(number.real) + 0.0:.7g}"  # -0.0 + 0.0 is 0.0


class Way(NamedTuple):
    """A combination of parameters by which an axis of one length becomes one of another."""

    kernel_size: int
    strides: int
    padding: str
    dilations: int


def ways(length: int, wanted: int, *, most: int = 5) -> Iterator[Way]:
    """
    Yield kernel sizes, strides, paddings and dilations that take an axis to a wanted length, the simplest first.

    Kernels have up to `length` taps and no more than `TAPS`, paddings up to `most` at each end; of the strides that
    lead there with as many taps and as much padding the first `STRIDES` are told.
    """
    sizes = range(1, min(length, TAPS) + 1)
    found: dict[tuple[int, int, int], list[str]] = {}
    for taps, dilation in product(sizes, range(1, 4)):
        window = (taps - 1) * dilation + 1
        for padding in range(min(most, window - 1) + 1) if dilation == 1 or taps > 1 else ():
            word = f"[[{padding}, {padding}]]" if padding else "valid"
            for stride in _strides(length + 2 * padding - window, wanted, length):
                found.setdefault((taps, stride, dilation), [word])
        # With `same` the length is ceil(W / stride), which is floor((W - 1) / stride) + 1
        for stride in _strides(length - 1, wanted, length) if dilation == 1 else ():
            if stride > 1:
                found.setdefault((taps, stride, dilation), []).append("same")
    for taps, stride, dilation in sorted(found, key=lambda each: (each[2], each[0] * each[1], each)):
        yield from (Way(taps, stride, word, dilation) for word in found[taps, stride, dilation])


def _strides(room: int, wanted: int, length: int) -> range:
    """Return the strides, the first of many, by which a window makes `wanted` stops with so much room to move."""
    if room < 0:
        return range(0)
    first = room // wanted + 1
    last = min(room // (wanted - 1) if wanted > 1 else length, length)
    return range(first, min(last, first + STRIDES - 1) + 1)


def shape(call: Call) -> tuple[int, ...] | None:
    """Return the shape of the output of a call in its own layout, None where it has no meaning."""
    try:
        slim = _slim(call)
        found = dict(zip(call.letters("output"), reference.evaluate(slim).shape, strict=True))
    except reference.Undefined:
        return None
    restored = {"N": call.extent("input", "N"), **({"C": call.extent("kernel", "O")} if _is_slim(call) else {})}
    return tuple(int({**found, **restored}[letter]) for letter in call.letters("output"))


def _is_slim(call: Call) -> bool:
    """Say whether channels and filters of a call can be left out without another shape, or another reason for none."""
    if call.op != "conv" or call.groups != 1 or call.kernel is None or call.cotangent is not None:
        return False
    if len(call.letters("kernel")) != call.kernel.ndim or len(call.letters("input")) != call.input.ndim:
        return False
    if call.bias is not None and call.bias.shape != (call.kernel.shape[call.letters("kernel").index("O")],):
        return False
    return call.extent("input", "C") == call.extent("kernel", "I") > 0 and call.extent("kernel", "O") > 0


def _slim(call: Call) -> Call:
    """Return a call of one sample, and where nothing depends on it of one channel and filter, to find its shape."""
    if call.input.ndim != len(call.letters("input")):
        return call
    if not _is_slim(call):
        return replace(call, input=_first(call, "input", "N"))
    bias = call.bias[:1] if call.bias is not None else None
    return replace(call, input=_first(call, "input", "NC"), kernel=_first(call, "kernel", "IO"), bias=bias)


def _first(call: Call, name: str, letters: str) -> Array:
    """Return an array of a call with one element along some axes."""
    return call.array(name)[tuple(slice(1 if letter in letters else None) for letter in call.letters(name))]


def summary(sizes: Sequence[int], letters: str) -> str:
    """Return a shape with the letters of its axes, `1x3x1 NWC`."""
    return f"{'x'.join(map(str, sizes))} {letters}"
