"""The first deviation of a training run from the enclosure of the exact training run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..core import FORMATS, Array, Call, Fit
from .interval import Interval
from .training_enclosure import Enclosure, enclose_training

#: The lowest precision that convolutions may have. If a training run leaves the enclosure for this dtype, rounding does
#: not explain the deviation, so the values are wrong.
COARSE = "bfloat16"


class Deviation(NamedTuple):
    """A deviation of a training run: a kind of `verdict.KINDS`, an array (`kernels` or `losses`), and an index."""

    kind: str
    message: str
    where: str
    at: tuple[int, ...] = ()


class TrainingRun(NamedTuple):
    """
    The arrays that a training run returned: `kernels` (steps + 1, *kernel.shape) and `losses` (steps + 1).

    The convolutions may be rounded to the dtype `through`, the kernels to `kept`, and the returned losses to `told`.
    `is_foreign` is true if the framework's own optimizer made the updates.
    """

    kernels: Array
    losses: Array
    through: str
    kept: str
    told: str
    is_foreign: bool = False


def training_finding(expectation: Fit, call: Call, run: TrainingRun) -> Deviation | None:
    """Return the first deviation of a training run from its expectation, or None."""
    training, kernel = call.training, call.kernel
    assert training is not None and kernel is not None
    shapes = {"kernels": (training.steps + 1, *kernel.shape), "losses": (training.steps + 1,)}
    parts = {"kernels": run.kernels, "losses": run.losses}
    for where, shape in shapes.items():
        if parts[where].shape != shape:
            return Deviation("shape", f"{where} have shape {list(parts[where].shape)}, expected {list(shape)}", where)
        if not np.isfinite(parts[where]).all():
            at = _first(~np.isfinite(parts[where]))
            return Deviation("nonfinite", f"{where}{list(at)} is {parts[where][at]}", where, at)
    found = (*_outside(call, run), *_missed(expectation, run, training.learning_rate))
    return next(iter(found), None)


@lru_cache(maxsize=64)
def _enclosed(call: Call, through: str, kept: str, is_foreign: bool) -> Enclosure:
    # Cached, because many targets are compared with the same enclosure. Calls are hashed by identity.
    return enclose_training(call, through, kept, is_foreign=is_foreign)


def _outside(call: Call, run: TrainingRun) -> Iterator[Deviation]:
    """Yield the first deviation from the enclosure, if there is any: a loss or an element of a kernel."""
    within, coarse = (_enclosed(call, through, run.kept, run.is_foreign) for through in (run.through, COARSE))
    for step in range(within.certain + 1):
        wide = coarse if step <= coarse.certain else within
        told = _beyond(run.losses[step], within.losses, wide.losses, step, FORMATS[run.told].unit)
        kept = _beyond(run.kernels[step], within.kernels, wide.kernels, step)
        for where, beyond in (("losses", told), ("kernels", kept)):
            if beyond is not None:
                kind, index, values = beyond
                what = f"kernel{list(index)}" if where == "kernels" else "the loss"
                yield Deviation(kind, f"after {step} updates {what} is {values}", where, (step, *index))
                return


def _beyond(
    got: Array, allowed: Interval, coarse: Interval, step: int, unit: float = 0.0
) -> tuple[str, tuple[int, ...], str] | None:
    """Return the kind, the index and a description of the first element outside its allowed interval, or None."""
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


def _missed(expectation: Fit, run: TrainingRun, rate: float) -> Iterator[Deviation]:
    loss, below, near = float(run.losses[-1]), expectation.loss_below, expectation.kernel_near
    last = len(run.losses) - 1
    if below is not None and not loss < below:
        yield Deviation("values", f"the loss ends at {loss:.6g}, not below {below:g}", "losses", (last,))
    if near is not None:
        kernel = run.kernels[-1].astype(np.float64)
        off = np.abs(kernel - near.astype(np.float64))
        if (off > rate).any():
            at = _first(off > rate)
            message = f"kernel{list(at)} ends at {kernel[at]:.6g}, not within {rate:g} of {near[at]:g}"
            yield Deviation("values", message, "kernels", (last, *at))


def _first(wrong: Array) -> tuple[int, ...]:
    return tuple(int(each) for each in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
