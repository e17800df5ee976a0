"""Conditions on sizes for which frameworks select optimised kernels; most of them hold only for large calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from ..core import Array, Call
from .condition import Condition, axes, channels, sized
from .evaluator import translate
from .objections import produced
from .regions import Region, beyond_blocks, starting_at


def _terms(call: Call) -> int:
    """Return the number of products that are summed for one output element of the last grouped convolution."""
    params = translate(call)[-1]
    summed = channels(call) * (_multiplier(call) if call.op == "separable_conv" else 1)
    return summed // max(params.groups, 1) * prod(call.extents(params.kernel))


def _taps(call: Call) -> int:
    return prod(axis.taps for axis in axes(call))


def _five_taps(call: Call) -> int:
    return sum(axis.taps > 4 for axis in axes(call))


def _weights(call: Call) -> int:
    return call.array(translate(call)[0].kernel).size


def _samples(call: Call) -> int:
    return call.extent("input", "N")


def _channels_of_a_group(call: Call) -> int:
    return channels(call) // max(translate(call)[0].groups, 1)


def _multiplier(call: Call) -> int:
    kernel = translate(call)[0].kernel
    return call.extent(kernel, "M") if "M" in call.letters(kernel) else 1


def _length(call: Call) -> int:
    return max(axis.length for axis in axes(call))


def _row(call: Call) -> int:
    """Return the length of the last axis of the output."""
    return axes(call)[-1].out


def _groups(call: Call) -> int:
    return translate(call)[0].groups


def _from(count: Callable[[Call], int], least: int, sentence: str, region: Region | None = None) -> Condition:
    """Return a condition that holds if a call is defined and count(call) >= least."""
    return Condition(sentence=sentence, when=sized(lambda call: count(call) >= least), region=region)


def _multiple(count: Callable[[Call], int], block: int, sentence: str) -> Condition:
    return Condition(sentence=sentence, when=sized(lambda call: count(call) > 0 and count(call) % block == 0))


def _has_equal_lengths(call: Call) -> bool:
    return call.rank > 1 == len(set(call.extents("input")))


def _fourth(y: Array) -> Array:
    return np.broadcast_to((np.arange(y.shape[0]) == 3).reshape(-1, *(1,) * (y.ndim - 1)), y.shape)


#: Maps names to the conditions of this module.
PRODUCTION: Mapping[str, Condition] = {
    # Channels and filters
    "thirty-two-channels": _from(channels, 32, "There are 32 input channels or more."),
    "sixty-four-channels": _from(channels, 64, "There are 64 input channels or more."),
    "sixteen-channels-a-group": _from(_channels_of_a_group, 16, "A group has 16 input channels or more."),
    "channels-of-16": _multiple(channels, 16, "The number of input channels is a multiple of 16."),
    "thirty-two-filters": _from(produced, 32, "There are 32 output channels or more."),
    "forty-eight-filters": _from(produced, 48, "There are 48 output channels or more."),
    "filters-of-16": _multiple(produced, 16, "The number of output channels is a multiple of 16."),
    "three-a-channel": _from(_multiplier, 3, "The channel multiplier is 3 or more."),
    "sixteen-groups": _from(_groups, 16, "There are 16 groups or more; each channel of a depthwise call is a group."),
    # Kernels and sums
    **{
        f"sums-of-{count}": _from(_terms, count, f"An output element is a sum of {count} products or more.")
        for count in (100, 300, 500, 1000)
    },
    **{
        f"kernel-of-{count}": _from(
            _weights, count, f"The kernel (in a separable call, the depthwise kernel) has {count} elements or more."
        )
        for count in (1000, 5000)
    },
    "twenty-taps": _from(_taps, 20, "The kernel has 20 taps or more."),
    "five-by-five": _from(_five_taps, 2, "The kernel has five taps or more in at least two axes."),
    "kernel-of-three": Condition(
        sentence="The kernel has three taps in every axis.",
        when=sized(lambda call: all(axis.taps == 3 for axis in axes(call))),
    ),
    # Batch and space
    "four-samples": _from(_samples, 4, "The batch has four samples or more."),
    "longer-than-32": _from(_length, 33, "The input is longer than 32 in some axis."),
    "rows-of-33": _from(_row, 33, "The output is longer than 32 in its last axis."),
    "equal-lengths": Condition(
        sentence="The input has two or more spatial axes, which all have the same length.",
        when=sized(_has_equal_lengths),
    ),
    # Regions of large outputs
    "fourth-sample": _from(_samples, 4, "Only the fourth sample is affected.", _fourth),
    **{
        f"places-from-{place}": _from(
            _row, place + 1, f"Only indices {place} and above of the last axis are affected.", starting_at(-1, place)
        )
        for place in (16, 32)
    },
    **{
        f"places-beyond-blocks-of-{block}": _from(
            _row,
            block + 1,
            f"The last axis is longer than {block}; only indices after its last full block of {block} are affected.",
            beyond_blocks(-1, block),
        )
        for block in (16, 32)
    },
}
