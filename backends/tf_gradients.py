"""
Gradients in TensorFlow: the function of a call, under a `tf.GradientTape`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..call import ARRAYS, Array, Call
from . import tf_nn
from .tf_function import Function


def differentiated(tf: Any, call: Call, compute: Function) -> Function:
    """
    Return the function from the arrays of a call and the cotangent to the output and the gradients asked for.
    """
    present = [name for name in ARRAYS if getattr(call, name) is not None]

    def compute_back(*tensors: Any) -> Sequence[Any]:
        *given, cotangent = tensors
        by_name = dict(zip(present, given, strict=True))
        wanted = [by_name[name] for name in call.gradients]
        with tf.GradientTape() as tape:
            tape.watch(wanted)
            output = compute(*given)
        gradients = tape.gradient(output, wanted, cotangent)
        if any(each is None for each in gradients):
            raise LookupError("tape.gradient returned None")
        return (output, *gradients)

    return compute_back


def delivered(call: Call, step: tf_nn.Step, found: Mapping[str, Array]) -> Mapping[str, Array]:
    """
    Return output and gradients, by where, with the axes that they have in the call.
    """
    letters = {"input": step.data_format, **step.kernels, "bias": "O"}
    homes = {where: call.deliver(array, step.data_format) for where, array in found.items() if where == "output"}
    for name in call.gradients:
        homes[f"gradient.{name}"] = call.bring_home(name, found[f"gradient.{name}"], letters[name])
    return homes
