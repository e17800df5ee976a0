"""
Which features, taken together, tell some calls from others: the simplest conjunctions, one after the other.

A conjunction is worth the bits that it saves against a list of the calls that it covers: its share of those that pick
all failing calls out of all, less those that its features take, and less those that tell its calls from the others that
fulfil it. So a feature must earn its place, and a condition that others fulfil must be much simpler to be taken.
Each time the one that saves most is taken, and what it covers is left out. One that others fulfil gives way to several
that they do not, if these take fewer bits. Ties go to what stands first in the table of features: the same calls always
give the same conditions.

Source of the measure: J. Rissanen, "Modeling by shortest data description", Automatica 14 (1978).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, combinations
from math import lgamma, log
from operator import and_
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..calls import FEATURES, Condition, FeatureValue
from ..core import Array
from ..records import MIN_CALLS

#: Calls as the bits of an integer, by their positions.
Bits: TypeAlias = int

#: A conjunction has so many features at most.
LONGEST = 4
#: So many conjunctions of each length are tried with one feature more.
KEPT = 25
#: What a feature costs in bits: one that is a word or holds, one that does not hold, a number.
HOLDS, DOES_NOT, NUMBER = 9.0, 10.0, 11.0
#: What a condition costs once another call fulfils it.
INEXACT = 18.0
#: Where exact conditions are looked for, what others fulfil saves this share of what it saves otherwise.
SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Part:
    """Calls under one condition: their positions among those to be told, and how many of the others fulfil it too."""

    condition: Condition
    members: tuple[int, ...]
    others: int


class Literal(NamedTuple):
    """A feature with one value, or a bound, and what it costs."""

    name: str
    value: FeatureValue
    cost: float


class Conjunction(NamedTuple):
    """Literals by their positions, the calls that are told by them, the others that fulfil them too, and their cost."""

    literals: tuple[int, ...]
    told: Bits
    others: Bits
    cost: float


class Table:
    """The features of all calls, column by column."""

    def __init__(self, rows: Sequence[Mapping[str, FeatureValue]]) -> None:
        self._columns = {name: _column([row.get(name) for row in rows], each.kind) for name, each in FEATURES.items()}

    def literals(self, rows: Array) -> list[Literal]:
        """Return what can be said of the calls in some rows: words and what holds first, numbers last."""
        found = [literal for name in FEATURES for literal in _literals(name, self._columns[name][rows])]
        return sorted(found, key=lambda literal: literal.cost)

    def bits(self, literal: Literal, rows: Array) -> Bits:
        """Return which of the calls in these rows it holds for."""
        column = self._columns[literal.name][rows]
        if FEATURES[literal.name].kind is int and isinstance(literal.value, str):
            bound = int(literal.value[2:])
            return _packed(column >= bound if literal.value.startswith(">=") else column <= bound)
        return _packed(column == literal.value)


def _column(values: list[FeatureValue | None], kind: type) -> Array:
    if kind is int:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    missing: Any = False if kind is bool else ""
    return np.array([missing if value is None else value for value in values], bool if kind is bool else np.str_)


def _literals(name: str, column: Array) -> Iterator[Literal]:
    kind = FEATURES[name].kind
    if kind is bool:
        yield from (Literal(name, bool(value), HOLDS if value else DOES_NOT) for value in np.unique(column))
    elif kind is str:
        yield from (Literal(name, str(value), HOLDS) for value in np.unique(column) if value)
    else:
        values = [int(value) for value in np.unique(column[~np.isnan(column)])]
        yield from (Literal(name, value, HOLDS if name == "rank" else NUMBER) for value in values)
        yield from (Literal(name, f"{sign}{value}", NUMBER) for sign in (">=", "<=") for value in values)


def _packed(holds: Array) -> Bits:
    return int.from_bytes(np.packbits(holds, bitorder="little").tobytes(), "little")


def _positions(bits: Bits) -> Iterator[int]:
    while bits:
        yield (bits & -bits).bit_length() - 1
        bits &= bits - 1


class Search:
    """Finds what tells calls of a table from the others, which stand in these rows."""

    def __init__(self, table: Table, others: Array) -> None:
        self._table = table
        self._others = others
        self._known: dict[tuple[str, FeatureValue], Bits] = {}

    def parts(self, rows: Sequence[int]) -> list[Part]:
        """
        Return the calls in these rows of the table by the conditions that tell them from the others, each call once.

        What no condition tells is the last part, under no condition.
        """
        told = np.array(rows, int)
        sides, calls = self._sides(told), (len(told), len(self._others))
        everything = Conjunction((), (1 << len(told)) - 1, (1 << len(self._others)) - 1, 0.0)
        found: list[Conjunction] = []
        for wide in _split(sides, everything, Measure(*calls)):
            found += _narrowed(wide, sides, everything, Measure(*calls, SHARE))
        return _merged([_part(each, sides) for each in found])

    def exact(self, rows: Sequence[int]) -> Condition | None:
        """
        Return the simplest one or two features that all calls in these rows have, and of the others none.

        Where few calls are told from few others, so much may hold by chance: no condition is worth its bits there.
        """
        told = np.array(rows, int)
        everything = (1 << len(told)) - 1
        shared = [side for side in self._sides(told) if side.told == everything]
        chosen: Iterator[tuple[Side, ...]] = chain(combinations(shared, 1), combinations(shared, 2))
        found = next((sides for sides in chosen if not reduce(and_, (side.others for side in sides))), None)
        return None if found is None else _condition([side.literal for side in found])

    def _sides(self, told: Array) -> list[Side]:
        """Return what can be said of the calls, each once; of what holds for the same calls, the first."""
        found: dict[tuple[Bits, Bits], Side] = {}
        for literal in self._table.literals(told):
            side = Side(literal, self._table.bits(literal, told), self._bits(literal))
            found.setdefault((side.told, side.others), side)
        return list(found.values())

    def _bits(self, literal: Literal) -> Bits:
        key = (literal.name, literal.value)
        if key not in self._known:
            self._known[key] = self._table.bits(literal, self._others)
        return self._known[key]


class Side(NamedTuple):
    """A literal, and the calls to be told and the others that it holds for."""

    literal: Literal
    told: Bits
    others: Bits


class Measure:
    """What conjunctions save, in bits, where so many calls are to be told from so many others."""

    def __init__(self, told: int, others: int, share: float = 1.0) -> None:
        self._each = _choices(told + others, told) / told
        self._share = share

    def at_best(self, told: int, cost: float) -> float:
        """Return what a conjunction saves that covers so many calls, if it becomes exact."""
        return told * self._each - cost

    def saved(self, found: Conjunction) -> float:
        """Return what a conjunction saves."""
        told, others = found.told.bit_count(), found.others.bit_count()
        saved = self.at_best(told, found.cost)
        return round(saved - INEXACT - _choices(told + others, told), 6) if others else saved

    def counted(self, found: Conjunction) -> float:
        """Return what it saves as far as it counts beside exact ones."""
        return self.saved(found) * (self._share if found.others else 1.0)

    def taken(self, found: Sequence[Conjunction]) -> float:
        """Return how many bits conjunctions take, and the calls that none tells."""
        return sum(each.told.bit_count() * self._each - max(self.saved(each), 0.0) for each in found)

    def rank(self, found: Conjunction) -> tuple[float, int, tuple[int, ...]]:
        """Return where a conjunction stands: those that count more first, then the shorter ones, then by the table."""
        return (-self.counted(found), len(found.literals), found.literals)


def _choices(count: int, chosen: int) -> float:
    """Return the bits that tell which calls are chosen out of so many."""
    return (lgamma(count + 1) - lgamma(chosen + 1) - lgamma(count - chosen + 1)) / log(2)


def _split(sides: Sequence[Side], everything: Conjunction, measure: Measure) -> Iterator[Conjunction]:
    """Yield conjunctions until all calls are told; one of nothing for those that none tells."""
    left = everything.told
    while left:
        best = _best(sides, everything._replace(told=left), measure)
        yield best
        left &= ~best.told


def _narrowed(
    wide: Conjunction, sides: Sequence[Side], everything: Conjunction, measure: Measure
) -> Sequence[Conjunction]:
    """Return the conjunction, or those that tell its calls more exactly and take no more bits."""
    if not wide.others or not wide.literals:
        return [wide]
    narrow = list(_split(sides, everything._replace(told=wide.told), measure))
    return narrow if measure.taken(narrow) <= measure.taken([wide]) else [wide]


def _condition(literals: Sequence[Literal]) -> Condition:
    wanted = {literal.name: (literal.value,) for literal in literals}
    return Condition(wanted={name: wanted[name] for name in FEATURES if name in wanted})


def _part(found: Conjunction, sides: Sequence[Side]) -> Part:
    condition = _condition([sides[at].literal for at in found.literals])
    return Part(condition=condition, members=tuple(_positions(found.told)), others=found.others.bit_count())


def _best(sides: Sequence[Side], everything: Conjunction, measure: Measure) -> Conjunction:
    """Return the conjunction that counts most, the one of nothing if none saves anything."""
    found, level = [everything], [everything]
    for _ in range(LONGEST):
        least = max(map(measure.counted, found))
        longer = {each.literals: each for one in level for each in _longer(one, sides, measure, least)}
        found += sorted(longer.values(), key=measure.rank)[:1]
        inexact = (each for each in longer.values() if each.others)
        level = sorted(inexact, key=lambda each: (-_told_apart(each, everything), each.literals))[:KEPT]
    best = min(found, key=measure.rank)
    return best if measure.saved(best) > 0 else everything


def _told_apart(found: Conjunction, everything: Conjunction) -> float:
    """Return how many bits less it takes to pick the calls if it is known of each whether it fulfils a conjunction."""
    told, others = found.told.bit_count(), found.others.bit_count()
    left, rest = everything.told.bit_count() - told, everything.others.bit_count() - others
    return round(-_choices(told + others, told) - _choices(left + rest, left), 6)


def _longer(one: Conjunction, sides: Sequence[Side], measure: Measure, most: float) -> Iterator[Conjunction]:
    """Yield a conjunction with one literal more: those that leave others out and may yet save the most."""
    names = {sides[at].literal.name for at in one.literals}
    for at, side in enumerate(sides):
        told, cost = one.told & side.told, one.cost + side.literal.cost
        count = told.bit_count()
        if count < MIN_CALLS or measure.at_best(count, cost) <= most or side.literal.name in names:
            continue
        others = one.others & side.others
        if others != one.others:
            yield Conjunction(tuple(sorted((*one.literals, at))), told, others, cost)


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Put parts together whose conditions differ in the words or numbers of one feature alone."""
    merged: list[Part] = []
    for part in parts:
        at = next((at for at, other in enumerate(merged) if _differing(part.condition, other.condition)), None)
        if at is None:
            merged.append(part)
        else:
            merged[at] = _joined(merged[at], part)
    return merged if len(merged) == len(parts) else _merged(merged)


def _differing(one: Condition, other: Condition) -> str:
    """Return the one feature whose values differ; an empty text if there is no such feature, or it may hold or not."""
    if one.wanted.keys() != other.wanted.keys():
        return ""
    names = [name for name, values in one.wanted.items() if values != other.wanted[name]]
    return names[0] if len(names) == 1 and FEATURES[names[0]].kind is not bool else ""


def _joined(one: Part, other: Part) -> Part:
    name = _differing(one.condition, other.condition)
    both = {*one.condition.wanted[name], *other.condition.wanted[name]}
    values = tuple(sorted(both, key=lambda value: (isinstance(value, str), value)))
    return Part(
        condition=Condition(wanted={**one.condition.wanted, name: values}),
        members=tuple(sorted(one.members + other.members)),
        others=one.others + other.others,
    )
