"""A condition selects the calls to which a fault applies, and the output elements that the fault changes."""

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
    A condition selects the calls to which a fault applies, and the output elements that the fault changes.

    `sentence` describes the condition to readers. `when(call)` returns whether the fault applies to a call. If `when`
    is None, the fault applies to every call. `region(y)` returns a boolean mask that marks the affected elements of the
    output `y`, which has canonical axes. If `region` is None, all elements are affected.
    """

    sentence: str
    when: Callable[[Call], bool] | None = None
    region: Region | None = None

    def holds(self, call: Call) -> bool:
        """Return whether the fault applies to a call; a condition on sizes never applies to an undefined call."""
        return self.when is None or bool(self.when(call))


def sensible(call: Call) -> bool:
    """Return whether a call is defined; only a defined call has output sizes."""
    return next(objections(call), None) is None


def axes(call: Call) -> tuple[Axis, ...]:
    """Return the geometry of each spatial axis. A separable call has the geometry of its depthwise stage."""
    params = translate(call)[0]
    lengths = [
        w + sum(pair) for w, pair in zip(call.extents("input"), call.before or ((0, 0),) * call.rank, strict=True)
    ]
    lengths = stuff(np.zeros((1, 1, *(max(w, 0) for w in lengths))), params).shape[2:]
    return HONEST.measure(lengths, call.extents(params.kernel), params)


def sized(test: Callable[[Call], bool]) -> Callable[[Call], bool]:
    """Return a predicate that returns `test(call)` for a defined call, and False for an undefined call."""
    return lambda call: sensible(call) and test(call)


def some(test: Callable[[Axis], bool]) -> Callable[[Call], bool]:
    """Return a predicate that holds if a call is defined and `test` holds for at least one spatial axis of the call."""
    return sized(lambda call: any(map(test, axes(call))))


def window(axis: Axis) -> int:
    """Return the extent of the dilated window, (taps - 1) * dilation + 1."""
    return axis.taps + (axis.taps - 1) * (axis.dilation - 1)


def channels(call: Call) -> int:
    """Return the number of input channels."""
    return call.extent("input", "C")


def off_block(count: Callable[[Call], int], block: int) -> Callable[[Call], bool]:
    """Return a predicate that holds if a call is defined, count(call) > block, and count(call) % block != 0."""
    return sized(lambda call: count(call) > block and count(call) % block != 0)


def joined(conditions: Sequence[Condition]) -> Condition:
    """Return a condition that holds if all `conditions` hold; its region is the intersection of all their regions."""
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
