"""Gradients in TensorFlow by a `tf.GradientTape`, and second-order gradients by a second tape around the first tape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import ARRAYS, COTANGENT, Array, Call
from ..shared import arguments
from . import parameters
from .function import Function


def differentiated(tf: Any, call: Call, compute: Function) -> Function:
    """Return the function from (arrays of the call, cotangent) to (output, gradients of the `pulled` arrays)."""
    present = [name for name in ARRAYS if getattr(call, name) is not None]

    def compute_back(*tensors: Any) -> Sequence[Any]:
        *given, cotangent = tensors
        by_name = dict(zip(present, given, strict=True))
        wanted = [by_name[name] for name in call.pulled]
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            output = compute(*given)
        return (output, *_there(tape.gradient(output, wanted, cotangent)))

    return compute_back


def differentiated_twice(tf: Any, call: Call, compute: Function) -> Function:
    """
    Return the function from (arrays, cotangent, directions) to (output, gradients, second-order gradients).

    The second-order gradients are the gradients of the sum of <gradient, direction> over all arrays with a direction.
    """
    once = differentiated(tf, call, compute)
    present = [name for name in (*ARRAYS, COTANGENT) if getattr(call, name) is not None]

    def compute_twice(*tensors: Any) -> Sequence[Any]:
        given, directions = tensors[: len(present)], tensors[len(present) :]
        by_name = dict(zip(present, given, strict=True))
        wanted = [by_name[name] for name in call.second_order]
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            output, *gradients = once(*given)
        moving = [gradients[call.pulled.index(name)] for name in call.directions]
        return (output, *gradients, *_there(tape.gradient(moving, wanted, list(directions))))

    return compute_twice


def _there(gradients: Sequence[Any]) -> Sequence[Any]:
    if any(each is None for each in gradients):
        raise LookupError("tape.gradient returned None")
    return gradients


def delivered(call: Call, step: parameters.Step, found: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return the output and the gradients in the layouts of the call, by name (`output`, `gradient.input`)."""
    output, *gradients = found.values()
    homes = arguments.homes(call, gradients, {**letters(step), COTANGENT: step.data_format})
    return {"output": call.deliver(output, step.data_format), **homes}


def letters(step: parameters.Step) -> Mapping[str, str]:
    """Return the layouts of a step's arrays, by name."""
    return {"input": step.data_format, **step.kernels, "bias": "O"}
