"""
Combinations of values, without trying them all: a covering array of pairs, and pseudo-random draws.

A combination is a tuple of positions, one for each axis, into that axis' values.
Both are made by rules that any language can repeat; random numbers are those of the format's generator.

Source of the array: D. Cohen, S. Dalal, M. Fredman, G. Patton, "The AETG system: an approach to testing based on
combinatorial design", IEEE Transactions on Software Engineering 23 (1997): one row at a time, each axis taking the
value that meets most pairs not met before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import TypeAlias

from ...core import MODULUS

Row: TypeAlias = "tuple[int, ...]"
#: Says whether a combination is wanted.
Wanted: TypeAlias = "Callable[[Row], bool]"

MULTIPLIER = 16807
#: In how many orders of the axes a row is tried around a pair, before the pair counts as impossible.
TRIES = 40
#: Of how many candidates a row is the best.
CANDIDATES = 8


def pairs(sizes: Sequence[int], is_wanted: Wanted, seed: int) -> Iterator[Row]:
    """
    Yield rows in which every two values of every two axes stand together, if any wanted row has both.

    `sizes` are the numbers of values of the axes.
    """
    left = Pairs(sizes)
    chance = Chance(seed)
    while (pair := left.first()) is not None:
        row = _row(left, pair, is_wanted, chance)
        left.strike(pair)
        if row is not None:
            left.meet(row)
            yield row


def drawn(sizes: Sequence[int], count: int, seed: int) -> Iterator[Row]:
    """Yield `count` different rows, each value drawn with equal chance; fewer where there are no more."""
    chance, seen = Chance(seed), set[Row]()
    most = 1
    for size in sizes:
        most *= size
    while len(seen) < min(count, most):
        row = tuple(chance.below(size) for size in sizes)
        if row not in seen:
            seen.add(row)
            yield row


class Chance:
    """The format's generator: x <- 16807 * x mod (2**31 - 1), of which the first draw is discarded."""

    def __init__(self, seed: int) -> None:
        self._x = seed * MULTIPLIER % MODULUS

    def below(self, count: int) -> int:
        """Return a whole number from 0 to `count` - 1."""
        self._x = self._x * MULTIPLIER % MODULUS
        return self._x * count // MODULUS

    def shuffled(self, items: Sequence[int]) -> list[int]:
        """Return the items in another order, by drawing one after the other."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in items]


class Pairs:
    """
    The pairs of values that no row has met yet.

    A value is a number counted through all axes; `_open[v]` has a bit for each value that v has not met.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        starts = [sum(sizes[:axis]) for axis in range(len(sizes) + 1)]
        self.values = [range(start, end) for start, end in pairwise(starts)]
        self.axis = [axis for axis, values in enumerate(self.values) for _ in values]
        everything = (1 << starts[-1]) - 1
        self._open = [everything & ~_bits(self.values[self.axis[value]]) for value in range(starts[-1])]

    def first(self) -> tuple[int, int] | None:
        """Return the first pair left, if there is one."""
        for value, others in enumerate(self._open):
            if others:
                return value, (others & -others).bit_length() - 1
        return None

    def new(self, value: int, chosen: int) -> int:
        """Return how many of the chosen values (as bits) a value has not met."""
        return (self._open[value] & chosen).bit_count()

    def strike(self, pair: tuple[int, int]) -> None:
        """Take a pair out."""
        one, other = pair
        self._open[one] &= ~(1 << other)
        self._open[other] &= ~(1 << one)

    def meet(self, row: Row) -> None:
        """Take the pairs of a row out."""
        values = [self.values[axis][at] for axis, at in enumerate(row)]
        for pair in combinations(values, 2):
            self.strike(pair)


def _bits(values: Sequence[int]) -> int:
    return sum(1 << value for value in values)


def _row(left: Pairs, pair: tuple[int, int], is_wanted: Wanted, chance: Chance) -> Row | None:
    """Return the best of some wanted rows around a pair, None where no try gives one."""
    best: tuple[int, Row] | None = None
    found = 0
    for _ in range(TRIES):
        count, row = _around(left, pair, chance)
        if (best is None or count > best[0]) and is_wanted(row):
            best = count, row
        found += best is not None
        if found >= CANDIDATES:
            break
    return best and best[1]


def _around(left: Pairs, pair: tuple[int, int], chance: Chance) -> tuple[int, Row]:
    """
    Return a row around a pair, and how many new pairs it meets: axes in random order, ties broken by chance.

    In every other try the other values are drawn as well: what meets most pairs may be what no wanted row has.
    """
    chosen = {left.axis[value]: value for value in pair}
    bits, count, is_greedy = _bits(pair), 1, chance.below(2) == 0
    for axis in chance.shuffled([axis for axis in range(len(left.values)) if axis not in chosen]):
        values = chance.shuffled(left.values[axis])
        value = max(values, key=lambda each: left.new(each, bits)) if is_greedy else values[0]
        count += left.new(value, bits)
        chosen[axis] = value
        bits |= 1 << value
    return count, tuple(chosen[axis] - left.values[axis][0] for axis in range(len(left.values)))
