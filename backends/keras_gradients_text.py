"""
The gradients of a call of Keras as text, in the words of the engine that computes them.
"""

from __future__ import annotations

from ..call import ARRAYS, Call
from . import keras_words, text, words
from .keras_words import Step


def written(call: Call, step: Step, engine: str, *, is_layer: bool) -> str:
    """
    Return the text of the gradients that a call asks for, in the axes of the layer or operation.
    """
    axes = {"input": step.layout, **step.kernels, "bias": "O", "cotangent": step.layout}
    present = [name for name in (*ARRAYS, "cotangent") if getattr(call, name) is not None]
    made = [f"{name} := keras.ops.convert_to_tensor({text.array(call, name, axes[name])})" for name in present]
    if is_layer:
        signal = "x := " + _ready(call, step)
        made += [f"f := {text.function(f'keras.layers.{step.name}', **step.keywords)}"]
        made += [signal, "f.build(x.shape)"]
    body = _layer(call, step, present) if is_layer else _operation(call, step)
    return f"({', '.join([*made, *_BY[engine](call, body)])})[-1]"


def _ready(call: Call, step: Step) -> str:
    return "input" if call.before is None else words.before_text(call, step.layout, "keras.ops.pad", "input")


def _layer(call: Call, step: Step, present: list[str]) -> str:
    return f"f.stateless_call([{', '.join(present[1:-1])}], [], {_ready(call, step)})[0]"


def _operation(call: Call, step: Step) -> str:
    said = text.function(f"keras.ops.{step.name}", _ready(call, step), *step.kernels, **step.keywords)
    if call.bias is None:
        return said
    return f"keras.ops.add({said}, keras.ops.reshape(bias, {keras_words.bias_shape(call, step.layout)!r}))"


def _by_jax(call: Call, body: str) -> list[str]:
    names = ", ".join(call.gradients)
    return [f"jax.vjp({text.function_of(call.gradients, body)}, {names})[1](cotangent)"]


def _by_tensorflow(call: Call, body: str) -> list[str]:
    wanted = f"[{', '.join(call.gradients)}]"
    opened = ["t := tf.GradientTape()", "t.__enter__()", f"t.watch({wanted})", f"y := {body}"]
    return [*opened, "t.__exit__(None, None, None)", f"t.gradient(y, {wanted}, cotangent)"]


def _by_torch(call: Call, body: str) -> list[str]:
    required = [f"{name}.requires_grad_()" for name in call.gradients]
    return [*required, f"torch.autograd.grad({body}, [{', '.join(call.gradients)}], cotangent)"]


_BY = {"jax": _by_jax, "tensorflow": _by_tensorflow, "torch": _by_torch}
