"""
A training by Keras itself: a model of one layer, its own loss, optimizer, schedule and loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..adapter import ask
from ..call import Array, Call
from ..training import Training
from . import keras_words

LOSSES = {"mae": "MeanAbsoluteError", "mse": "MeanSquaredError"}


def trained(keras: Any, call: Call, step: keras_words.Step, arrays: Sequence[Array]) -> Mapping[str, Array]:
    """
    Return `kernels` and `losses` of a training, from input, kernel and target in the order of the layer.
    """
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
    # Whatever the dtype of a model, its history is kept in that of the session.
    told = np.array([*history.history["loss"], last], keras.config.floatx())
    return {"kernels": np.stack(home), "losses": told}


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
    # A boundary is the last update of the rate before it.
    ends = [first - 1 for first, _ in training.schedule]
    rates = [training.learning_rate, *(rate for _, rate in training.schedule)]
    return ask(schedules.PiecewiseConstantDecay, ends, rates)


def written(call: Call, step: keras_words.Step) -> str:
    """
    Return the text of a training that stands on input, kernel and target as the call has them.
    """
    assert call.training is not None
    return f"keras.Sequential([keras.layers.{step.name}(...)]).fit(input, target, epochs={call.training.steps})"
