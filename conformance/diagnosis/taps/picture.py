"""A text picture of the input elements that each tap reads: the expected plane beside the actual plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core import Array, Call
from .comparison import Comparison, index
from .tap_map import TapMap

#: The largest number of columns and of rows shown around the first wrong product.
WIDE, HIGH = 32, 9
#: The character of each tap, by the tap's flat index over the shown axes. Taps with larger indices are shown as `#`. An
#: element that several taps read is shown as `*`.
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def picture(of: Comparison) -> list[str]:
    """Return a picture of the taps of the first wrong output element, in the input plane of the first wrong product."""
    call, output = of.call, int(np.argmax(of.differs.any(axis=0)))
    tap = int(np.argmax(of.differs[:, output]))
    taken = [int(each.reads[tap, output]) for each in (of.right, of.seen) if each.reads[tap, output] >= 0]
    centre = _by_letter(call, "input", taken[0] if taken else 0)
    shown = call.spatial[-2:]
    fixed = {letter: at for letter, at in centre.items() if letter not in shown}
    rows = [
        _cut(_grid(call, each, output, fixed), [centre[letter] for letter in shown]) for each in (of.right, of.seen)
    ]
    width = max(len("should be"), len(rows[0][0]))
    where = ", ".join(f"{letter} {at}" for letter, at in fixed.items())
    head = f"output {index(output, of.expected.shape)}, input {where}: which taps take which elements"
    lines = [("should be", "is"), *zip(*rows, strict=True)]
    return [head, *(f"  {one:<{width}}  {other}" for one, other in lines)]


def _by_letter(call: Call, name: str, flat: int) -> dict[str, int]:
    """Unravel a flat index of an array, and return the index along each axis, keyed by the letter of the axis."""
    unravelled = np.unravel_index(flat, call.array(name).shape)
    return dict(zip(call.letters(name), map(int, unravelled), strict=True))


def _grid(call: Call, tapmap: TapMap, output: int, fixed: Mapping[str, int]) -> Array:
    """Return one character for each element of an input plane: the tap that reads the element for `output`."""
    shown = call.spatial[-2:]
    grid = np.full([call.extent("input", letter) for letter in shown], ".")
    for tap in np.flatnonzero(tapmap.reads[:, output] >= 0):
        read = _by_letter(call, "input", int(tapmap.reads[tap, output]))
        if all(read[letter] == at for letter, at in fixed.items()):
            at = tuple(read[letter] for letter in shown)
            grid[at] = "*" if grid[at] != "." else _digit(call, int(tapmap.taps[tap]))
    return grid


def _digit(call: Call, tap: int) -> str:
    position, number = _by_letter(call, "kernel", tap), 0
    for letter in call.spatial[-2:]:
        number = number * call.extent("kernel", letter) + position[letter]
    return DIGITS[number] if number < len(DIGITS) else "#"


def _cut(grid: Array, centre: list[int]) -> list[str]:
    """Return the rows of a grid around the element `centre`, at most HIGH rows of WIDE characters."""
    rows = grid if grid.ndim > 1 else grid[None]
    row, column = [0, *centre][-2:]
    top, left = max(0, row - HIGH // 2), max(0, column - WIDE // 2)
    return ["".join(each) for each in rows[top : top + HIGH, left : left + WIDE]]
