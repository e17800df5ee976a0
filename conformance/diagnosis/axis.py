"""One spatial axis of a convolution as somebody may have understood it: which element each tap of each window reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..core import Array, dilated


@dataclass(frozen=True, kw_only=True)
class Axis:
    """
    An axis of `length` elements, `spacing` apart, padded by `low` and `high` places, less where negative.

    `ahead` is the padding step before it all. Windows of `taps`, `dilation` apart, start every `stride` places;
    there are as many as fit, or as `windows` says. `mode` fills the border.
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
        """How many places a window spans."""
        return (self.taps - 1) * self.dilation + 1 if self.taps else 0

    @property
    def spread(self) -> int:
        """How many places the elements take, with what stands between them."""
        return dilated(max(self.length + sum(self.ahead), 0), self.spacing)

    @property
    def count(self) -> int:
        """How many windows there are."""
        if self.windows is not None:
            return max(self.windows, 0)
        room = max(self.spread + self.low + self.high, 0) - self.window
        return room // self.stride + 1 if room >= 0 else 0


@lru_cache(maxsize=4096)
def reads(axis: Axis) -> Array:
    """Return the element that each tap of each window reads, integers (windows, taps); `length` where it reads a zero."""
    places = np.arange(axis.count)[:, None] * axis.stride - axis.low + np.arange(axis.taps) * axis.dilation
    if axis.mode != "zeros" and axis.spread:
        places = copied(places, axis.spread, axis.mode)
    inside = (places >= 0) & (places < axis.spread)
    if axis.spacing > 1:
        inside &= places % axis.spacing == 0
        places = places // axis.spacing
    if axis.ahead != (0, 0):
        places = places - axis.ahead[0]
        inside &= (places >= 0) & (places < axis.length)
    found = np.where(inside, places, axis.length)
    found.setflags(write=False)
    return found


def copied(places: Array, length: int, mode: str) -> Array:
    """Return the places of an axis of `length` from which places, also beyond its ends, are filled."""
    if mode == "circular":
        return places % length
    if mode == "replicate":
        return np.clip(places, 0, length - 1)
    # The axis and its mirror image, with both ends twice or once.
    period = 2 * length if mode == "symmetric" else max(2 * length - 2, 1)
    turned = places % period
    back = period - turned - (mode == "symmetric")
    return np.asarray(np.minimum(turned, back) if period > 1 else turned)
