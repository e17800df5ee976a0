"""Training runs by Keras itself: a model of one layer, with Keras' loss, optimizer, schedule and loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core import Array, Call, Training, ask
from ..shared import expressions
from . import parameters

LOSSES = {"mae": "MeanAbsoluteError", "mse": "MeanSquaredError"}


def trained(keras: Any, call: Call, step: parameters.Step, arrays: Sequence[Array]) -> Mapping[str, Array]:
    """Train; return `kernels` and `losses`. `arrays` are the input, kernel and target in the layer's layouts."""
    training, (signal, kernel, target) = call.training, arrays
    assert training is not None
    layer = ask(getattr(keras.layers, step.name), **step.keywords)
    model = ask(keras.Sequential, [ask(keras.Input, signal.shape[1:], dtype=call.dtype.input), layer])
    ask(layer.set_weights, [kernel])
    loss = ask(getattr(keras.losses, LOSSES[training.loss]), dtype=call.dtype.output)
    ask(model.compile, optimizer=_optimizer(keras, training), loss=loss)
    kernels, keeper = [np.array(kernel)], keras.callbacks.LambdaCallback
    kept = ask(keeper, on_epoch_end=lambda *_: kernels.append(np.array(layer.get_weights()[0])))
    size = {"batch_size": len(signal), "verbose": 0}
    history = ask(model.fit, signal, target, epochs=training.steps, shuffle=False, callbacks=[kept], **size)
    last = ask(model.evaluate, signal, target, **size)
    ((name, letters),) = step.kernels.items()
    home = [call.bring_home(name, each, letters) for each in kernels]
    # Keras keeps the history in `floatx`, whatever the dtype of the model.
    losses = np.array([*history.history["loss"], last], keras.config.floatx())
    return {"kernels": np.stack(home), "losses": losses}


def _optimizer(keras: Any, training: Training) -> Any:
    rate = _rate(keras, training)
    if training.optimizer == "sgd":
        return ask(keras.optimizers.SGD, rate, momentum=training.momentum)
    terms = {name: getattr(training, name) for name in ("beta_1", "beta_2", "epsilon")}
    return ask(keras.optimizers.Adam, rate, **terms)


def _rate(keras: Any, training: Training) -> Any:
    schedules = keras.optimizers.schedules
    if isinstance(training.schedule, str):
        return ask(schedules.CosineDecay, training.learning_rate, training.steps)
    if not training.schedule:
        return training.learning_rate
    ends, rates = _pieces(training)
    return ask(schedules.PiecewiseConstantDecay, ends, rates)


def _pieces(training: Training) -> tuple[list[int], list[float]]:
    """Return the arguments of `PiecewiseConstantDecay`: the updates after which the rate changes, and the rates."""
    assert not isinstance(training.schedule, str)
    ends = [first - 1 for first, _ in training.schedule]
    return ends, [training.learning_rate, *(rate for _, rate in training.schedule)]


def written(call: Call, step: parameters.Step) -> str:
    """Return the text of a training run; the text evaluates to the final kernel in the layer's layout."""
    training, ((_, letters),) = call.training, step.kernels.items()
    assert training is not None
    signal, target = (expressions.array(call, name, step.layout) for name in ("input", "target"))
    layer = expressions.function(f"keras.layers.{step.name}", **step.keywords)
    loss = expressions.function(f"keras.losses.{LOSSES[training.loss]}", dtype=call.dtype.output)
    terms = {"batch_size": call.extent("input", "N"), "epochs": training.steps, "shuffle": False, "verbose": 0}
    steps = (
        f"x := {signal}",
        f"m := keras.Sequential([keras.Input(x.shape[1:], dtype={call.dtype.input!r}), {layer}])",
        f"m.set_weights([{expressions.array(call, 'kernel', letters)}])",
        f"m.compile({_optimizer_text(training)}, {loss})",
        expressions.function("m.fit", "x", target, **terms),
        "m.get_weights()[0]",
    )
    return f"({', '.join(steps)})[-1]"


def _optimizer_text(training: Training) -> str:
    rate = _rate_text(training)
    if training.optimizer == "sgd":
        return expressions.function("keras.optimizers.SGD", rate, momentum=training.momentum)
    terms = {name: getattr(training, name) for name in ("beta_1", "beta_2", "epsilon")}
    return expressions.function("keras.optimizers.Adam", rate, **terms)


def _rate_text(training: Training) -> str:
    if isinstance(training.schedule, str):
        return f"keras.optimizers.schedules.CosineDecay({training.learning_rate}, {training.steps})"
    if not training.schedule:
        return str(training.learning_rate)
    ends, rates = _pieces(training)
    return f"keras.optimizers.schedules.PiecewiseConstantDecay({ends}, {rates})"
