"""
The names of the case format that all packages use: operations, arrays, axes, padding, storages.

This module needs only the standard library, because workers in other environments use it too.
"""

from __future__ import annotations

from typing import Any, TypeAlias

#: A call as plain data, with the keys of the case format; `arrays` maps names to specifications of arrays.
Plain: TypeAlias = dict[str, Any]

#: The letters of the spatial axes, by rank. Strides, padding and dilations list the axes in this order.
SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
#: The arrays that a call may have, in the order of the case format.
ARRAYS = ("input", "kernel", "depthwise_kernel", "pointwise_kernel", "bias")
#: The arrays that are kernels.
KERNELS = ARRAYS[1:4]
#: The name of the array that holds the gradient of a scalar by the output. Each call with gradients has this array,
#: with the axes and dtype of the output.
COTANGENT = "cotangent"
#: The name of the array to which a training run fits the output. It has the axes and dtype of the output.
TARGET = "target"
#: The arrays that have the axes of the output.
OF_OUTPUT = (COTANGENT, TARGET)
#: The name of each array's direction; H is computed with the directions (see `Call`). A direction has the axes and
#: dtype of its array.
DIRECTIONS = {"input": "input_direction", "kernel": "kernel_direction", "bias": "bias_direction"}
#: Every array that a call can have, in the order in which it is sent to a worker.
OPERANDS = (*ARRAYS, COTANGENT, *DIRECTIONS.values(), TARGET)
#: The arrays of each operation except the bias, with the letters of their axes. S is replaced by the spatial axes.
OPS = {
    "conv": {"input": "NSC", "kernel": "SIO"},
    "depthwise_conv": {"input": "NSC", "kernel": "SCM"},
    "separable_conv": {"input": "NSC", "depthwise_kernel": "SCM", "pointwise_kernel": "SIO"},
    "conv_transpose": {"input": "NSC", "kernel": "SIO"},
    "fit": {"input": "NSC", "kernel": "SIO", TARGET: "NSC"},
}
#: The named paddings of a forward convolution; `causal` requires a single spatial axis.
PADDINGS = ("valid", "same", "same_lower", "causal", "full")
#: The named paddings of a transposed convolution.
TRANSPOSED_PADDINGS = PADDINGS[:3]
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
#: The storages of an array; `broadcast` is written `broadcast: N`, with the letter of its axis.
STORAGES = ("contiguous", "channels_last", "transposed", "offset", "strided", "broadcast", "reversed", "readonly")
VARIATIONS = ("kernel_constant", "dynamic_shape", "inside_graph", "shape_inference", "threads")
#: The switches of the reference; each switch selects another alternative of an implementation-defined clause.
SWITCHES = (
    "trailing-zeros",
    "dilated-nothing",
    "padding-skipped",
    "zeros-multiplied",
    "zero-start",
    "flush-subnormals",
    "operands-8-bits",
    "operands-11-bits",
    "operands-16-bits",
    "operands-float16",
)
#: The modulus of the generator of pseudo-random integers.
MODULUS = 2**31 - 1
