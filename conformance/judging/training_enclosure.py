"""
Enclosures of training runs: intervals that contain every kernel and loss that rounding in any order can produce.

The gradient of the mean absolute error depends only on the signs of the residuals. As long as rounding cannot change a
sign, errors of the kernel do not grow by themselves, and the intervals of the kernels stay narrow. The enclosure ends
at the first update for which a sign is uncertain. The gradient of the mean squared error depends on the kernel. Its
updates reduce errors of the kernel, but interval arithmetic cannot express this reduction, so the intervals soon become
as wide as a residual. The sign of this residual is then uncertain, so the enclosure ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core import FORMATS, STRUCTURE_LIMIT, Array, Call, Training
from ..reference import convolution_matrix
from .interval import Interval, point

#: A unit for the rounding errors of this module in float64; it is added to the unit roundoff of the training run.
OWN = 2.0**-52


@dataclass(frozen=True, kw_only=True, eq=False)
class Enclosure:
    """The intervals of the flattened kernels and the losses, before the first update and after each certain update."""

    kernels: Interval
    losses: Interval

    @property
    def certain(self) -> int:
        """The number of updates that are certain: the enclosure covers the kernel and loss after each of them."""
        return len(self.losses.low) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """The convolution of a training run as a matrix, and the unit roundoff of the dtype of its results."""

    matrix: Array
    unit: float
    #: Sums of integer products are exact up to this magnitude, in every order of summation and with transforms.
    exact: float

    def output(self, kernel: Interval) -> Interval:
        sizes = np.abs(self.matrix) @ kernel.size
        is_exact = (kernel.low == kernel.high).all() and _is_integral(kernel.low) and _is_integral(self.matrix)
        if is_exact and sizes.max() <= self.exact:
            return point(self.matrix @ kernel.low)
        # The kernel is rounded to its dtype, K products are summed, and the result may be rounded once more.
        return self._product(self.matrix, kernel).widened((self.matrix.shape[1] + 2) * (self.unit + OWN) * sizes)

    def gradient(self, cotangent: Interval) -> Interval:
        sizes = np.abs(self.matrix.T) @ cotangent.size
        # The cotangent is rounded to its dtype; the other roundings are the same as in `output`.
        return self._product(self.matrix.T, cotangent).widened((len(self.matrix) + 2) * (self.unit + OWN) * sizes)

    def _product(self, matrix: Array, vector: Interval) -> Interval:
        above, below = np.maximum(matrix, 0), np.minimum(matrix, 0)
        return Interval(above @ vector.low + below @ vector.high, above @ vector.high + below @ vector.low)


def _is_integral(values: Array) -> bool:
    return bool((np.rint(values) == values).all())


def enclose_training(call: Call, through: str, kept: str, *, is_foreign: bool = False) -> Enclosure:
    """
    Return the enclosure of a training run.

    Its convolutions are rounded to `through`, and its kernel is kept in `kept`.

    `is_foreign` allows for the framework's own Adam optimizer, which may add epsilon to the root of the second moment
    before the bias correction: the "epsilon hat" formula that Kingma and Ba state just before section 2.1.
    """
    training = call.training
    assert training is not None and call.kernel is not None
    sums = _Sums(matrix=convolution_matrix(call), unit=FORMATS[through].unit, exact=STRUCTURE_LIMIT[through])
    target = call.array("target").reshape(-1).astype(np.float64)
    unit = _unit(kept)
    update = _adam(training, unit, is_foreign=is_foreign) if training.optimizer == "adam" else _momentum(training, unit)
    kernels, losses = [point(call.kernel.reshape(-1))], list[Interval]()
    while True:
        residual = _residual(sums.output(kernels[-1]), target, sums.unit)
        losses.append(_loss(training, residual, sums.unit))
        cotangent = _cotangent(training, residual) if len(kernels) <= training.steps else None
        if cotangent is None:
            return Enclosure(kernels=_stacked(kernels), losses=_stacked(losses))
        kernel = kernels[-1] - update(len(kernels) - 1, sums.gradient(cotangent))
        kernels.append(kernel.widened(unit * kernel.size))


def _stacked(each: list[Interval]) -> Interval:
    return Interval(np.stack([one.low for one in each]), np.stack([one.high for one in each]))


def _unit(kept: str) -> float:
    return FORMATS[kept].unit + OWN


def _residual(output: Interval, target: Array, unit: float) -> Interval:
    low, high = output.low - target, output.high - target
    radius = (unit + OWN) * np.maximum(np.abs(low), np.abs(high))
    return Interval(low - radius, high + radius)


def _loss(training: Training, residual: Interval, unit: float) -> Interval:
    sizes = residual.absolute() if training.loss == "mae" else residual.square()
    count = sizes.low.size
    mean = Interval(sizes.low.mean(keepdims=True), sizes.high.mean(keepdims=True))
    return mean.widened((count + 3) * (unit + OWN) * mean.size)


def _cotangent(training: Training, residual: Interval) -> Interval | None:
    """Return the gradient of the loss by the output, or None if the sign of a residual is uncertain."""
    count, signs = point(float(residual.low.size)), np.sign(residual.low)
    if (signs != np.sign(residual.high)).any():
        return None
    return (residual * point(2.0) if training.loss == "mse" else point(signs)) / count


def _adam(training: Training, unit: float, *, is_foreign: bool) -> Callable[[int, Interval], Interval]:
    moments = point(0.0), point(0.0)

    def change(step: int, gradient: Interval) -> Interval:
        nonlocal moments
        betas = training.beta_1, training.beta_2
        first = _moment(betas[0], moments[0], gradient, unit)
        second = _moment(betas[1], moments[1], gradient.square(), unit)
        moments = first, second
        # Rounding beta changes beta**n by a relative error of up to n times the unit roundoff.
        by_first, by_second = (_correction(beta, step, unit) for beta in betas)
        root = (second / by_second).root()
        rate = point(training.rate(step)).widened(4 * unit * training.learning_rate)
        highest = training.epsilon / np.sqrt(by_second.low) if is_foreign else np.asarray(training.epsilon)
        found = rate * (first / by_first) / (root + Interval(np.asarray(training.epsilon), highest))
        return found.widened(8 * unit * found.size)

    return change


def _moment(beta: float, old: Interval, new: Interval, unit: float) -> Interval:
    mean = point(beta) * old + point(1 - beta) * new
    return mean.widened(4 * unit * (beta * old.size + (1 - beta) * (old.size + new.size)))


def _correction(beta: float, step: int, unit: float) -> Interval:
    """Return the interval of 1 - beta ** (step + 1); its lower end is above 0 for any precision."""
    found = point(1 - beta ** (step + 1)).widened((step + 3) * unit)
    return Interval(np.maximum(found.low, np.finfo(np.float64).tiny), found.high)


def _momentum(training: Training, unit: float) -> Callable[[int, Interval], Interval]:
    moved = point(0.0)

    def change(step: int, gradient: Interval) -> Interval:
        nonlocal moved
        added = point(training.rate(step)).widened(4 * unit * training.learning_rate) * gradient
        total = point(training.momentum) * moved + added
        moved = total.widened(4 * unit * (training.momentum * moved.size + added.size))
        return moved

    return change
