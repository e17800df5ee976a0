"""A condition: where a fault acts, by the call and by the place in its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Array, Call
from .evaluator import HONEST, Axis, stuff, translate
from .objections import objections
from .regions import Region


@dataclass(frozen=True, kw_only=True)
class Condition:
    """
    Where a fault acts.

    `when(call)` says whether it acts on a call at all; `region(y)` marks where in the output (axes N, C, then space).
    """

    sentence: str
    when: Callable[[Call], bool] | None = None
    region: Region | None = None

    def holds(self, call: Call) -> bool:
        """Say whether the fault acts on this call; a condition about sizes holds for no call without a meaning."""
        return self.when is None or bool(self.when(call))


def sensible(call: Call) -> bool:
    """Say whether a call has a meaning, so that its sizes can be asked for."""
    return next(objections(call), None) is None


def axes(call: Call) -> tuple[Axis, ...]:
    """Return the spatial axes of a call, the first stage's where it is separable."""
    told = translate(call)[0]
    lengths = [
        w + sum(pair) for w, pair in zip(call.extents("input"), call.before or ((0, 0),) * call.rank, strict=True)
    ]
    lengths = stuff(np.zeros((1, 1, *(max(w, 0) for w in lengths))), told).shape[2:]
    return HONEST.measure(lengths, call.extents(told.kernel), told)


def sized(test: Callable[[Call], bool]) -> Callable[[Call], bool]:
    """Return a test of sizes, which no call without a meaning passes."""
    return lambda call: sensible(call) and test(call)


def some(test: Callable[[Axis], bool]) -> Callable[[Call], bool]:
    """Return whether some spatial axis passes a test."""
    return sized(lambda call: any(map(test, axes(call))))


def window(axis: Axis) -> int:
    """Return the extent of the dilated window."""
    return axis.taps + (axis.taps - 1) * (axis.dilation - 1)


def channels(call: Call) -> int:
    """Return the number of input channels."""
    return call.extent("input", "C")


def off_block(count: Callable[[Call], int], block: int) -> Callable[[Call], bool]:
    """Return whether a count is beyond a block, and no multiple of it."""
    return sized(lambda call: count(call) > block and count(call) % block != 0)


def joined(conditions: Sequence[Condition]) -> Condition:
    """Return the condition under which all of some hold, in the part of the output that all mark."""
    regions = [each.region for each in conditions if each.region is not None]
    return Condition(
        sentence=" ".join(each.sentence for each in conditions),
        when=lambda call: all(each.holds(call) for each in conditions),
        region=_common(regions) if regions else None,
    )


def _common(regions: Sequence[Region]) -> Region:
    def region(y: Array) -> Array:
        return np.asarray(np.logical_and.reduce([each(y) for each in regions]))

    return region
