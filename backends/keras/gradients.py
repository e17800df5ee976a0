"""Gradients in Keras: the engine differentiates a layer or operation as a function of its arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ...core import ARRAYS, COTANGENT, Array, Call, ask
from ..jax import gradients as jax_gradients
from ..shared import arguments
from ..tensorflow import gradients as tf_gradients
from . import parameters

#: A function that returns the output for the input, the kernels and the bias, in this order.
Function: TypeAlias = Callable[..., Any]


def _by_torch(torch: Any, call: Call, compute: Function) -> Function:
    """Return the PyTorch equivalent of `differentiated`, or for a second-order call of `differentiated_twice`."""
    present = [name for name in ARRAYS if getattr(call, name) is not None]

    def compute_back(*tensors: Any) -> Sequence[Any]:
        leaves, directions = dict(zip((*present, COTANGENT), tensors, strict=False)), tensors[len(present) + 1 :]
        leaves |= {name: leaves[name].detach().requires_grad_() for name in (*call.pulled, *call.second_order)}
        output = compute(*(leaves[name] for name in present))
        kept = {"create_graph": True} if call.second_order else {}
        once = torch.autograd.grad(output, [leaves[name] for name in call.pulled], leaves[COTANGENT], **kept)
        if not call.second_order:
            return (output, *once)
        moving = [once[call.pulled.index(name)] for name in call.directions]
        twice = torch.autograd.grad(moving, [leaves[name] for name in call.second_order], list(directions))
        return (output, *once, *twice)

    return compute_back


#: Engine -> the functions that differentiate a call once and twice.
WAYS: Mapping[str, tuple[Callable[[Any, Call, Function], Function], Callable[[Any, Call, Function], Function]]] = {
    "jax": (jax_gradients.differentiated, jax_gradients.differentiated_twice),
    "tensorflow": (tf_gradients.differentiated, tf_gradients.differentiated_twice),
    "torch": (_by_torch, _by_torch),
}


def layer(keras: Any, call: Call, step: parameters.Step) -> Function:
    """Return a layer that is built for the call, as a function of its input and weights."""
    made = ask(getattr(keras.layers, step.name), **step.keywords)
    sizes = {"N": call.extent("input", "N"), "C": call.extent("input", "C")}
    sizes |= dict(zip(call.spatial, call.lengths, strict=True))
    ask(made.build, tuple(sizes[letter] for letter in step.layout))

    def compute(signal: Any, *weights: Any) -> Any:
        return made.stateless_call(weights, [], _before(keras, call, step, signal))[0]

    return compute


def operation(keras: Any, call: Call, step: parameters.Step) -> Function:
    """Return the operation as a function of its arrays."""
    ops = keras.ops

    def compute(signal: Any, *others: Any) -> Any:
        kernels = others[: len(step.kernels)]
        output = getattr(ops, step.name)(_before(keras, call, step, signal), *kernels, **step.keywords)
        if call.bias is None:
            return output
        return ops.add(output, ops.reshape(others[-1], parameters.bias_shape(call, step.layout)))

    return compute


def _before(keras: Any, call: Call, step: parameters.Step, signal: Any) -> Any:
    if call.before is None:
        return signal
    added, cut = arguments.before(call, step.layout)
    return keras.ops.pad(signal, added)[cut]


def differentiated(
    keras: Any, engine: Any, call: Call, step: parameters.Step, compute: Function, arrays: Sequence[Array]
) -> dict[str, Array]:
    """
    Return the output and the gradients in the layouts of the call, by name (`output`, `gradient.input`).

    `arrays` are the input, kernels and bias, then the cotangent and the directions.
    """
    once, twice = WAYS[keras.backend.backend()]
    compute_back = (twice if call.second_order else once)(engine, call, compute)
    tensors = [ask(keras.ops.convert_to_tensor, array) for array in arrays]
    returned = ask(compute_back, *tensors)
    output, *gradients = (ask(keras.ops.convert_to_numpy, each) for each in returned)
    homes = arguments.homes(call, gradients, {**letters(step), COTANGENT: step.layout})
    return {"output": call.deliver(output, step.layout), **homes}


def letters(step: parameters.Step) -> Mapping[str, str]:
    """Return the layouts of a step's arrays, by name."""
    return {"input": step.layout, **step.kernels, "bias": "O"}
