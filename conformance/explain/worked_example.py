"""A worked example of a call: the length formulas with the numbers inserted, and the windows as products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np

from .. import reference
from ..core import Array, Call, dilated, is_integer

#: The largest number of windows that are shown, and the largest number of products in a shown window.
WINDOWS, PRODUCTS = 8, 16
#: The limits of the search in `ways`: taps of a kernel, and strides for each kernel size, dilation and padding.
TAPS, STRIDES = 512, 64


class Length(NamedTuple):
    """The length of one spatial axis of the output: the formula with the numbers inserted, and its value."""

    axis: str
    formula: str
    length: int


def lengths(call: Call) -> Iterator[Length]:
    """
    Yield the length of each spatial axis of the output, with its formula.

    With K_eff = (K - 1) * dilation + 1, and W the length of the dilated input, (length - 1) * input_dilation + 1:

        convolution:             floor((W + low + high - K_eff) / stride) + 1
        transposed convolution:  (W - 1) * stride + K_eff - low - high + output_padding

    Raises:
        ValueError: if the padding name is not defined for the operation.

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
        yield Length(axis, formula if room >= 0 else f"max({formula}, 0)", max(room // stride + 1, 0))


def notes(call: Call) -> Iterator[str]:
    """Yield notes on the numbers in the length formulas that result from dilations or from a padding name."""
    stage = call.stages[0]
    for at, axis in enumerate(call.spatial):
        taps, dilation, spacing = call.extents(stage.kernel)[at], call.dilations[at], call.input_dilations[at]
        if dilation > 1 and taps:
            yield f"{axis}: {taps} taps {dilation} apart span ({taps} - 1) * {dilation} + 1 = {stage.window[at]}"
        if spacing > 1:
            length = dilated(call.lengths[at], spacing)
            yield f"{axis}: {call.lengths[at]} elements {spacing} apart span {length}"
        if isinstance(call.padding, str) and any(call.pairs[at]):
            low, high = call.pairs[at]
            verb = "crops" if call.op == "conv_transpose" else "pads"
            yield f"{axis}: {call.padding} {verb} {low} at the low end and {high} at the high end"


def windows(call: Call) -> Iterator[str]:
    """
    Yield the windows of the first sample as products, such as `[0 3] * [1 2] = [0 6] → 6`, filter by filter.

    At most `WINDOWS` windows are yielded, then `...`. A call yields windows only if it is a `conv` along one axis,
    without groups, with padding mode `zeros`, not of integers, and with at most `PRODUCTS` products per window.
    """
    if call.op != "conv" or call.rank > 1 or call.groups > 1 or call.padding_mode != "zeros":
        return
    if is_integer(call.dtype_of("output")):  # sums may overflow
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
        with np.errstate(all="ignore"):  # infinity * 0
            made = read * taps
            total = made.sum() + bias
        plus = f" + {_number(bias)}" if call.bias is not None else ""
        name = f"filter {filter_}: " if len(kernel) > 1 else ""
        yield f"{name}{_row(read)} * {_row(taps)} = {_row(made)}{plus} → {_number(total)}"


def _padded(call: Call) -> Array:
    """Return the dilated input (N, W, C), padded with zeros, and cropped where the padding is negative."""
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
    """Return an array (W, C) as text: `[1 2]` for two taps of one channel, `[1 3 | 2 4]` for two channels."""
    taps = [" ".join(_number(number) for number in tap) for tap in numbers]
    return f"[{(' ' if numbers.shape[1] == 1 else ' | ').join(taps)}]"


def _number(value: Any) -> str:
    number = complex(value)
    if number.imag:
        return str(value)
    return f"{float(number.real) + 0.0:.7g}"  # -0.0 + 0.0 is 0.0


class Way(NamedTuple):
    """A combination of parameters that turns an input length into an output length."""

    kernel_size: int
    strides: int
    padding: str
    dilations: int


def ways(length: int, wanted: int, *, most: int = 5) -> Iterator[Way]:
    """
    Yield combinations of parameters that turn an axis of `length` elements into `wanted` outputs, the simplest first.

    Kernels have at most min(`length`, `TAPS`) taps, dilations are at most 3, and paddings are at most `most` at each
    end. For each kernel size, dilation and padding, only the `STRIDES` smallest strides are included.
    """
    sizes = range(1, min(length, TAPS) + 1)
    found: dict[tuple[int, int, int], list[str]] = {}
    for taps, dilation in product(sizes, range(1, 4)):
        window = (taps - 1) * dilation + 1
        for padding in range(min(most, window - 1) + 1) if dilation == 1 or taps > 1 else ():
            value = f"[[{padding}, {padding}]]" if padding else "valid"
            for stride in _strides(length + 2 * padding - window, wanted, length):
                found.setdefault((taps, stride, dilation), [value])
        # With `same` the length is ceil(W / stride) = floor((W - 1) / stride) + 1.
        for stride in _strides(length - 1, wanted, length) if dilation == 1 else ():
            if stride > 1:
                found.setdefault((taps, stride, dilation), []).append("same")
    for taps, stride, dilation in sorted(found, key=lambda each: (each[2], each[0] * each[1], each)):
        yield from (Way(taps, stride, padding, dilation) for padding in found[taps, stride, dilation])


def _strides(room: int, wanted: int, length: int) -> range:
    """Return the smallest `STRIDES` strides up to `length` with floor(room / stride) + 1 == wanted."""
    if room < 0:
        return range(0)
    first = room // wanted + 1
    last = min(room // (wanted - 1) if wanted > 1 else length, length)
    return range(first, min(last, first + STRIDES - 1) + 1)


def shape(call: Call) -> tuple[int, ...] | None:
    """Return the shape of the output of a call in the layout of the output, or None if the call is undefined."""
    try:
        slim = _slim(call)
        found = dict(zip(call.letters("output"), reference.evaluate(slim).shape, strict=True))
    except reference.Undefined:
        return None
    restored = {"N": call.extent("input", "N"), **({"C": call.extent("kernel", "O")} if _is_slim(call) else {})}
    return tuple(int({**found, **restored}[letter]) for letter in call.letters("output"))


def _is_slim(call: Call) -> bool:
    """Return whether a call keeps its spatial lengths, or stays undefined, with one channel and one filter."""
    if call.op != "conv" or call.groups != 1 or call.kernel is None or call.cotangent is not None:
        return False
    if len(call.letters("kernel")) != call.kernel.ndim or len(call.letters("input")) != call.input.ndim:
        return False
    if call.bias is not None and call.bias.shape != (call.kernel.shape[call.letters("kernel").index("O")],):
        return False
    return call.extent("input", "C") == call.extent("kernel", "I") > 0 and call.extent("kernel", "O") > 0


def _slim(call: Call) -> Call:
    """Return a call of the same spatial lengths with one sample and, if `_is_slim`, one channel and one filter."""
    if call.input.ndim != len(call.letters("input")):
        return call
    if not _is_slim(call):
        return replace(call, input=_first(call, "input", "N"))
    bias = call.bias[:1] if call.bias is not None else None
    return replace(call, input=_first(call, "input", "NC"), kernel=_first(call, "kernel", "IO"), bias=bias)


def _first(call: Call, name: str, letters: str) -> Array:
    """Return an array of a call, cut to length 1 along the axes in `letters`."""
    return call.array(name)[tuple(slice(1 if letter in letters else None) for letter in call.letters(name))]


def summary(sizes: Sequence[int], letters: str) -> str:
    """Return the text of a shape with the letters of its axes, such as `1x3x1 NWC`."""
    return f"{'x'.join(map(str, sizes))} {letters}"
