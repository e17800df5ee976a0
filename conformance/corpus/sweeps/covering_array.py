"""
Choose some combinations of axis values: a pairwise covering array, or pseudo-random draws.

A combination is called a row. A row holds, for each axis, the index of one of the axis's values.
Programs in any language can reproduce both algorithms, because the random numbers come from the format's generator.

Source of the covering array: D. Cohen, S. Dalal, M. Fredman, G. Patton, "The AETG system: an approach to testing based
on combinatorial design", IEEE Transactions on Software Engineering 23 (1997).
The algorithm builds one row at a time. Each axis takes the value that covers the most uncovered pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import TypeAlias

from ...core import MODULUS

Row: TypeAlias = "tuple[int, ...]"
#: Returns whether the rules of the sweep allow a row.
Wanted: TypeAlias = "Callable[[Row], bool]"

MULTIPLIER = 16807
#: The number of rows tried for a pair before the pair counts as impossible.
TRIES = 40
#: The number of candidate rows for a pair, of which the best one is used.
CANDIDATES = 8


def pairs(sizes: Sequence[int], is_wanted: Wanted, seed: int) -> Iterator[Row]:
    """
    Yield allowed rows that cover every pair of values of two axes, except pairs for which no allowed row is found.

    `sizes` holds the number of values of each axis.
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
    """Yield `count` different rows with uniformly drawn values, or all rows if fewer than `count` exist."""
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
    """The format's generator: x[n+1] = 16807 * x[n] mod (2**31 - 1); x[0] is the seed, x[1] is discarded."""

    def __init__(self, seed: int) -> None:
        self._x = seed * MULTIPLIER % MODULUS

    def below(self, count: int) -> int:
        """Return a random integer from 0 to `count` - 1."""
        self._x = self._x * MULTIPLIER % MODULUS
        return self._x * count // MODULUS

    def shuffled(self, items: Sequence[int]) -> list[int]:
        """Return the items in random order, drawn one by one without replacement."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in items]


class Pairs:
    """
    The pairs of values of two axes that no row covers yet.

    Values are numbered consecutively over all axes. Bit u of `_open[v]` is set if the pair (u, v) is uncovered.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        starts = [sum(sizes[:axis]) for axis in range(len(sizes) + 1)]
        self.values = [range(start, end) for start, end in pairwise(starts)]
        self.axis = [axis for axis, values in enumerate(self.values) for _ in values]
        everything = (1 << starts[-1]) - 1
        self._open = [everything & ~_bits(self.values[self.axis[value]]) for value in range(starts[-1])]

    def first(self) -> tuple[int, int] | None:
        """Return the uncovered pair with the smallest value numbers, None if every pair is covered."""
        for value, others in enumerate(self._open):
            if others:
                return value, (others & -others).bit_length() - 1
        return None

    def new(self, value: int, chosen: int) -> int:
        """Return the number of uncovered pairs between `value` and the values in the bit set `chosen`."""
        return (self._open[value] & chosen).bit_count()

    def strike(self, pair: tuple[int, int]) -> None:
        """Mark a pair as covered."""
        one, other = pair
        self._open[one] &= ~(1 << other)
        self._open[other] &= ~(1 << one)

    def meet(self, row: Row) -> None:
        """Mark all pairs of a row as covered."""
        values = [self.values[axis][at] for axis, at in enumerate(row)]
        for pair in combinations(values, 2):
            self.strike(pair)


def _bits(values: Sequence[int]) -> int:
    return sum(1 << value for value in values)


def _row(left: Pairs, pair: tuple[int, int], is_wanted: Wanted, chance: Chance) -> Row | None:
    """Try several rows with `pair`; return the allowed row that covers most new pairs, None if none is allowed."""
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
    Return the number of uncovered pairs that a new row covers, and the row, which contains `pair`.

    The other axes are filled in random order. With probability 1/2, the row is greedy: each axis takes the value that
    covers the most uncovered pairs, with ties broken at random. With probability 1/2, all values of the other axes are
    random, because the rules of the sweep may exclude every greedy row.
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
