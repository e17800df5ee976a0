"""The data of a case that a page draws: its arrays, and the input elements that each output element reads."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..calls import Axis, SizedCall
from ..core import ARRAYS, DIRECTIONS, OF_OUTPUT, PADDING_MODES, AnyOf, Array, Call, Expectation, Finding, Output
from ..judging import MAX_KEPT, widened
from ..reference import Undefined, tap_positions
from ..specification import export
from .short_numbers import numeral

#: The largest number of elements of a heat map; arrays of at most `MAX_KEPT` elements are written out instead.
MAPPED = 1024
#: The number of levels of a heat map, from the smallest number to the largest.
LEVELS = 255


def pictures(call: Call, expected: Expectation) -> dict[str, Any]:
    """Return the `arrays` of a call and its expectation, and `reads` and `runs` if input and output are written out."""
    arrays = drawn(call, expected)
    named = [each for each in arrays if each["name"] in ("input", "output")]
    is_whole = len(named) > 1 and all("values" in each for each in named)
    return {"arrays": arrays, **({"reads": reads(call), "runs": runs(call)} if is_whole else {})}


def drawn(call: Call, expected: Expectation) -> list[dict[str, Any]]:
    """
    Return the arrays of a call and the expected arrays, each with its name, axes and shape.

    Expected arrays are the output, gradients (`gradient.kernel`) and second-order gradients (`second.kernel`). Where a
    clause leaves a choice, each expected array lists the `alternatives` that result in this array. An array of at most
    `MAX_KEPT` elements has `values`, in C order and separated by blanks. A larger array of at most `MAPPED` elements
    has `levels`, and `between` holds the numbers that the lowest and the highest level represent.
    """
    given = [name for name in (*ARRAYS, *OF_OUTPUT, *DIRECTIONS.values()) if getattr(call, name) is not None]
    arrays = [_drawn(name, call.array(name), call.letters(name)) for name in given]
    if not isinstance(expected, AnyOf):
        return [*arrays, *(_results(call, expected) if isinstance(expected, Output) else ())]
    found: dict[str, dict[str, Any]] = {}
    for name, each in expected.alternatives.items():
        for result in _results(call, each) if isinstance(each, Output) else ():
            found.setdefault(repr(result), {**result, "alternatives": []})["alternatives"].append(name)
    return [*arrays, *found.values()]


def _results(call: Call, output: Output) -> Iterator[dict[str, Any]]:
    yield _drawn("output", output.array, call.letters("output"))
    for order, found in (("gradient", output.gradients), ("second", output.second_order)):
        yield from (_drawn(f"{order}.{name}", array, call.letters(name)) for name, array in found.items())


def _drawn(name: str, array: Array, letters: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "axes": letters, "shape": list(array.shape)}
    if 0 < array.size <= MAX_KEPT:
        return {**entry, "values": " ".join(map(numeral, written(array)))}
    return {**entry, **_levels(array)} if 0 < array.size <= MAPPED else entry


def written(array: Array) -> list[Any]:
    """Return the elements of an array as JSON values, in C order."""
    flat = np.asarray(array.ravel())
    elements: list[Any] = export.array(flat, "complex128" if flat.dtype.kind == "c" else flat.dtype.name)["values"]
    return elements


def _levels(array: Array) -> dict[str, Any]:
    """
    Return the level of each element as a byte, in base 64: 1 to `LEVELS`, or 0 for an element that is not finite.

    The level of a complex number is the level of its magnitude. The result is empty if no element is finite.
    """
    numbers = np.abs(widened(array)) if array.dtype.kind == "c" else widened(array).astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        return {}
    low, high = float(numbers[finite].min()), float(numbers[finite].max())
    share = (np.where(finite, numbers, low) / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    levels = np.where(finite, 1 + np.rint(share * (LEVELS - 1)), 0).astype(np.uint8)
    mark = {} if finite.all() else {"is_finite": False}
    return {"levels": base64.b64encode(levels.tobytes()).decode(), "between": [numeral(low), numeral(high)], **mark}


def reads(call: Call) -> dict[str, list[list[int]]]:
    """
    Return, by the letter of the spatial axis, which input index each tap reads for each output position.

    The index is -1 where a tap reads padding or a zero inserted by dilation. The result is empty if the padding mode is
    undefined for the call.
    """
    if call.padding_mode not in PADDING_MODES:
        return {}
    axes = SizedCall(call).axes
    try:
        return {letter: _reads(call, axes[at], at) for at, letter in enumerate(call.spatial) if axes}
    except Undefined:
        return {}


def _reads(call: Call, axis: Axis, at: int) -> list[list[int]]:
    size = {"length": axis.length, "taps": axis.taps, "stride": axis.stride, "dilation": call.dilations[at]}
    if call.op == "conv_transpose":
        found = tap_positions.gathered(tap_positions.written(**size, low=axis.low, outputs=axis.out), axis.out)
    else:
        pair, spread = (axis.low, axis.high), call.input_dilations[at]
        found = tap_positions.read(**size, stuffing=spread, pair=pair, mode=call.padding_mode)
    own = found - (call.before[at][0] if call.before is not None else 0)
    is_own = (found < axis.length) & (own >= 0) & (own < call.extents("input")[at])
    elements: list[list[int]] = np.where(is_own, own, -1).T.tolist()
    return elements


def runs(call: Call) -> list[dict[str, dict[str, list[int]]]]:
    """
    Return which half-open index ranges of `input` and `kernel` each output channel reads, by axis letter.

    If an axis has no entry, the output channel reads the whole axis. The result is empty for a separable convolution,
    whose output channels read all input channels.
    """
    if call.op == "separable_conv" or call.groups < 1:
        return []
    return [_run(call, at) for at in range(SizedCall(call).filters)]


def _run(call: Call, at: int) -> dict[str, dict[str, list[int]]]:
    if call.op == "depthwise_conv":
        channel, number = divmod(at, call.extent("kernel", "M"))
        one = [channel, channel + 1]
        return {"input": {"C": one}, "kernel": {"C": one, "M": [number, number + 1]}}
    filters, channels = SizedCall(call).filters // call.groups, call.extent("input", "C") // call.groups
    group, number = divmod(at, max(filters, 1))
    run = [group * channels, (group + 1) * channels]
    if call.op == "conv_transpose":
        return {"input": {"C": run}, "kernel": {"I": run, "O": [number, number + 1]}}
    return {"input": {"C": run}, "kernel": {"O": [at, at + 1]}}


def nearby(finding: Finding | None) -> list[dict[str, Any]]:
    """Return the recorded numbers of a returned array, the index of the first difference, and the wrong elements."""
    if finding is None or finding.first_index is None:
        return []
    entry = {
        "where": finding.where,
        "first": list(finding.first_index),
        "got": [numeral(each) for each in finding.returned or finding.got_near or ()],
        "is_whole": finding.returned is not None,
    }
    entry |= {"against": finding.against} if finding.against is not None else {}
    return [entry if finding.differing_at is None else {**entry, "wrong": list(finding.differing_at)}]
