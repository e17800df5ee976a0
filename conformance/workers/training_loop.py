"""
A training whose every convolution and gradient is a backend's, and whose arithmetic between them is ours.

Needs the standard library and NumPy, for it is used by workers in other environments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import Array, Call, Outputs, Training


def fitted(call: Call, prepare: Callable[[Call], Callable[[], Outputs]]) -> Outputs:
    """
    Return the `kernels` before the first update and after each, and the `losses` of all of them.

    Both are float64: kernels (steps + 1, then the axes of the kernel), losses (steps + 1).
    Each step is a call for the output and the gradient of the kernel, by the cotangent of the step before; where the
    output asks for another cotangent, as it seldom does of an absolute error, it is made again by that.
    The kernel is kept in float64 and rounded to its dtype for the calls. It is a composition: a target that trains by a
    loop and an optimizer of its own does not come here.
    """
    training, target = call.training, call.array("target")
    assert training is not None and call.kernel is not None
    update = Adam(training) if training.optimizer == "adam" else Momentum(training)
    kernels, losses = [call.kernel.astype(np.float64)], list[float]()
    sent = np.zeros_like(target)
    while True:
        now = replace(call, kernel=kernels[-1].astype(call.kernel.dtype), cotangent=sent)
        found = prepare(now)()
        residual = found.arrays["output"].astype(np.float64) - target.astype(np.float64)
        losses.append(float((np.abs(residual) if training.loss == "mae" else residual**2).mean()))
        if len(losses) > training.steps:
            return Outputs({"kernels": np.stack(kernels), "losses": np.array(losses)}, found.call, composed=True)
        wanted = cotangent(training, residual).astype(target.dtype)
        if (wanted != sent).any():
            sent, found = wanted, prepare(replace(now, cotangent=wanted))()
        gradient = found.arrays["gradient.kernel"].astype(np.float64)
        kernels.append(kernels[-1] - update.change(len(losses) - 1, gradient))


def cotangent(training: Training, residual: Array) -> Array:
    """Return the gradient of the loss by the output: sign(r) / n, 0 at 0, or 2 * r / n, of n outputs."""
    return (np.sign(residual) if training.loss == "mae" else 2 * residual) / residual.size


class Adam:
    """Adam as Algorithm 1 of Kingma and Ba (2015) has it, with epsilon beside the root of the corrected moment."""

    def __init__(self, training: Training) -> None:
        self._terms = training
        self._moments: tuple[Any, Any] = (0.0, 0.0)

    def change(self, step: int, gradient: Array) -> Array:
        """Return what the update number `step` takes away from the kernel."""
        by, (first, second) = self._terms, self._moments
        first = by.beta_1 * first + (1 - by.beta_1) * gradient
        second = by.beta_2 * second + (1 - by.beta_2) * gradient**2
        self._moments = first, second
        corrected = second / (1 - by.beta_2 ** (step + 1))
        change: Array = by.rate(step) * (first / (1 - by.beta_1 ** (step + 1))) / (np.sqrt(corrected) + by.epsilon)
        return change


class Momentum:
    """Gradient descent whose change is kept on, times `momentum`."""

    def __init__(self, training: Training) -> None:
        self._terms = training
        self._change: Any = 0.0

    def change(self, step: int, gradient: Array) -> Array:
        """Return what the update number `step` takes away from the kernel."""
        self._change = self._terms.momentum * self._change + self._terms.rate(step) * gradient
        change: Array = self._change
        return change
