"""The first deviation of a training from the enclosure of the exact training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..core import FORMATS, Array, Call, Fit
from .interval import Interval
from .training_enclosure import Enclosure, enclose_training

#: The lowest precision of convolutions. A training outside the enclosure for this dtype has wrong values, not rounding.
COARSE = "bfloat16"


class Straying(NamedTuple):
    """A deviation of a training: a kind of `verdict.KINDS`, and its place: `kernels` or `losses`, and an index."""

    kind: str
    message: str
    where: str
    at: tuple[int, ...] = ()


class TrainingRun(NamedTuple):
    """
    The arrays that a training returned: kernels (steps + 1, then the axes of the kernel) and losses (steps + 1).

    Its convolutions may be rounded to the dtype `through`, its kernels to `kept`, and the returned losses to `told`.
    `is_foreign` is true if the framework's own optimizer made the updates.
    """

    kernels: Array
    losses: Array
    through: str
    kept: str
    told: str
    is_foreign: bool = False


def training_finding(expectation: Fit, call: Call, run: TrainingRun) -> Straying | None:
    """Return the first deviation of a training, or None."""
    training, kernel = call.training, call.kernel
    assert training is not None and kernel is not None
    shapes = {"kernels": (training.steps + 1, *kernel.shape), "losses": (training.steps + 1,)}
    parts = {"kernels": run.kernels, "losses": run.losses}
    for where, shape in shapes.items():
        if parts[where].shape != shape:
            return Straying("shape", f"{where} have shape {list(parts[where].shape)}, expected {list(shape)}", where)
        if not np.isfinite(parts[where]).all():
            at = _first(~np.isfinite(parts[where]))
            return Straying("nonfinite", f"{where}{list(at)} is {parts[where][at]}", where, at)
    found = (*_outside(call, run), *_missed(expectation, run, training.learning_rate))
    return next(iter(found), None)


@lru_cache(maxsize=64)
def _enclosed(call: Call, through: str, kept: str, is_foreign: bool) -> Enclosure:
    # Many targets are compared for the same call; calls are hashed by identity.
    return enclose_training(call, through, kept, is_foreign=is_foreign)


def _outside(call: Call, run: TrainingRun) -> Iterator[Straying]:
    """Yield the deviation after the first update whose loss or kernel is outside of the enclosure."""
    within, coarse = (_enclosed(call, through, run.kept, run.is_foreign) for through in (run.through, COARSE))
    for step in range(within.certain + 1):
        wide = coarse if step <= coarse.certain else within
        told = _beyond(run.losses[step], within.losses, wide.losses, step, FORMATS[run.told].unit)
        kept = _beyond(run.kernels[step], within.kernels, wide.kernels, step)
        for where, beyond in (("losses", told), ("kernels", kept)):
            if beyond is not None:
                kind, index, values = beyond
                what = f"kernel{list(index)}" if where == "kernels" else "the loss"
                yield Straying(kind, f"after {step} updates {what} is {values}", where, (step, *index))
                return


def _beyond(
    got: Array, allowed: Interval, coarse: Interval, step: int, unit: float = 0.0
) -> tuple[str, tuple[int, ...], str] | None:
    """Return kind, index and description of the first element outside of the allowed interval, or None."""
    flat = np.asarray(got, np.float64).reshape(-1)
    low, high = (end[step] for end in (allowed.low, allowed.high))
    slack = unit * np.maximum(np.abs(low), np.abs(high))
    wrong = ~((low - slack <= flat) & (flat <= high + slack))
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    is_rounding = coarse is not allowed and coarse.low[step][first] <= flat[first] <= coarse.high[step][first]
    values = f"{flat[first]:.9g}, the exact way leads to between {low[first]:.9g} and {high[first]:.9g}"
    index = tuple(int(each) for each in np.unravel_index(first, got.shape))
    return "precision" if is_rounding else "values", index, values


def _missed(expectation: Fit, run: TrainingRun, rate: float) -> Iterator[Straying]:
    loss, below, near = float(run.losses[-1]), expectation.loss_below, expectation.kernel_near
    last = len(run.losses) - 1
    if below is not None and not loss < below:
        yield Straying("values", f"the loss ends at {loss:.6g}, not below {below:g}", "losses", (last,))
    if near is not None:
        kernel = run.kernels[-1].astype(np.float64)
        off = np.abs(kernel - near.astype(np.float64))
        if (off > rate).any():
            at = _first(off > rate)
            message = f"kernel{list(at)} ends at {kernel[at]:.6g}, not within {rate:g} of {near[at]:g}"
            yield Straying("values", message, "kernels", (last, *at))


def _first(wrong: Array) -> tuple[int, ...]:
    return tuple(int(each) for each in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
