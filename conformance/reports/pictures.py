"""The arrays of a case as the page draws them, and which elements of its input each element of its output reads."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..calls import Axis, SizedCall
from ..core import ARRAYS, DIRECTIONS, OF_OUTPUT, AnyOf, Array, Call, Expectation, Finding, Output
from ..judging import MAX_KEPT, widened
from ..reference import MODES, Undefined, tap_positions
from ..specification import export
from .short_numbers import numeral

#: An array with more elements than are written out is a heat map, up to so many.
MAPPED = 1024
#: The levels of a heat map, from the smallest number to the largest; what is not finite has none.
LEVELS = 255


def pictures(call: Call, expected: Expectation) -> dict[str, Any]:
    """Return `arrays`, those of a call and what is expected; `reads` and `runs` where input and output are written out."""
    arrays = drawn(call, expected)
    named = [each for each in arrays if each["name"] in ("input", "output")]
    is_whole = len(named) > 1 and all("values" in each for each in named)
    return {"arrays": arrays, **({"reads": reads(call), "runs": runs(call)} if is_whole else {})}


def drawn(call: Call, expected: Expectation) -> list[dict[str, Any]]:
    """
    Return the arrays of a call and what is expected of it, each with its name, axes and shape.

    That is the output, gradients and gradients of gradients by where they are. Where a clause leaves a choice, each
    array has the names of the `alternatives` that expect it.
    Those as small as an output that a record keeps whole have `values`, the last axis the fastest, with blanks between;
    larger ones `levels`, with the numbers that the lowest and the highest stand for.
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
    said: dict[str, Any] = {"name": name, "axes": letters, "shape": list(array.shape)}
    if 0 < array.size <= MAX_KEPT:
        return {**said, "values": " ".join(map(numeral, written(array)))}
    return {**said, **_levels(array)} if 0 < array.size <= MAPPED else said


def written(array: Array) -> list[Any]:
    """Return the elements of an array in memory order, as JSON can hold them."""
    flat = np.asarray(array.ravel())
    elements: list[Any] = export.array(flat, "complex128" if flat.dtype.kind == "c" else flat.dtype.name)["values"]
    return elements


def _levels(array: Array) -> dict[str, Any]:
    """Return a byte for each element, 0 where it is not finite, in base 64; of complex numbers by their magnitude."""
    numbers = np.abs(widened(array)) if array.dtype.kind == "c" else widened(array).astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        return {}
    low, high = float(numbers[finite].min()), float(numbers[finite].max())
    share = (np.where(finite, numbers, low) / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    levels = np.where(finite, 1 + np.rint(share * (LEVELS - 1)), 0).astype(np.uint8)
    told = {} if finite.all() else {"is_finite": False}
    return {"levels": base64.b64encode(levels.tobytes()).decode(), "between": [numeral(low), numeral(high)], **told}


def reads(call: Call) -> dict[str, list[list[int]]]:
    """
    Return by the letter of each spatial axis what each place of the output reads: an element of the input for each tap.

    It is -1 where a tap reads a zero of the padding, or between elements. Nothing where a padding mode has no meaning.
    """
    if call.padding_mode not in MODES:
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
    Return by output channel, of `input` and `kernel`, which places along an axis it reads: (first, behind the last).

    An axis that is not named is read whole. Nothing is said of a separable convolution, which reads all channels.
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
    """Return what a finding holds of an array that was returned: its numbers, from where on, and which of them are wrong."""
    if finding is None or finding.first_index is None:
        return []
    said = {
        "where": finding.where,
        "first": list(finding.first_index),
        "got": [numeral(each) for each in finding.returned or finding.got_near or ()],
        "is_whole": finding.returned is not None,
    }
    said |= {"against": finding.against} if finding.against is not None else {}
    return [said if finding.differing_at is None else {**said, "wrong": list(finding.differing_at)}]
