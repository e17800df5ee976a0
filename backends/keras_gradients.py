"""
Gradients in Keras: a layer or an operation as a function of its arrays, differentiated by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..adapter import ask
from ..call import ARRAYS, Array, Call
from . import jax_gradients, keras_words, tf_gradients, words

#: From input, kernels and bias, in this order, to the output.
Function: TypeAlias = Callable[..., Any]


def _by_torch(torch: Any, call: Call, compute: Function) -> Function:
    """Return what the other engines' `differentiated` returns, by autograd."""
    present = [name for name in ARRAYS if getattr(call, name) is not None]

    def compute_back(*tensors: Any) -> Sequence[Any]:
        *given, cotangent = tensors
        wanted = [given[present.index(name)].detach().requires_grad_() for name in call.gradients]
        leaves = {**dict(zip(present, given, strict=True)), **dict(zip(call.gradients, wanted, strict=True))}
        output = compute(*leaves.values())
        return (output, *torch.autograd.grad(output, wanted, cotangent))

    return compute_back


#: How each engine differentiates.
WAYS: Mapping[str, Callable[[Any, Call, Function], Function]] = {
    "jax": jax_gradients.differentiated,
    "tensorflow": tf_gradients.differentiated,
    "torch": _by_torch,
}


def layer(keras: Any, call: Call, step: keras_words.Step) -> Function:
    """
    Return a layer, built for the call, as a function of its input and weights.
    """
    made = ask(getattr(keras.layers, step.name), **step.keywords)
    sizes = {"N": call.extent("input", "N"), "C": call.extent("input", "C")}
    sizes |= dict(zip(call.spatial, call.lengths, strict=True))
    ask(made.build, tuple(sizes[letter] for letter in step.layout))

    def compute(signal: Any, *weights: Any) -> Any:
        return made.stateless_call(weights, [], _before(keras, call, step, signal))[0]

    return compute


def operation(keras: Any, call: Call, step: keras_words.Step) -> Function:
    """
    Return the operation as a function of its arrays.
    """
    ops = keras.ops

    def compute(signal: Any, *others: Any) -> Any:
        kernels = others[: len(step.kernels)]
        output = getattr(ops, step.name)(_before(keras, call, step, signal), *kernels, **step.keywords)
        if call.bias is None:
            return output
        return ops.add(output, ops.reshape(others[-1], keras_words.bias_shape(call, step.layout)))

    return compute


def _before(keras: Any, call: Call, step: keras_words.Step, signal: Any) -> Any:
    if call.before is None:
        return signal
    added, cut = words.before(call, step.layout)
    return keras.ops.pad(signal, added)[cut]


def differentiated(
    keras: Any, engine: Any, call: Call, step: keras_words.Step, compute: Function, arrays: Sequence[Array]
) -> dict[str, Array]:
    """
    Return output and gradients by where, in the layouts of the call; the last of the arrays is the cotangent.
    """
    tensors = [ask(keras.ops.convert_to_tensor, array) for array in arrays]
    returned = ask(WAYS[keras.backend.backend()](engine, call, compute), *tensors)
    output, *gradients = (ask(keras.ops.convert_to_numpy, each) for each in returned)
    letters = {"input": step.layout, **step.kernels, "bias": "O"}
    found = dict(zip(call.gradients, gradients, strict=True))
    homes = {f"gradient.{name}": call.bring_home(name, each, letters[name]) for name, each in found.items()}
    return {"output": call.deliver(output, step.layout), **homes}
