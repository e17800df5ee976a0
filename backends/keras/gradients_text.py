"""The gradients of a Keras call as Python text; the text calls the engine, which computes the gradients."""

from __future__ import annotations

from ...core import COTANGENT, DIRECTIONS, Call
from ..jax import parameters as jax_parameters
from ..shared import arguments, expressions
from . import parameters
from .parameters import Step


def written(call: Call, step: Step, engine: str, *, is_layer: bool) -> str:
    """Return the text of the requested gradients, in the layouts of the layer or operation."""
    axes = {"input": step.layout, **step.kernels, "bias": "O", COTANGENT: step.layout}
    axes |= {DIRECTIONS[name]: axes[name] for name in call.directions}
    present = [name for name in axes if getattr(call, name) is not None]
    made = [f"{name} := keras.ops.convert_to_tensor({expressions.array(call, name, axes[name])})" for name in present]
    if is_layer:
        signal = "x := " + _ready(call, step)
        made += [f"f := {expressions.function(f'keras.layers.{step.name}', **step.keywords)}"]
        made += [signal, "f.build(x.shape)"]
    weights = [name for name in (*step.kernels, "bias") if name in present]
    body = _layer(call, step, weights) if is_layer else _operation(call, step)
    return f"({', '.join([*made, *_BY[engine](call, body)])})[-1]"


def _ready(call: Call, step: Step) -> str:
    return "input" if call.before is None else arguments.before_text(call, step.layout, "keras.ops.pad", "input")


def _layer(call: Call, step: Step, weights: list[str]) -> str:
    return f"f.stateless_call([{', '.join(weights)}], [], {_ready(call, step)})[0]"


def _operation(call: Call, step: Step) -> str:
    said = expressions.function(f"keras.ops.{step.name}", _ready(call, step), *step.kernels, **step.keywords)
    if call.bias is None:
        return said
    return f"keras.ops.add({said}, keras.ops.reshape(bias, {parameters.bias_shape(call, step.layout)!r}))"


def _by_jax(call: Call, body: str) -> list[str]:
    return [jax_parameters.gradients(call, body)]


def _along(call: Call) -> str:
    return ", ".join(DIRECTIONS[name] for name in call.directions)


def _moving(call: Call) -> str:
    return ", ".join(f"d[{call.pulled.index(name)}]" for name in call.directions)


def _by_tensorflow(call: Call, body: str) -> list[str]:
    wanted = f"[{', '.join(call.pulled)}]"
    opened = ["t := tf.GradientTape()", "t.__enter__()", f"t.watch({wanted})", f"y := {body}"]
    once, pulled = [*opened, "t.__exit__(None, None, None)"], f"t.gradient(y, {wanted}, {COTANGENT})"
    if not call.second_order:
        return [*once, pulled]
    moved = f"[{', '.join(call.second_order)}]"
    around = ["o := tf.GradientTape()", "o.__enter__()", f"o.watch({moved})"]
    closed = [f"d := {pulled}", "o.__exit__(None, None, None)"]
    return [*around, *once, *closed, f"(d, o.gradient([{_moving(call)}], {moved}, [{_along(call)}]))"]


def _by_torch(call: Call, body: str) -> list[str]:
    required = [f"{name}.requires_grad_()" for name in dict.fromkeys((*call.pulled, *call.second_order))]
    given = f"{body}, [{', '.join(call.pulled)}], {COTANGENT}"
    if not call.second_order:
        return [*required, f"torch.autograd.grad({given})"]
    twice = f"torch.autograd.grad([{_moving(call)}], [{', '.join(call.second_order)}], [{_along(call)}])"
    return [*required, f"d := torch.autograd.grad({given}, create_graph=True)", f"(d, {twice})"]


_BY = {"jax": _by_jax, "tensorflow": _by_tensorflow, "torch": _by_torch}
