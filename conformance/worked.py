"""
A call worked out by hand: its lengths by their formulas with the numbers filled in, its windows as products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np

from . import reference
from .call import Array, Call, dilated
from .dtypes import is_integer

#: So many windows are shown, and so many products of one.
WINDOWS, PRODUCTS = 8, 16


class Length(NamedTuple):
    """
    The length of one axis of the output: the formula with its numbers, and what it comes to.
    """

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
    """
    Yield what the numbers of the formulas come from, where that is not seen.
    """
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
    """
    A combination of parameters by which an axis of one length becomes one of another.
    """

    kernel_size: int
    strides: int
    padding: str
    dilations: int


def ways(length: int, wanted: int, *, most: int = 5) -> Iterator[Way]:
    """
    Yield kernel sizes, strides, paddings and dilations that take an axis to a wanted length, the simplest first.

    Kernels have up to `length` taps, paddings up to `most` at each end.
    """
    steps = product(range(1, length + 1), range(1, length + 1), range(1, 4))
    for taps, stride, dilation in sorted(steps, key=lambda each: (each[2], each[0] * each[1], each)):
        window = (taps - 1) * dilation + 1
        if dilation > 1 and taps == 1:
            continue
        for padding in range(min(most, window - 1) + 1):
            room = length + 2 * padding - window
            if room >= 0 and room // stride + 1 == wanted:
                yield Way(taps, stride, "valid" if not padding else f"[[{padding}, {padding}]]", dilation)
                break
        if math.ceil(length / stride) == wanted and stride > 1 and dilation == 1:
            yield Way(taps, stride, "same", dilation)


def shape(call: Call) -> tuple[int, ...] | None:
    """
    Return the shape of the output of a call in its own layout, None where it has no meaning.
    """
    try:
        return tuple(map(int, reference.evaluate(call).shape))
    except reference.Undefined:
        return None


def summary(sizes: Sequence[int], letters: str) -> str:
    """
    Return a shape with the letters of its axes, `1x3x1 NWC`.
    """
    return f"{'x'.join(map(str, sizes))} {letters}"
