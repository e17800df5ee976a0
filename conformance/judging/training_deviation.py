"""Where a training leaves the way of the exact one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..core import FORMATS, Array, Call, Fit
from .interval import Interval
from .training_enclosure import Enclosure, enclose_training

#: Convolutions so coarse that whoever is outside of what they allow has not rounded, but computed something else.
COARSE = "bfloat16"


class Straying(NamedTuple):
    """What is wrong with a training: its kind, by the words of a verdict, and where: `kernels` or `losses`, an index."""

    kind: str
    message: str
    where: str
    at: tuple[int, ...] = ()


class TrainingRun(NamedTuple):
    """
    What a training returned: kernels (steps + 1, then the axes of the kernel) and losses (steps + 1).

    Its convolutions may be rounded in `through`, its kernel in `kept`, the losses that it tells in `told`; an optimizer
    that `is_foreign` is the target's own.
    """

    kernels: Array
    losses: Array
    through: str
    kept: str
    told: str
    is_foreign: bool = False


def training_finding(expectation: Fit, call: Call, run: TrainingRun) -> Straying | None:
    """Return what is wrong with a training, None where nothing is."""
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
    # Many targets are held against the same call, which is known by its identity.
    return enclose_training(call, through, kept, is_foreign=is_foreign)


def _outside(call: Call, run: TrainingRun) -> Iterator[Straying]:
    """Yield the first update after which the loss, or the kernel, is not where it must be."""
    within, coarse = (_enclosed(call, through, run.kept, run.is_foreign) for through in (run.through, COARSE))
    for step in range(within.certain + 1):
        wide = coarse if step <= coarse.certain else within
        told = _beyond(run.losses[step], within.losses, wide.losses, step, FORMATS[run.told].unit)
        kept = _beyond(run.kernels[step], within.kernels, wide.kernels, step)
        for where, beyond in (("losses", told), ("kernels", kept)):
            if beyond is not None:
                kind, index, said = beyond
                what = f"kernel{list(index)}" if where == "kernels" else "the loss"
                yield Straying(kind, f"after {step} updates {what} is {said}", where, (step, *index))
                return


def _beyond(
    got: Array, allowed: Interval, coarse: Interval, step: int, unit: float = 0.0
) -> tuple[str, tuple[int, ...], str] | None:
    """Return what the first element is that is beyond what is allowed, and whether rounding alone could explain it."""
    flat = np.asarray(got, np.float64).reshape(-1)
    low, high = (end[step] for end in (allowed.low, allowed.high))
    slack = unit * np.maximum(np.abs(low), np.abs(high))
    wrong = ~((low - slack <= flat) & (flat <= high + slack))
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    is_rounding = coarse is not allowed and coarse.low[step][first] <= flat[first] <= coarse.high[step][first]
    said = f"{flat[first]:.9g}, the exact way leads to between {low[first]:.9g} and {high[first]:.9g}"
    index = tuple(int(each) for each in np.unravel_index(first, got.shape))
    return "precision" if is_rounding else "values", index, said


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
