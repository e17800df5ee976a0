"""
Capture of the convolutions that a program makes with TensorFlow: calls of `tf.nn`, and raw operations outside of them.

TensorFlow moves some dilations into the batch, and computes a 1-D convolution as a 2-D convolution. The raw operations
do not show this, only the arguments of `tf.nn` do. A raw operation that comes from another function is captured in the
form in which TensorFlow runs it or adds it to a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from types import CodeType
from typing import Any

from ...capture import Operand, Sighting, Sightings, Unsayable, bound_arguments, is_called_from
from ...core import SPATIAL

#: Function of `tf.nn` -> operation of the case format; the spatial rank follows from the input.
FUNCTIONS = {
    "conv1d": "conv",
    "conv2d": "conv",
    "conv3d": "conv",
    "convolution": "conv",
    "depthwise_conv2d": "depthwise_conv",
    "separable_conv2d": "separable_conv",
    "conv1d_transpose": "conv_transpose",
    "conv2d_transpose": "conv_transpose",
    "conv3d_transpose": "conv_transpose",
    "conv_transpose": "conv_transpose",
}
KERNELS = {
    "conv": {"kernel": "IO"},
    "depthwise_conv": {"kernel": "CM"},
    "separable_conv": {"depthwise_kernel": "CM", "pointwise_kernel": "IO"},
    "conv_transpose": {"kernel": "OI"},
}
#: Array -> names of its parameter in the functions of `tf.nn`.
NAMES = {
    "input": ("input", "value"),
    "kernel": ("filter", "filters"),
    "depthwise_kernel": ("depthwise_filter",),
    "pointwise_kernel": ("pointwise_filter",),
}
#: Raw operation of TensorFlow -> operation of the case format.
OPERATIONS = {
    "Conv2D": "conv",
    "Conv3D": "conv",
    "DepthwiseConv2dNative": "depthwise_conv",
    "Conv2DBackpropInput": "conv_transpose",
    "Conv3DBackpropInputV2": "conv_transpose",
}
#: The file of TensorFlow whose functions compute gradients.
GRADIENTS = "nn_grad.py"


def attach(sightings: Sightings) -> Callable[[], None]:
    """Report each call of a convolution function of `tf.nn`; return a function that stops the reports."""
    import tensorflow as tf

    originals = {name: getattr(tf.nn, name) for name in FUNCTIONS}
    for name, function in originals.items():
        setattr(tf.nn, name, _seeing(sightings, tf, name, function))

    def release() -> None:
        for name, function in originals.items():
            setattr(tf.nn, name, function)

    return release


def _seeing(sightings: Sightings, tf: Any, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    parameters = signature(function)

    @wraps(function)
    def conv(*args: Any, **kwargs: Any) -> Any:
        with sightings.silently():
            result = function(*args, **kwargs)
        if not sightings.is_silent:
            said = f"tf.nn.{name}"
            sightings.see(
                said, lambda: _sighting(tf, said, FUNCTIONS[name], bound_arguments(parameters, args, kwargs), result)
            )
        return result

    return conv


def watch(sightings: Sightings) -> Callable[[], None]:
    """Report each convolution that this thread runs or adds to a graph; return a function that stops the reports."""
    import tensorflow as tf
    from tensorflow.python.framework import op_callbacks

    def see(op_type: Any, inputs: Sequence[Any], attrs: Any, outputs: Sequence[Any], *_: Any, **__: Any) -> None:
        name = op_type.decode() if isinstance(op_type, bytes) else op_type
        if name not in OPERATIONS or sightings.is_silent or is_called_from(_makes_gradients):
            return
        op, said_by = OPERATIONS[name], f"tf.raw_ops.{name}"
        sightings.see(said_by, lambda: _sighting(tf, said_by, op, _operated(op, inputs, attrs), outputs[0]))

    op_callbacks.add_op_callback(see)
    return lambda: op_callbacks.remove_op_callback(see)


def _makes_gradients(code: CodeType) -> bool:
    return code.co_filename.endswith(GRADIENTS)


def _operated(op: str, inputs: Sequence[Any], attrs: Sequence[Any]) -> dict[str, Any]:
    """Return the arguments of a raw operation under the parameter names of `tf.nn`."""
    attributes = _attributes(attrs)
    return {
        "input": inputs[2] if op == "conv_transpose" else inputs[0],
        "filter": inputs[1],
        **{name: attributes[name] for name in ("strides", "dilations", "data_format")},
        "padding": attributes["explicit_paddings" if attributes["padding"] == "EXPLICIT" else "padding"],
    }


def _attributes(attrs: Sequence[Any]) -> dict[str, Any]:
    """Return attributes by name; in eager mode `attrs` has Python values, and in a graph `AttrValue` messages."""
    found = dict(zip(attrs[::2], attrs[1::2], strict=True))
    return {_text(name): _attribute(value) for name, value in found.items()}


def _attribute(value: Any) -> Any:
    kind = value.WhichOneof("value") if hasattr(value, "WhichOneof") else ""
    if kind == "list":
        return list(value.list.i)
    return _text(value.s) if kind == "s" else _text(value)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _sighting(tf: Any, said_by: str, op: str, said: Mapping[str, Any], result: Any) -> Sighting:
    found: dict[str, Any] = {}
    for key, names in NAMES.items():
        found[key] = next((said[one] for one in names if one in said), None)
    shape = tf.TensorShape(found["input"].shape)
    if shape.rank is None or shape.rank - 2 not in SPATIAL:
        raise Unsayable(f"an input of shape {shape}")
    spatial = SPATIAL[shape.rank - 2]
    layout = f"NC{spatial}" if str(said.get("data_format") or "N").startswith("NC") else f"N{spatial}C"
    arrays = {"input": _operand(found["input"], layout)}
    arrays |= {key: _operand(found[key], spatial + letters) for key, letters in KERNELS[op].items()}
    strides = _spatial(said.get("strides", said.get("stride")), layout)
    dilations = _spatial(said.get("dilations"), layout)
    padding: Any = _padding(said["padding"], layout)
    extra: tuple[int, ...] = ()
    if op == "conv_transpose":
        lengths = [[_operand(each, layout).extent(letter) for each in (found["input"], result)] for letter in spatial]
        taps = [arrays["kernel"].extent(letter) for letter in spatial]
        windows = [(k - 1) * d + 1 for k, d in zip(taps, dilations, strict=True)]
        padding, extra = _cropped(padding, lengths, windows, strides)
    return Sighting(
        op=op,
        arrays=arrays,
        output=layout,
        said_by=said_by,
        framework=f"tensorflow {tf.__version__}",
        strides=strides,
        padding=padding,
        dilations=dilations,
        output_padding=extra,
        groups=arrays["input"].extent("C") // max(arrays["kernel"].extent("I"), 1) if op == "conv" else 1,
        is_compiled=not tf.executing_eagerly(),
    )


def _operand(array: Any, letters: str) -> Operand:
    return Operand(letters, tuple(array.shape), str(getattr(array.dtype, "name", array.dtype)), array=array)


def _spatial(values: Any, layout: str) -> list[int]:
    """Return one entry for each spatial axis; `values` has one for all, for each spatial axis, or for each axis."""
    rank = len(layout) - 2
    if values is None:
        return [1] * rank
    given = [values] if isinstance(values, int) else [int(value) for value in values]
    if len(given) == rank + 2:
        return [value for value, letter in zip(given, layout, strict=True) if letter not in "NC"]
    return given * rank if len(given) == 1 else given


def _padding(padding: Any, layout: str) -> Any:
    """Return a padding string, or (low, high) for each spatial axis; `padding` may be a list of pairs or of numbers."""
    if isinstance(padding, str):
        return padding.lower()
    flat = (
        [int(value) for value in padding] if isinstance(padding[0], int) else [int(v) for pair in padding for v in pair]
    )
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return [pair for pair, letter in zip(pairs, layout, strict=True) if letter not in "NC"]


def _cropped(
    padding: Any, lengths: Sequence[Sequence[int]], windows: Sequence[int], strides: Sequence[int]
) -> tuple[Any, tuple[int, ...]]:
    """
    Return the padding and the output padding of a transposed convolution.

    `lengths` holds (input length, length that `output_shape` requested) for each spatial axis.
    The padding `SAME` is that of the forward convolution, which maps the output to the input.
    """
    if padding == "same" and all(long == short * s for (short, long), s in zip(lengths, strides, strict=True)):
        return "same", ()
    pairs, extra = [], []
    for axis, ((short, long), window, stride) in enumerate(zip(lengths, windows, strides, strict=True)):
        whole = (short - 1) * stride + window
        if padding == "same":
            total = max((short - 1) * stride + window - long, 0)
            low, high = total // 2, total - total // 2
        else:
            low, high = (0, 0) if padding == "valid" else padding[axis]
        pairs.append((low, high))
        extra.append(long - (whole - low - high))
    return pairs, tuple(extra)
