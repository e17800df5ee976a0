"""
Translates a call to Keras: layer or operation, keyword arguments, and Python text.

Does not import Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...core import Call, Limit, is_complex, is_integer
from ..shared import arguments, expressions


class Step(NamedTuple):
    """
    One layer or operation of Keras: its name, the layouts of its kernels, its keyword arguments.

    `layout` is the layout of the input and of the output.
    """

    name: str
    kernels: Mapping[str, str]
    keywords: Mapping[str, Any]
    layout: str


#: Operation -> the prefix of the layer's name, and the names of the layer's initializers.
LAYERS = {
    "conv": ("Conv", ("kernel_initializer",)),
    "depthwise_conv": ("DepthwiseConv", ("depthwise_initializer",)),
    "separable_conv": ("SeparableConv", ("depthwise_initializer", "pointwise_initializer")),
    "conv_transpose": ("Conv", ("kernel_initializer",)),
}


def layer(call: Call) -> Step:
    """Return the layer that expresses a call; its weights are set after it is built."""
    name, initializers = LAYERS[call.op]
    step = operation(call)
    kernel = call.stages[0].kernel
    keywords = {"kernel_size": call.extents(kernel), **step.keywords, "use_bias": call.bias is not None}
    if call.op in ("depthwise_conv", "separable_conv"):
        keywords["depth_multiplier"] = call.extent(kernel, "M")
    if call.op != "depthwise_conv":
        keywords["filters"] = call.extent(call.stages[-1].kernel, "O")
    if call.groups != 1:
        keywords["groups"] = call.groups
    # Initialize with zeros, because the default initializer takes ten times as long and refuses integer dtypes.
    keywords |= {"dtype": call.dtype.input, **dict.fromkeys(initializers, "zeros")}
    suffix = "Transpose" if call.op == "conv_transpose" else ""
    return step._replace(name=f"{name}{call.rank}D{suffix}", keywords=keywords)


def operation(call: Call) -> Step:
    """Return the operation of `keras.ops` that expresses a call without its bias and `before`."""
    layout = arguments.data_format(call)
    keywords = {
        "strides": call.strides,
        "padding": arguments.meaning(call.stages[0], _padding_words(call)) or call.padding,
        "data_format": "channels_first" if layout[1] == "C" else "channels_last",
        "dilation_rate": call.dilations,
    }
    is_in_pairs = not isinstance(call.padding, str) and keywords["padding"] == "valid"
    if call.op == "conv_transpose" and (is_in_pairs or arguments.has_output_padding(call)):
        keywords["output_padding"] = call.output_padding
    return Step(call.op, _kernels(call), keywords, layout)


def _padding_words(call: Call) -> tuple[str, ...]:
    return ("valid", "same", "causal") if call.op == "conv" and call.rank == 1 else ("valid", "same")


def _kernels(call: Call) -> dict[str, str]:
    if call.op == "separable_conv":
        return {"depthwise_kernel": call.spatial + "CM", "pointwise_kernel": call.spatial + "IO"}
    axes = {"conv": "IO", "depthwise_conv": "CM", "conv_transpose": "OI"}
    return {"kernel": call.spatial + axes[call.op]}


def written(call: Call, step: Step, *, is_layer: bool) -> str:
    """Return a call as Python text."""
    signal = expressions.array(call, "input", step.layout)
    if call.before is not None:
        signal = arguments.before_text(call, step.layout, "keras.ops.pad", signal)
    kernels = [expressions.array(call, name, letters) for name, letters in step.kernels.items()]
    said = _layer_text(call, step, signal, kernels) if is_layer else _operation_text(call, step, signal, kernels)
    if call.layout.output != step.layout:
        order = tuple(step.layout.index(letter) for letter in call.letters("output"))
        said = f"keras.ops.transpose({said}, {order!r})"
    if not call.variation.shape_inference:
        return said
    return f"({_inference_text(call, step, signal, kernels, is_layer=is_layer)}, {said})"


def _layer_text(call: Call, step: Step, signal: str, kernels: list[str]) -> str:
    layer = expressions.function(f"keras.layers.{step.name}", **step.keywords)
    weights = ", ".join([*kernels, *(["bias"] if call.bias is not None else [])])
    return f"(x := {signal}, f := {layer}, f.build(x.shape), f.set_weights([{weights}]), f(x))[-1]"


def _operation_text(call: Call, step: Step, signal: str, kernels: list[str]) -> str:
    # Convert the arrays, because Keras on TensorFlow calls a method of a tensor's shape that NumPy's shapes lack.
    arrays = (f"keras.ops.convert_to_tensor({array})" for array in (signal, *kernels))
    said = expressions.function(f"keras.ops.{step.name}", *arrays, **step.keywords)
    return said if call.bias is None else f"keras.ops.add({said}, bias.reshape{bias_shape(call, step.layout)!r})"


def _inference_text(call: Call, step: Step, signal: str, kernels: list[str], *, is_layer: bool) -> str:
    symbols = [f"keras.KerasTensor({array}.shape, {call.dtype.input!r})" for array in (signal, *kernels)]
    if is_layer:
        return f"{expressions.function(f'keras.layers.{step.name}', **step.keywords)}.compute_output_spec({symbols[0]})"
    said = expressions.function(f"keras.ops.{step.name}", *symbols, **step.keywords)
    return said if call.bias is None else f"keras.ops.add({said}, bias.reshape{bias_shape(call, step.layout)!r})"


def bias_shape(call: Call, layout: str) -> tuple[int, ...]:
    """Return the shape in which the bias broadcasts to the output: its size on the axis C, 1 on all other axes."""
    return tuple(call.extent("bias", "O") if letter == "C" else 1 for letter in layout)


def _is_padding_unsaid(call: Call) -> bool:
    known = _padding_words(call)
    is_same = arguments.meaning(call.stages[0], known) == "same"
    return arguments.is_unsaid(call.stages[0], known) or (
        call.op == "conv_transpose" and is_same and not isinstance(call.padding, str) and any(call.output_padding)
    )


def _is_output_dtype_unsaid(call: Call) -> bool:
    """Return whether the output dtype is not the input's, or a kernel would promote the output to another dtype."""
    kernels = [getattr(call.dtype, stage.kernel) or call.dtype.input for stage in call.stages]
    return call.dtype.output != call.dtype.input or any(_kind(name) > _kind(call.dtype.input) for name in kernels)


def _kind(dtype: str) -> int:
    """Return 0 for integers, 1 for floats, 2 for complex numbers; Keras promotes to the highest kind."""
    return 0 if is_integer(dtype) else 2 if is_complex(dtype) else 1


def _has_other_rank(call: Call) -> bool:
    return any(call.array(stage.kernel).ndim != call.rank + 2 for stage in call.stages)


LIMITS = (
    Limit("padding_mode: Keras pads with zeros", lambda call: call.padding_mode != "zeros"),
    Limit("input_dilations: Keras has none", lambda call: call.input_dilations != arguments.ones(call)),
    Limit(
        "output_padding: transposed convolutions alone have it",
        lambda call: call.op != "conv_transpose" and arguments.has_output_padding(call),
    ),
    Limit(
        "rank: Keras has depthwise and separable convolutions in rank 1 and 2 only",
        lambda call: call.op in ("depthwise_conv", "separable_conv") and call.rank == 3,
    ),
    Limit("padding: it is a word", _is_padding_unsaid),
    Limit("groups: transposed convolutions have none", lambda call: call.op == "conv_transpose" and call.groups != 1),
    Limit("dtype.output: Keras has no parameter for it", _is_output_dtype_unsaid),
    arguments.COPIES,
    arguments.EAGER,
)
LAYER_LIMITS = (
    Limit("kernel: a layer makes its own, of the rank that it has by name", _has_other_rank),
    *LIMITS,
    Limit(
        "dtype: a layer has one for all of its weights",
        lambda call: any(one not in (None, call.dtype.input) for one in vars(call.dtype).values()),
    ),
)
OPERATION_LIMITS = (
    *LIMITS,
    Limit("padding: keras.ops.conv has no causal", lambda call: operation(call).keywords["padding"] == "causal"),
    Limit("groups: keras.ops.conv infers them from the shapes", arguments.infers_other_groups),
    Limit("groups: a depthwise convolution has one for each channel in keras.ops", arguments.is_grouped_by_channels),
    Limit("bias: keras.ops has none, and adding this one would broadcast it", arguments.is_bias_broadcast),
)
