"""
The words of the case format that every room uses: operations, arrays, axes, padding, storages.

Needs the standard library alone, for workers in other environments import it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

#: A call as plain data, by the keys of the format; `arrays` maps names to specs.
Plain: TypeAlias = dict[str, Any]

#: The names of the spatial axes by rank, always in this order in strides, padding and dilations.
SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
#: The arrays that a call may have, in the order of the case format.
ARRAYS = ("input", "kernel", "depthwise_kernel", "pointwise_kernel", "bias")
#: The gradient of a scalar with respect to the output, where gradients are requested; axes and dtype of the output.
COTANGENT = "cotangent"
#: The expected output of a training: an array with the axes and dtype of the output.
TARGET = "target"
#: The arrays that have the axes of the output.
OF_OUTPUT = (COTANGENT, TARGET)
#: The direction of an array along which gradients are differentiated again; it has the axes and dtype of the array.
DIRECTIONS = {"input": "input_direction", "kernel": "kernel_direction", "bias": "bias_direction"}
#: Every array that a call can be sent with.
OPERANDS = (*ARRAYS, COTANGENT, *DIRECTIONS.values(), TARGET)
#: The arrays of each operation, without the bias, with the letters of their axes; S is replaced by the spatial axes.
OPS = {
    "conv": {"input": "NSC", "kernel": "SIO"},
    "depthwise_conv": {"input": "NSC", "kernel": "SCM"},
    "separable_conv": {"input": "NSC", "depthwise_kernel": "SCM", "pointwise_kernel": "SIO"},
    "conv_transpose": {"input": "NSC", "kernel": "SIO"},
    "fit": {"input": "NSC", "kernel": "SIO", TARGET: "NSC"},
}
#: The padding words of a forward convolution; `causal` applies along one axis only.
PADDINGS = ("valid", "same", "same_lower", "causal", "full")
#: The padding words of a transposed convolution.
TRANSPOSED_PADDINGS = PADDINGS[:3]
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
#: How an array lies in memory; `broadcast` is written `broadcast: N`, with the letter of its axis.
STORAGES = ("contiguous", "channels_last", "transposed", "offset", "strided", "broadcast", "reversed", "readonly")
VARIATIONS = ("kernel_constant", "dynamic_shape", "inside_graph", "shape_inference", "threads")
#: The modulus of the generator of pseudo-random integers.
MODULUS = 2**31 - 1
