"""The kernels and losses of a training run, computed with decimal numbers of 60 significant digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from typing import TypeAlias

import numpy as np

from ..core import Array, Call, PerArray, Training
from .first.forward import evaluate
from .second.gradients import gradients_again

DIGITS = 60
#: The elements of an array as decimal numbers.
Exactly: TypeAlias = list[Decimal]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """The kernels (steps + 1, kernel.size) and losses (steps + 1,) of a training run, rounded once to float64."""

    kernels: Array
    losses: Array


def trajectory(call: Call) -> Trajectory:
    """Return the kernels and losses of a training run, before the first update and after each update."""
    training, rows = call.training, matrix_again(call)
    assert training is not None and call.kernel is not None
    with localcontext(Context(prec=DIGITS)):
        matrix = [_exactly(row) for row in rows]
        kernel, target = _exactly(call.kernel), _exactly(call.array("target"))
        update = {"adam": _adam, "sgd": _momentum}[training.optimizer](training, len(kernel))
        kernels, losses = [kernel], list[Decimal]()
        for step in range(training.steps + 1):
            residual = [_dot(row, kernel) - expected for row, expected in zip(matrix, target, strict=True)]
            losses.append(_loss(training, residual))
            if step < training.steps:
                cotangent = _cotangent(training, residual)
                gradient = [_dot(column, cotangent) for column in zip(*matrix, strict=True)]
                changes = update(step, gradient)
                kernel = [each - change for each, change in zip(kernel, changes, strict=True)]
                kernels.append(kernel)
    return Trajectory(kernels=np.array(kernels, np.float64), losses=np.array(losses, np.float64))


def convolution_matrix(call: Call) -> Array:
    """Return the convolution as a matrix (outputs, kernel elements); column j is the output for the unit kernel e_j."""
    assert call.kernel is not None
    plain = _plain(call)
    ones = np.eye(call.kernel.size).reshape(-1, *call.kernel.shape)
    return np.stack([evaluate(replace(plain, kernel=one)).reshape(-1) for one in ones], axis=1)


def matrix_again(call: Call) -> Array:
    """Return `convolution_matrix` by the second formulation; row i is the kernel gradient for the cotangent e_i."""
    target, plain = call.array("target"), _plain(call)
    ones = np.eye(target.size).reshape(-1, *target.shape)
    return np.stack([gradients_again(plain, one)["kernel"].reshape(-1) for one in ones])


def _plain(call: Call) -> Call:
    """Return the call without its training and with float64 arrays, which hold all elements exactly."""
    assert call.kernel is not None
    wide = PerArray(input="float64", kernel="float64", output="float64")
    x, w = call.input.astype(np.float64), call.kernel.astype(np.float64)
    return replace(call, input=x, kernel=w, dtype=wide, gradients=(), training=None, target=None)


def _exactly(array: Array) -> Exactly:
    return [Decimal(float(value)) for value in array.reshape(-1)]


def _dot(one: Sequence[Decimal], other: Sequence[Decimal]) -> Decimal:
    return sum((a * b for a, b in zip(one, other, strict=True)), Decimal(0))


def _loss(training: Training, residual: Exactly) -> Decimal:
    sizes = (abs(each) if training.loss == "mae" else each * each for each in residual)
    return sum(sizes, Decimal(0)) / len(residual)


def _cotangent(training: Training, residual: Exactly) -> Exactly:
    if training.loss == "mae":
        return [Decimal((each > 0) - (each < 0)) / len(residual) for each in residual]
    return [2 * each / len(residual) for each in residual]


def _adam(training: Training, count: int) -> Callable[[int, Exactly], Exactly]:
    betas, epsilon = [Decimal(value) for value in (training.beta_1, training.beta_2)], Decimal(training.epsilon)
    moments = [[Decimal(0)] * count, [Decimal(0)] * count]

    def change(step: int, gradient: Exactly) -> Exactly:
        powers = (gradient, [each * each for each in gradient])
        for beta, moment, power in zip(betas, moments, powers, strict=True):
            moment[:] = [beta * old + (1 - beta) * new for old, new in zip(moment, power, strict=True)]
        by_first, by_second = (1 - beta ** (step + 1) for beta in betas)
        rate = Decimal(training.rate(step))
        return [rate * (m / by_first) / ((v / by_second).sqrt() + epsilon) for m, v in zip(*moments, strict=True)]

    return change


def _momentum(training: Training, count: int) -> Callable[[int, Exactly], Exactly]:
    momentum, moved = Decimal(training.momentum), [Decimal(0)] * count

    def change(step: int, gradient: Exactly) -> Exactly:
        rate = Decimal(training.rate(step))
        moved[:] = [momentum * old + rate * new for old, new in zip(moved, gradient, strict=True)]
        return list(moved)

    return change
