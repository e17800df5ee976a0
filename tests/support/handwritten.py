"""
Calls whose results are known by hand, for any adapter.

Every number is a small integer, exact in every dtype; the results follow from the definitions in the case format.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from conv_conformance.core.call import Call
from conv_conformance.core.vocabulary import ARRAYS

from .builders import call_of


def line(*values: float) -> list[Any]:
    """Return an NWC array of one row and one channel."""
    return [[[value] for value in values]]


def taps(*values: float) -> list[Any]:
    """Return a WIO array of one input and one output channel."""
    return [[[value]] for value in values]


PLAIN = line(0, 3, 4, 5), taps(1, 2)
CHANNELS = [[[0, 0], [3, 6], [4, 7], [5, 8]]], [[[1], [3]], [[2], [4]]]
PLANE = np.array([[[[1], [2], [3]], [[4], [5], [6]]]]), np.array([[[[10]]], [[[1]]]])

#: Each call with its result, in the call's own layout.
CALLS: dict[str, tuple[Call, Any]] = {
    "window": (call_of("conv", *PLAIN), line(6, 11, 14)),
    "channels": (call_of("conv", *CHANNELS), line(30, 57, 67)),
    "filters": (call_of("conv", PLAIN[0], [[[1, 3]], [[2, 4]]]), [[[6, 12], [11, 25], [14, 32]]]),
    "strides": (call_of("conv", line(1, 2, 3, 4, 5), taps(1, 2), strides=2), line(5, 11)),
    "dilations": (call_of("conv", line(1, 2, 3, 4), taps(1, 2), dilations=2), line(7, 10)),
    "strides-and-dilations": (call_of("conv", line(1, 2, 3, 4, 5), taps(1, 2), strides=2, dilations=2), line(7, 13)),
    "input-dilations": (call_of("conv", line(1, 2), taps(1, 2), input_dilations=2), line(1, 4)),
    "same": (call_of("conv", line(1, 2, 3, 4), taps(1, 2, 3), strides=2, padding="same"), line(14, 11)),
    "same-lower": (call_of("conv", line(1, 2, 3, 4), taps(1, 2, 3), strides=2, padding="same_lower"), line(8, 20)),
    "causal": (call_of("conv", line(*range(1, 8)), taps(1, 2, 3), strides=2, padding="causal"), line(3, 14, 26, 38)),
    "full": (call_of("conv", line(1, 2), taps(1, 2), padding="full"), line(2, 5, 2)),
    "pairs": (call_of("conv", line(1, 2, 3), taps(1, 2), padding=((1, 0),)), line(2, 5, 8)),
    "negative": (call_of("conv", *PLAIN, padding=((-1, 1),)), line(11, 14, 5)),
    "bias": (call_of("conv", PLAIN[0], [[[1, 3]], [[2, 4]]], bias=[100, 200]), [[[106, 212], [111, 225], [114, 232]]]),
    "before": (call_of("conv", *PLAIN, before=((-1, 1),)), line(11, 14, 5)),
    "before-crops-all": (call_of("conv", line(3), taps(2), before=((-2, 3),)), line(0, 0)),
    "no-batch": (call_of("conv", np.zeros((0, 4, 1)), taps(1, 2)), np.zeros((0, 3, 1))),
    "groups": (
        call_of("conv", [[[1, 2, 3, 4]]], [[[1, 2, 3, 4], [10, 20, 30, 40]]], groups=2),
        [[[21, 42, 129, 172]]],
    ),
    "depthwise-1d": (call_of("depthwise_conv", [[[1, 10]]], [[[1, 2], [3, 4]]]), [[[1, 2, 30, 40]]]),
    "depthwise-2d": (call_of("depthwise_conv", [[[[1, 10]]]], [[[[1, 2], [3, 4]]]]), [[[[1, 2, 30, 40]]]]),
    "no-length": (call_of("conv", np.zeros((1, 0, 1)), taps(1, 2), padding="same"), np.zeros((1, 0, 1))),
    "depthwise-3d": (call_of("depthwise_conv", [[[[[1, 10]]]]], [[[[[1, 2], [3, 4]]]]]), [[[[[1, 2, 30, 40]]]]]),
    "separable-1d": (
        call_of(
            "separable_conv",
            [[[1, 10]]],
            depthwise_kernel=[[[1, 2], [3, 4]]],
            pointwise_kernel=[[[1], [2], [3], [4]]],
        ),
        [[[255]]],
    ),
    "separable-2d": (
        call_of(
            "separable_conv",
            [[[[1, 10]]]],
            depthwise_kernel=[[[[1, 2], [3, 4]]]],
            pointwise_kernel=[[[[1], [2], [3], [4]]]],
        ),
        [[[[255]]]],
    ),
    "transposed": (call_of("conv_transpose", line(1, 2, 3), taps(1, 2, 3), strides=2), line(1, 2, 5, 4, 9, 6, 9)),
    "transposed-channels": (
        call_of("conv_transpose", [[[1, 10], [2, 20]]], [[[1, 2, 3], [4, 5, 6]]]),
        [[[41, 52, 63], [82, 104, 126]]],
    ),
    "transposed-same": (
        call_of("conv_transpose", line(1, 2, 3, 4), taps(1, 2, 3), strides=2, padding="same"),
        line(1, 2, 5, 4, 9, 6, 13, 8),
    ),
    "transposed-pairs": (
        call_of("conv_transpose", line(1, 2, 3), taps(1, 2, 3), strides=2, padding=((1, 1),), output_padding=1),
        line(2, 5, 4, 9, 6, 9),
    ),
    "transposed-groups": (
        call_of("conv_transpose", [[[1, 10]]], [[[1, 2], [3, 4]]], groups=2),
        [[[1, 2, 30, 40]]],
    ),
    "channels-first": (
        call_of(
            "conv",
            [[[0, 3, 4, 5], [0, 6, 7, 8]]],
            [[[1, 2], [3, 4]]],
            layout={"input": "NCW", "kernel": "OIW", "output": "NCW"},
        ),
        [[[30, 57, 67]]],
    ),
    "permuted": (
        call_of(
            "conv",
            np.transpose(CHANNELS[0], (2, 1, 0)),
            np.transpose(CHANNELS[1], (1, 2, 0)),
            layout={"input": "CWN", "kernel": "IOW", "output": "WNC"},
        ),
        [[[30]], [[57]], [[67]]],
    ),
    "plane": (call_of("conv", *PLANE, strides=(1, 2)), [[[[14], [36]]]]),
    "plane-swapped": (
        call_of(
            "conv",
            PLANE[0].transpose(0, 2, 1, 3),
            PLANE[1].transpose(1, 0, 2, 3),
            layout={"input": "NWHC", "kernel": "WHIO", "output": "NHWC"},
            strides=(1, 2),
        ),
        [[[[14], [36]]]],
    ),
    "space": (call_of("conv", np.reshape([1, 2], (1, 2, 1, 1, 1)), np.reshape([3, 4], (2, 1, 1, 1, 1))), [[[[[11]]]]]),
    "reflect": (call_of("conv", line(1, 2, 3), taps(1, 2), padding=((1, 0),), padding_mode="reflect"), line(4, 5, 8)),
    "float64": (call_of("conv", [[[1.0], [2.0**-40]]], taps(1, 1), dtype="float64"), line(1 + 2.0**-40)),
    "bfloat16": (call_of("conv", *PLAIN, dtype="bfloat16"), line(6, 11, 14)),
    "int32": (call_of("conv", *PLAIN, dtype="int32"), line(6, 11, 14)),
    "int8-wraps": (call_of("conv", line(100, 100), taps(1, 1), dtype="int8"), line(-56)),
    "int8-widened": (
        call_of("conv", line(100, 100), taps(1, 1), dtype={"input": "int8", "output": "int32"}),
        line(200),
    ),
    "complex64": (call_of("conv", line(1j, 2), taps(1j, 1), dtype="complex64"), line(1)),
    "broadcast": (call_of("conv", line(1, 1), taps(1, 2), storage={"input": "broadcast:W"}), line(3)),
}


def arrays(asked: Call) -> dict[str, Any]:
    """Return the arrays of a call by name, as a text of it expects them."""
    return {name: getattr(asked, name) for name in ARRAYS}
