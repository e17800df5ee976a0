"""One spatial axis of a correct or faulty convolution: which input element each tap of each window reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core import Array, dilated


@dataclass(frozen=True, kw_only=True)
class Axis:
    """
    The geometry of one spatial axis.

    The axis has `length` elements. First, the padding step adds `ahead` = (low, high) zeros at the two ends. Then input
    dilation places the elements `spacing` positions apart. Finally, the padding of the convolution adds `low` and
    `high` positions at the two ends, which the padding mode `mode` fills. A negative amount crops. A window has `taps`
    taps that are `dilation` positions apart, and a new window starts every `stride` positions. If `windows` is not
    None, it replaces the number of windows that fit.
    """

    length: int
    taps: int
    stride: int = 1
    dilation: int = 1
    spacing: int = 1
    low: int = 0
    high: int = 0
    mode: str = "zeros"
    ahead: tuple[int, int] = (0, 0)
    windows: int | None = None

    @property
    def window(self) -> int:
        """The number of positions that a window spans."""
        return (self.taps - 1) * self.dilation + 1 if self.taps else 0

    @property
    def spread(self) -> int:
        """The number of positions after the padding step and input dilation, without the amounts `low` and `high`."""
        return dilated(max(self.length + sum(self.ahead), 0), self.spacing)

    @property
    def count(self) -> int:
        """The number of windows along the axis."""
        if self.windows is not None:
            return max(self.windows, 0)
        room = max(self.spread + self.low + self.high, 0) - self.window
        return room // self.stride + 1 if room >= 0 else 0


@lru_cache(maxsize=4096)
def reads(axis: Axis) -> Array:
    """
    Return the index of the element that each tap of each window reads.

    The shape is (windows, taps). The index `axis.length` means that the tap reads a zero.
    """
    positions = np.arange(axis.count)[:, None] * axis.stride - axis.low + np.arange(axis.taps) * axis.dilation
    if axis.mode != "zeros" and axis.spread:
        positions = copied(positions, axis.spread, axis.mode)
    inside = (positions >= 0) & (positions < axis.spread)
    if axis.spacing > 1:
        inside &= positions % axis.spacing == 0
        positions = positions // axis.spacing
    if axis.ahead != (0, 0):
        positions = positions - axis.ahead[0]
        inside &= (positions >= 0) & (positions < axis.length)
    indices = np.where(inside, positions, axis.length)
    indices.setflags(write=False)
    return indices


def copied(positions: Array, length: int, mode: str) -> Array:
    """Return, for each position, the source position in [0, length) whose element the padding mode copies."""
    if mode == "circular":
        return positions % length
    if mode == "replicate":
        return np.clip(positions, 0, length - 1)
    # A period is the axis followed by its mirror image. `symmetric` repeats the end elements, `reflect` does not.
    period = 2 * length if mode == "symmetric" else max(2 * length - 2, 1)
    offset = positions % period
    mirrored = period - offset - (mode == "symmetric")
    return np.asarray(np.minimum(offset, mirrored) if period > 1 else offset)
