"""
A training loop in NumPy that computes convolutions and gradients by calls of a backend.

Needs only the standard library and NumPy, because workers in other environments use this loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import Array, Call, Outputs, Training


def fitted(call: Call, prepare: Callable[[Call], Callable[[], Outputs]]) -> Outputs:
    """
    Train the kernel of `call`; return the kernel before and after each update (`kernels`), and their `losses`.

    Both arrays are float64. `kernels` has the shape (steps + 1, *kernel.shape), and `losses` the shape (steps + 1,).
    Each step calls the backend once for the output and the kernel gradient, and passes the cotangent of the previous
    step. If the new output has another cotangent, the step repeats the call with the new cotangent. This is rare for an
    absolute error, whose cotangent depends only on the signs of the residual.
    The kernel is stored in float64 and rounded to its dtype for each call. The outputs are marked as `composed`.
    Backends with their own training loop (`fit`) do not use this function.
    """
    training, target = call.training, call.array("target")
    assert training is not None and call.kernel is not None
    update = Adam(training) if training.optimizer == "adam" else Momentum(training)
    kernels, losses = [call.kernel.astype(np.float64)], list[float]()
    sent = np.zeros_like(target)
    while True:
        now = replace(call, kernel=kernels[-1].astype(call.kernel.dtype), cotangent=sent)
        outputs = prepare(now)()
        residual = outputs.arrays["output"].astype(np.float64) - target.astype(np.float64)
        losses.append(float((np.abs(residual) if training.loss == "mae" else residual**2).mean()))
        if len(losses) > training.steps:
            return Outputs({"kernels": np.stack(kernels), "losses": np.array(losses)}, outputs.call, composed=True)
        wanted = cotangent(training, residual).astype(target.dtype)
        if (wanted != sent).any():
            sent, outputs = wanted, prepare(replace(now, cotangent=wanted))()
        gradient = outputs.arrays["gradient.kernel"].astype(np.float64)
        kernels.append(kernels[-1] - update.change(len(losses) - 1, gradient))


def cotangent(training: Training, residual: Array) -> Array:
    """Return d loss / d output of n outputs with residual r. `mae`: sign(r) / n, 0 at r = 0. `mse`: 2 * r / n."""
    return (np.sign(residual) if training.loss == "mae" else 2 * residual) / residual.size


class Adam:
    """Adam, Algorithm 1 of Kingma and Ba (2015): epsilon is added to the square root of the corrected second moment."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._moments: tuple[Any, Any] = (0.0, 0.0)

    def change(self, step: int, gradient: Array) -> Array:
        """Return the change that update `step`, counted from 0, subtracts from the kernel."""
        terms, (first, second) = self._training, self._moments
        first = terms.beta_1 * first + (1 - terms.beta_1) * gradient
        second = terms.beta_2 * second + (1 - terms.beta_2) * gradient**2
        self._moments = first, second
        corrected = second / (1 - terms.beta_2 ** (step + 1))
        change: Array = (
            terms.rate(step) * (first / (1 - terms.beta_1 ** (step + 1))) / (np.sqrt(corrected) + terms.epsilon)
        )
        return change


class Momentum:
    """Gradient descent with momentum: change[n] = momentum * change[n - 1] + rate(n) * gradient[n]."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._change: Any = 0.0

    def change(self, step: int, gradient: Array) -> Array:
        """Return the change that update `step`, counted from 0, subtracts from the kernel."""
        self._change = self._training.momentum * self._change + self._training.rate(step) * gradient
        change: Array = self._change
        return change
