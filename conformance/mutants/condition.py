"""A condition: the calls, and the positions of an output, to which a fault applies."""

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
    The calls, and the elements of their outputs, to which a fault applies.

    `when(call)` returns whether the fault applies to a call; None means to every call. `region(y)` returns a boolean
    mask of the affected elements of the output (axes N, C, then space); None means all elements.
    """

    sentence: str
    when: Callable[[Call], bool] | None = None
    region: Region | None = None

    def holds(self, call: Call) -> bool:
        """Return whether the fault applies to this call; a condition on sizes never holds for an undefined call."""
        return self.when is None or bool(self.when(call))


def sensible(call: Call) -> bool:
    """Return whether a call is defined, so that its output sizes can be computed."""
    return next(objections(call), None) is None


def axes(call: Call) -> tuple[Axis, ...]:
    """Return the spatial axes of a call; for a separable convolution, those of the depthwise stage."""
    params = translate(call)[0]
    lengths = [
        w + sum(pair) for w, pair in zip(call.extents("input"), call.before or ((0, 0),) * call.rank, strict=True)
    ]
    lengths = stuff(np.zeros((1, 1, *(max(w, 0) for w in lengths))), params).shape[2:]
    return HONEST.measure(lengths, call.extents(params.kernel), params)


def sized(test: Callable[[Call], bool]) -> Callable[[Call], bool]:
    """Return `test` extended to all calls: an undefined call does not pass."""
    return lambda call: sensible(call) and test(call)


def some(test: Callable[[Axis], bool]) -> Callable[[Call], bool]:
    """Return the predicate that at least one spatial axis passes `test`."""
    return sized(lambda call: any(map(test, axes(call))))


def window(axis: Axis) -> int:
    """Return the extent of the dilated window."""
    return axis.taps + (axis.taps - 1) * (axis.dilation - 1)


def channels(call: Call) -> int:
    """Return the number of input channels."""
    return call.extent("input", "C")


def off_block(count: Callable[[Call], int], block: int) -> Callable[[Call], bool]:
    """Return the predicate that a count is greater than `block` and not a multiple of it."""
    return sized(lambda call: count(call) > block and count(call) % block != 0)


def joined(conditions: Sequence[Condition]) -> Condition:
    """Return the conjunction of conditions: all hold, and the region is the intersection of their regions."""
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
