"""A call as a function of TensorFlow tensors: run eagerly, or as one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...core import Array, Call, ask
from ..shared import arguments
from . import parameters

#: A function that returns the output for the input, the kernels and the bias, in this order.
Function: TypeAlias = Callable[..., Any]


def function(tf: Any, call: Call, step: parameters.Step) -> Function:
    """Return the whole call as one function, with `before` and the bias."""
    is_inside = call.variation.inside_graph
    operation = getattr(tf.nn, step.name)

    def compute(signal: Any, *others: Any) -> Any:
        signal = tf.transpose(tf.transpose(signal)) if is_inside else signal
        if call.before is not None:
            added, cut = arguments.before(call, step.data_format)
            signal = tf.pad(signal, added)[cut]
        signal = operation(signal, *others[: len(step.kernels)], **_keywords(tf, call, step, signal))
        if call.bias is not None:
            signal = tf.nn.bias_add(signal, others[-1], data_format=step.data_format)
        return tf.transpose(tf.transpose(signal)) if is_inside else signal

    return compute


def _keywords(tf: Any, call: Call, step: parameters.Step, signal: Any) -> dict[str, Any]:
    keywords = dict(step.keywords)
    if call.op == "conv_transpose" and call.variation.dynamic_shape:
        keywords["output_shape"] = _open_shape(tf, call, step, signal)
    return keywords


def _open_shape(tf: Any, call: Call, step: parameters.Step, signal: Any) -> Any:
    # If the input is n elements longer, the output is n * stride elements longer.
    sizes, strides = (
        dict(zip(call.spatial, call.lengths, strict=True)),
        dict(zip(call.spatial, call.strides, strict=True)),
    )
    now = tf.shape(signal)
    return [
        length + (now[axis] - sizes[letter]) * strides[letter] if letter in sizes else length
        for axis, (letter, length) in enumerate(zip(step.data_format, step.keywords["output_shape"], strict=True))
    ]


def called(tf: Any, call: Call, compute: Function, arrays: Sequence[Array]) -> dict[str, Array]:
    """Return the results of `compute` as arrays, by name (`output`, `gradient.input`, …)."""
    return _fetched(call, ask(compute, *(ask(tf.constant, array) for array in arrays)))


def _fetched(call: Call, returned: Any) -> dict[str, Array]:
    """Convert returned tensors to arrays, by name: the output, then the gradients."""
    places = (
        "output",
        *(f"gradient.{name}" for name in call.pulled),
        *(f"second.{name}" for name in call.second_order),
    )
    each = returned if call.gradients else (returned,)
    return {where: ask(tensor.numpy) for where, tensor in zip(places, each, strict=True)}


def graphed(tf: Any, call: Call, step: parameters.Step, compute: Function, arrays: Sequence[Array]) -> dict[str, Array]:
    """
    Return the results of `compute` inside one `tf.function` as arrays, by name.

    If the call has `shape_inference`, `inference` holds zeros of the inferred shape and dtype.

    Raises:
        RuntimeError: if TensorFlow built no graph, or more than one.

    """
    traced = list[bool]()
    varied = call.variation
    given, captured = (arrays[:1], arrays[1:]) if varied.kernel_constant else (arrays, ())

    def noted(*tensors: Any) -> Any:
        traced.append(not tf.executing_eagerly())
        return compute(*tensors, *map(tf.constant, captured))

    tensors = [ask(tf.constant, array) for array in given]
    made = ask(tf.function, noted, autograph=False, input_signature=_signature(tf, call, step, tensors))
    if varied.dynamic_shape:
        ask(made, ask(_larger, tf, call, step, tensors[0]), *tensors[1:])
    stated = ask(made.get_concrete_function) if varied.shape_inference else None
    found = _fetched(call, ask(made, *tensors))
    if traced != [True]:
        raise RuntimeError("tf.function did not build one graph; is run_functions_eagerly set?")
    return found if stated is None else {**found, "inference": inferred(stated, found["output"])}


def inferred(graph: Any, output: Array) -> Array:
    """Return zeros of the shape and dtype that a graph states; sizes that it leaves open are those of `output`."""
    stated = enumerate(ask(graph.output_shapes.as_list))
    extents = [output.shape[axis] if size is None else size for axis, size in stated]
    return np.zeros(extents, graph.output_dtypes.as_numpy_dtype)


def _signature(tf: Any, call: Call, step: parameters.Step, tensors: Sequence[Any]) -> list[Any]:
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors]
    if call.variation.dynamic_shape:
        sizes = zip(step.data_format, tensors[0].shape, strict=True)
        shape = [None if letter in call.spatial else size for letter, size in sizes]
        specs[0] = tf.TensorSpec(shape, tensors[0].dtype)
    return specs


def _larger(tf: Any, call: Call, step: parameters.Step, signal: Any) -> Any:
    return tf.pad(signal, [[0, int(letter in call.spatial)] for letter in step.data_format])
