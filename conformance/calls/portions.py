"""
Portions of an output to which a fault may be restricted, such as every sample but the first, or the border.

A portion depends only on the shape (N, O, spatial…) of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from ..core import Array

#: Accepts the shape of an output and returns a boolean array of this shape, which is true inside the portion.
Portion: TypeAlias = Callable[[tuple[int, ...]], Array]

#: The axes of an output. Each key is the word that reports use for one index along the axis.
AXES = {"sample": 0, "output channel": 1, "place of the last axis": -1, "place of the first spatial axis": 2}
#: Block sizes of vectorised libraries, which process the elements after the last full block separately.
BLOCKS = (4, 8, 16)

#: Functions that mark some of the indices `at` of an axis with `length` elements. `{}` in a key is replaced by a key of
#: `AXES`.
_PLACES: dict[str, Callable[[Array, int], Array]] = {
    "in every {} but the first": lambda at, length: at > 0,
    "in the first {}": lambda at, length: at == 0,
    "in the last {}": lambda at, length: at == length - 1,
    "in every {} but the last": lambda at, length: at < length - 1,
    "in the last {} of several": lambda at, length: (at == length - 1) & (length > 1),
    "in each {} but the first and the last": lambda at, length: (at > 0) & (at < length - 1),
    "in every second {}": lambda at, length: at % 2 == 1,
}


def _from(low: int) -> Callable[[Array, int], Array]:
    return lambda at, length: at >= low


def _behind(block: int) -> Callable[[Array, int], Array]:
    return lambda at, length: at >= length // block * block


_PLACES |= {f"in each {{}} from index {low} on": _from(low) for low in (2, 3, *BLOCKS)}
_PLACES |= {f"in each {{}} behind the last full block of {block}": _behind(block) for block in BLOCKS}


def _along(axis: int, places: Callable[[Array, int], Array]) -> Portion:
    def marked(shape: tuple[int, ...]) -> Array:
        length = shape[axis]
        along = places(np.arange(length), length)
        return np.broadcast_to(along.reshape(-1, *(1,) * (len(shape) - axis % len(shape) - 1)), shape)

    return marked


def _inside(shape: tuple[int, ...]) -> Array:
    marked = np.zeros(shape, bool)
    marked[(slice(None), slice(None), *(slice(1, -1) for _ in shape[2:]))] = True
    return marked


def _corners(shape: tuple[int, ...]) -> Array:
    marked = np.ones(shape, bool)
    for axis in range(2, len(shape)):
        marked &= _along(axis, lambda at, length: (at == 0) | (at == length - 1))(shape)
    return marked


def _portions() -> Iterator[tuple[str, Portion]]:
    for text, places in _PLACES.items():
        yield from ((text.format(name), _along(axis, places)) for name, axis in AXES.items())
    yield "away from every border", _inside
    yield "at the border", lambda shape: ~_inside(shape)
    yield "in the corners", _corners


#: All portions, keyed by description. If several portions cover the same elements in all outputs, a report names the
#: portion that is listed first.
PORTIONS: Mapping[str, Portion] = dict(_portions())
