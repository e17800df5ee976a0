"""A picture in characters: which taps take which elements of the input, as it should be and as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core import Array, Call
from .comparison import Comparison, index
from .tap_map import TapMap

#: So many elements are shown along each axis, around those that matter.
WIDE, HIGH = 32, 9
#: The taps by their places in the spatial axes that are shown; several at one element are a `*`, what is beyond a `#`.
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def picture(of: Comparison) -> list[str]:
    """Return the taps of the first output that differs, in the plane of the input in which it does."""
    call, output = of.call, int(np.argmax(of.differs.any(axis=0)))
    tap = int(np.argmax(of.differs[:, output]))
    taken = [int(each.reads[tap, output]) for each in (of.right, of.seen) if each.reads[tap, output] >= 0]
    place = _place(call, "input", taken[0] if taken else 0)
    shown = call.spatial[-2:]
    fixed = {letter: at for letter, at in place.items() if letter not in shown}
    rows = [_cut(_grid(call, each, output, fixed), [place[letter] for letter in shown]) for each in (of.right, of.seen)]
    width = max(len("should be"), len(rows[0][0]))
    where = ", ".join(f"{letter} {at}" for letter, at in fixed.items())
    head = f"output {index(output, of.expected.shape)}, input {where}: which taps take which elements"
    lines = [("should be", "is"), *zip(*rows, strict=True)]
    return [head, *(f"  {one:<{width}}  {other}" for one, other in lines)]


def _place(call: Call, name: str, at: int) -> dict[str, int]:
    """Return where in an array of a call a place of the flat one is, by the letters of its axes."""
    found = np.unravel_index(at, call.array(name).shape)
    return dict(zip(call.letters(name), map(int, found), strict=True))


def _grid(call: Call, tapmap: TapMap, output: int, fixed: Mapping[str, int]) -> Array:
    """Return one character for each element of a plane of the input: the tap that an output takes it with."""
    shown = call.spatial[-2:]
    grid = np.full([call.extent("input", letter) for letter in shown], ".")
    for tap in np.flatnonzero(tapmap.reads[:, output] >= 0):
        place = _place(call, "input", int(tapmap.reads[tap, output]))
        if all(place[letter] == at for letter, at in fixed.items()):
            at = tuple(place[letter] for letter in shown)
            grid[at] = "*" if grid[at] != "." else _digit(call, int(tapmap.taps[tap]))
    return grid


def _digit(call: Call, tap: int) -> str:
    place, number = _place(call, "kernel", tap), 0
    for letter in call.spatial[-2:]:
        number = number * call.extent("kernel", letter) + place[letter]
    return DIGITS[number] if number < len(DIGITS) else "#"


def _cut(grid: Array, centre: list[int]) -> list[str]:
    """Return the rows of a grid around an element."""
    rows = grid if grid.ndim > 1 else grid[None]
    row, column = [0, *centre][-2:]
    top, left = max(0, row - HIGH // 2), max(0, column - WIDE // 2)
    return ["".join(each) for each in rows[top : top + HIGH, left : left + WIDE]]
