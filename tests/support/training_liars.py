"""
Trainings that are wrong in one thing, and backends that train.

Each is a function from a call to its kernels and losses; all but `honest` are wrong on some training of the corpus.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from conv_conformance.backends.numpy import NumPy
from conv_conformance.core.backend import Outputs
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.core.training import Training
from conv_conformance.reference.training_path import convolution_matrix

__all__ = [
    "ascends",
    "corrects_late",
    "corrects_nothing",
    "decays_weights",
    "divides_by_samples",
    "epsilon_hat",
    "epsilon_in_the_root",
    "first_sample",
    "flips",
    "forgets_momentum",
    "holds_the_rate",
    "honest",
    "lags",
    "looks_ahead",
    "rounds_to_bfloat16",
    "schedules_late",
    "slopes_at_zero",
    "squares",
    "swaps_betas",
    "swaps_filters",
]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a training goes: each field is a place where it can go wrong."""

    output: Callable[[Array], Array] = lambda y: y
    sign: Callable[[Array], Array] = np.sign
    mean: Callable[[Array, Call], float] = lambda residual, _: residual.size
    gradient: Callable[[Array, Call], Array] = lambda gradient, _: gradient
    #: From the moments, their corrections and epsilon to the direction.
    direction: Callable[[Array, Array, float, float, float], Array] = lambda m, v, by_m, by_v, epsilon: (
        m / by_m / (np.sqrt(v / by_v) + epsilon)
    )
    #: How many updates ahead the corrections and the schedule believe to be.
    correction: int = 0
    ahead: int = 0
    decay: float = 0.0


def go(call: Call, way: Way, terms: Training | None = None) -> Outputs:
    """Return the kernels and losses of a training in float64."""
    training = terms or call.training
    assert training is not None and call.kernel is not None
    rows, target = convolution_matrix(call), call.array("target").astype(np.float64).reshape(-1)
    kernel = call.kernel.astype(np.float64).reshape(-1)
    kernels, losses, state = [kernel], list[float](), [np.zeros_like(kernel) for _ in range(3)]
    for step in range(training.steps + 1):
        residual = way.output(rows @ kernel) - target
        losses.append(float((np.abs(residual) if training.loss == "mae" else residual**2).mean()))
        sent = (way.sign(residual) if training.loss == "mae" else 2 * residual) / way.mean(residual, call)
        gradient = way.gradient(rows.T @ sent, call)
        kernel = kernel - changed(training, way, step, gradient, state) - way.decay * training.rate(step) * kernel
        kernels.append(kernel)
    kept = np.stack(kernels[:-1]).reshape(-1, *call.kernel.shape)
    return Outputs({"kernels": kept, "losses": np.array(losses)})


def changed(training: Training, way: Way, step: int, gradient: Array, state: list[Any]) -> Array:
    """Return what an update takes away, and keep its moments."""
    rate = training.rate(max(step + way.ahead, 0))
    if training.optimizer == "sgd":
        state[2] = training.momentum * state[2] + rate * gradient
        moved: Array = state[2]
        return moved
    state[0] = training.beta_1 * state[0] + (1 - training.beta_1) * gradient
    state[1] = training.beta_2 * state[1] + (1 - training.beta_2) * gradient**2
    corrections = (1 - beta ** (step + 1 + way.correction) for beta in (training.beta_1, training.beta_2))
    return rate * way.direction(state[0], state[1], *corrections, training.epsilon)


def honest(call: Call) -> Outputs:
    """It is right."""
    return go(call, Way())


def ascends(call: Call) -> Outputs:
    """It goes up the gradient."""
    return go(call, Way(gradient=lambda gradient, _: -gradient))


def corrects_late(call: Call) -> Outputs:
    """Its bias correction counts the first update as the second."""
    return go(call, Way(correction=1))


def corrects_nothing(call: Call) -> Outputs:
    """It has no bias correction."""
    return go(call, Way(direction=lambda m, v, _, __, epsilon: m / (np.sqrt(v) + epsilon)))


def decays_weights(call: Call) -> Outputs:
    """Each update makes the kernel smaller by a little, as AdamW does."""
    return go(call, Way(decay=0.004))


def divides_by_samples(call: Call) -> Outputs:
    """Its loss is the mean over samples alone, of sums over their outputs."""
    return go(call, Way(mean=lambda _, call: call.extent("input", "N")))


def epsilon_hat(call: Call) -> Outputs:
    """It adds epsilon to the root of a second moment that is not corrected."""
    return go(call, Way(direction=lambda m, v, by_m, by_v, epsilon: m / by_m * np.sqrt(by_v) / (np.sqrt(v) + epsilon)))


def epsilon_in_the_root(call: Call) -> Outputs:
    """It adds epsilon below the root."""
    return go(call, Way(direction=lambda m, v, by_m, by_v, epsilon: m / by_m / np.sqrt(v / by_v + epsilon)))


def first_sample(call: Call) -> Outputs:
    """It learns from the first sample alone."""
    first = replace(call, input=call.input[:1], target=call.array("target")[:1])
    found = go(first, Way())
    return Outputs({**found.arrays, "losses": honest(call).arrays["losses"]})


def flips(call: Call) -> Outputs:
    """Its gradient of the kernel is reversed along the taps."""

    def reversed_taps(gradient: Array, call: Call) -> Array:
        assert call.kernel is not None
        return np.flip(gradient.reshape(call.kernel.shape), tuple(range(call.rank))).reshape(-1)

    return go(call, Way(gradient=reversed_taps))


def forgets_momentum(call: Call) -> Outputs:
    """Its gradient descent has no momentum."""
    assert call.training is not None
    return go(call, Way(), replace(call.training, momentum=0.0))


def holds_the_rate(call: Call) -> Outputs:
    """It follows no schedule."""
    assert call.training is not None
    return go(call, Way(), replace(call.training, schedule=()))


def lags(call: Call) -> Outputs:
    """Its losses are those of the kernels one update before."""
    arrays = honest(call).arrays
    return Outputs({**arrays, "losses": np.concatenate([arrays["losses"][:1], arrays["losses"][:-1]])})


def looks_ahead(call: Call) -> Outputs:
    """The kernels that it returns begin after the first update."""
    arrays = honest(call).arrays
    return Outputs({**arrays, "kernels": np.concatenate([arrays["kernels"][1:], arrays["kernels"][-1:]])})


def rounds_to_bfloat16(call: Call) -> Outputs:
    """Its convolutions are rounded to bfloat16."""
    import ml_dtypes

    return go(call, Way(output=lambda y: y.astype(ml_dtypes.bfloat16).astype(np.float64)))


def schedules_late(call: Call) -> Outputs:
    """Its schedule is one update behind."""
    return go(call, Way(ahead=-1))


def slopes_at_zero(call: Call) -> Outputs:
    """An output that is right counts as one that is too large."""
    return go(call, Way(sign=lambda residual: np.where(residual >= 0, 1.0, -1.0)))


def squares(call: Call) -> Outputs:
    """Its absolute error is a square to its gradient."""
    return go(call, Way(sign=lambda residual: 2 * residual))


def swaps_betas(call: Call) -> Outputs:
    """The decay of one moment is that of the other."""
    assert call.training is not None
    terms = call.training
    return go(call, Way(), replace(terms, beta_1=terms.beta_2, beta_2=terms.beta_1))


def swaps_filters(call: Call) -> Outputs:
    """It trains each filter by the gradient of another."""

    def rolled(gradient: Array, call: Call) -> Array:
        assert call.kernel is not None
        return np.roll(gradient.reshape(call.kernel.shape), 1, -1).reshape(-1)

    return go(call, Way(gradient=rolled))


class Plain:
    """It trains by its gradients."""

    framework = "miniature"
    differentiates = True

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        return NumPy().prepare(call)


class Own(Plain):
    """It trains by itself."""

    def fit(self, call: Call) -> Callable[[], Outputs]:
        return lambda: honest(call)

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        if call.gradients:
            raise RuntimeError("it was asked for a step")
        return NumPy().prepare(call)


class Without(Plain):
    """It has no gradients."""

    differentiates = False
