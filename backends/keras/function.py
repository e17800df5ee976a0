"""Computes a call by a layer or an operation of Keras, on tensors or on `KerasTensor` symbols."""

from __future__ import annotations

from collections.abc import Sequence
from operator import getitem
from typing import Any

import numpy as np

from ...core import Array, Call, ask, numpy_type
from ..shared import arguments
from . import parameters


def before(keras: Any, call: Call, step: parameters.Step, signal: Array) -> Any:
    """Return the input as a tensor, padded and cropped by `call.before`."""
    tensor = ask(keras.ops.convert_to_tensor, signal)
    if call.before is None:
        return tensor
    added, cut = arguments.before(call, step.layout)
    return ask(getitem, ask(keras.ops.pad, tensor, added), cut)


def layer(
    keras: Any, call: Call, step: parameters.Step, signal: Any, weights: Sequence[Array]
) -> tuple[Any, Array | None]:
    """
    Return the output of a layer with these weights, and zeros of the inferred shape and dtype.

    If the call has no `shape_inference`, None is returned instead of the zeros.
    """
    made = ask(getattr(keras.layers, step.name), **step.keywords)
    ask(made.build, signal.shape)
    ask(made.set_weights, weights)
    inferred = None
    if call.variation.shape_inference:
        shape = ask(made.compute_output_shape, tuple(signal.shape))
        inferred = _zeros(shape, ask(made.compute_output_spec, _symbol(keras, signal)))
    return ask(made, signal), inferred


def operation(
    keras: Any, call: Call, step: parameters.Step, signal: Any, weights: Sequence[Array]
) -> tuple[Any, Array | None]:
    """
    Return the output of an operation, and zeros of the inferred shape and dtype.

    If the call has no `shape_inference`, None is returned instead of the zeros.
    """
    tensors = [signal, *(ask(keras.ops.convert_to_tensor, weight) for weight in weights)]
    inferred = None
    if call.variation.shape_inference:
        stated = _operated(keras, call, step, [_symbol(keras, tensor) for tensor in tensors])
        inferred = _zeros(stated.shape, stated)
    return _operated(keras, call, step, tensors), inferred


def _operated(keras: Any, call: Call, step: parameters.Step, tensors: Sequence[Any]) -> Any:
    ops = keras.ops
    output = ask(getattr(ops, step.name), *tensors[: 1 + len(step.kernels)], **step.keywords)
    if call.bias is None:
        return output
    return ask(ops.add, output, ask(ops.reshape, tensors[-1], parameters.bias_shape(call, step.layout)))


def _symbol(keras: Any, tensor: Any) -> Any:
    return ask(keras.KerasTensor, tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))


def _zeros(shape: Sequence[int], stated: Any) -> Array:
    # With `ask`, NumPy's error for a negative extent counts as an error of Keras, which inferred this extent.
    zeros: Array = ask(np.zeros, tuple(shape), numpy_type(stated.dtype))
    return zeros
