"""
Search for conditions: the simplest conjunctions of features that separate selected calls from all other calls.

The score of a conjunction is the number of bits that it saves (minimum description length). Listing the k selected
calls among n calls takes log2 C(n, k) bits, which is log2 C(n, k) / k for each selected call. A conjunction saves this
number of bits for each selected call that meets it, minus the cost of its features. A conjunction is inexact if other
calls also meet it. An inexact conjunction costs INEXACT additional bits, and also the bits that separate the selected
calls that meet it from the other calls that meet it. A feature must therefore save more bits than it costs, and an
inexact condition must be much simpler than an exact one.

The search takes the conjunction that saves the most bits, removes the calls that meet it, and repeats. It replaces an
inexact conjunction by several narrower ones if these take no more bits. If several conjunctions save equally many bits,
the search prefers fewer features, and then features that come first in the table. The same calls therefore always have
the same conditions.

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

#: A set of calls as an integer: bit i is 1 if the call at position i is in the set.
Bits: TypeAlias = int

#: The largest number of features in a conjunction.
LONGEST = 4
#: The number of conjunctions of each length that are extended by another feature (beam width).
KEPT = 25
#: The cost in bits of the requirement that a feature is true or equals a string (HOLDS), that a feature is false
#: (DOES_NOT), and that a feature equals a number or satisfies a bound (NUMBER).
HOLDS, DOES_NOT, NUMBER = 9.0, 10.0, 11.0
#: The additional cost in bits of an inexact condition, which other calls also meet.
INEXACT = 18.0
#: While the search looks for narrower conditions, it multiplies the savings of inexact conditions by this factor.
SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Part:
    """A condition, the positions of its calls among the selected calls, and the number of other calls that meet it."""

    condition: Condition
    members: tuple[int, ...]
    others: int


class Literal(NamedTuple):
    """A feature that must have one value or satisfy a bound such as `>=3`, and the cost of this requirement in bits."""

    name: str
    value: FeatureValue
    cost: float


class Conjunction(NamedTuple):
    """Literals (as indices into `sides`), their total cost, and the selected and the other calls that meet them."""

    literals: tuple[int, ...]
    selected: Bits
    others: Bits
    cost: float


class Table:
    """The features of all calls: a row for each call, a column for each feature."""

    def __init__(self, rows: Sequence[Mapping[str, FeatureValue]]) -> None:
        self._columns = {name: _column([row.get(name) for row in rows], each.kind) for name, each in FEATURES.items()}

    def literals(self, rows: Array) -> list[Literal]:
        """Return the literals that hold for at least one call in `rows`, the cheapest literal first."""
        found = [literal for name in FEATURES for literal in _literals(name, self._columns[name][rows])]
        return sorted(found, key=lambda literal: literal.cost)

    def bits(self, literal: Literal, rows: Array) -> Bits:
        """Return the set of calls for which a literal holds: bit i is 1 if it holds for the call `rows[i]`."""
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
    """A search for conditions that separate selected calls of a table from the calls in the table's rows `others`."""

    def __init__(self, table: Table, others: Array) -> None:
        self._table = table
        self._others = others
        self._known: dict[tuple[str, FeatureValue], Bits] = {}

    def parts(self, rows: Sequence[int]) -> list[Part]:
        """
        Return the parts into which conditions split the calls in `rows`. Each call is in exactly one part.

        The conditions separate these calls from the other calls. Calls that no condition separates form a part with
        an empty condition.
        """
        selected = np.array(rows, int)
        sides, calls = self._sides(selected), (len(selected), len(self._others))
        everything = Conjunction((), (1 << len(selected)) - 1, (1 << len(self._others)) - 1, 0.0)
        found: list[Conjunction] = []
        for wide in _split(sides, everything, Measure(*calls)):
            found += _narrowed(wide, sides, everything, Measure(*calls, SHARE))
        return _merged([_part(each, sides) for each in found])

    def exact(self, rows: Sequence[int]) -> Condition | None:
        """
        Return the simplest condition of one or two features that all calls in `rows` meet and no other call meets.

        None means that no such condition exists. For few calls, it is possible that no condition saves bits, so that
        `parts` finds none. This method may still find a condition, which may then hold by chance.
        """
        selected = np.array(rows, int)
        everything = (1 << len(selected)) - 1
        shared = [side for side in self._sides(selected) if side.selected == everything]
        chosen: Iterator[tuple[Side, ...]] = chain(combinations(shared, 1), combinations(shared, 2))
        found = next((sides for sides in chosen if not reduce(and_, (side.others for side in sides))), None)
        return None if found is None else _condition([side.literal for side in found])

    def _sides(self, selected: Array) -> list[Side]:
        """Return the literals that hold for a selected call, but only one of several that hold for the same calls."""
        found: dict[tuple[Bits, Bits], Side] = {}
        for literal in self._table.literals(selected):
            side = Side(literal, self._table.bits(literal, selected), self._bits(literal))
            found.setdefault((side.selected, side.others), side)
        return list(found.values())

    def _bits(self, literal: Literal) -> Bits:
        key = (literal.name, literal.value)
        if key not in self._known:
            self._known[key] = self._table.bits(literal, self._others)
        return self._known[key]


class Side(NamedTuple):
    """A literal, and the selected and the other calls for which the literal holds."""

    literal: Literal
    selected: Bits
    others: Bits


class Measure:
    """Counts the bits that conjunctions save when they separate `selected` calls from `others` other calls."""

    def __init__(self, selected: int, others: int, share: float = 1.0) -> None:
        self._each = _choices(selected + others, selected) / selected
        self._share = share

    def at_best(self, selected: int, cost: float) -> float:
        """Return the bits that an exact conjunction of this cost saves if `selected` of the selected calls meet it."""
        return selected * self._each - cost

    def saved(self, found: Conjunction) -> float:
        """Return the bits that a conjunction saves."""
        selected, others = found.selected.bit_count(), found.others.bit_count()
        saved = self.at_best(selected, found.cost)
        return round(saved - INEXACT - _choices(selected + others, selected), 6) if others else saved

    def counted(self, found: Conjunction) -> float:
        """Return the bits that a conjunction saves, multiplied by `share` if the conjunction is inexact."""
        return self.saved(found) * (self._share if found.others else 1.0)

    def taken(self, found: Sequence[Conjunction]) -> float:
        """
        Return the number of bits that encode the selected calls of all conjunctions.

        If a conjunction saves no bits, its calls are encoded by a list and not by the conjunction.
        """
        return sum(each.selected.bit_count() * self._each - max(self.saved(each), 0.0) for each in found)

    def rank(self, found: Conjunction) -> tuple[float, int, tuple[int, ...]]:
        """Return the sort key of a conjunction: larger savings first, then fewer literals, then table order."""
        return (-self.counted(found), len(found.literals), found.literals)


def _choices(count: int, chosen: int) -> float:
    """Return log2 C(count, chosen), the number of bits that it takes to select `chosen` calls out of `count`."""
    return (lgamma(count + 1) - lgamma(chosen + 1) - lgamma(count - chosen + 1)) / log(2)


def _split(sides: Sequence[Side], everything: Conjunction, measure: Measure) -> Iterator[Conjunction]:
    """
    Yield conjunctions until each selected call meets one of them.

    If no condition separates the remaining calls, the last conjunction is empty.
    """
    left = everything.selected
    while left:
        best = _best(sides, everything._replace(selected=left), measure)
        yield best
        left &= ~best.selected


def _narrowed(
    wide: Conjunction, sides: Sequence[Side], everything: Conjunction, measure: Measure
) -> Sequence[Conjunction]:
    """Return narrower conjunctions in place of an inexact `wide`; return `wide` itself if it takes fewer bits."""
    if not wide.others or not wide.literals:
        return [wide]
    narrow = list(_split(sides, everything._replace(selected=wide.selected), measure))
    return narrow if measure.taken(narrow) <= measure.taken([wide]) else [wide]


def _condition(literals: Sequence[Literal]) -> Condition:
    wanted = {literal.name: (literal.value,) for literal in literals}
    return Condition(wanted={name: wanted[name] for name in FEATURES if name in wanted})


def _part(found: Conjunction, sides: Sequence[Side]) -> Part:
    condition = _condition([sides[at].literal for at in found.literals])
    return Part(condition=condition, members=tuple(_positions(found.selected)), others=found.others.bit_count())


def _best(sides: Sequence[Side], everything: Conjunction, measure: Measure) -> Conjunction:
    """Return the conjunction that ranks first, or the empty conjunction if no conjunction saves bits."""
    found, level = [everything], [everything]
    for _ in range(LONGEST):
        least = max(map(measure.counted, found))
        longer = {each.literals: each for one in level for each in _extensions(one, sides, measure, least)}
        found += sorted(longer.values(), key=measure.rank)[:1]
        inexact = (each for each in longer.values() if each.others)
        level = sorted(inexact, key=lambda each: (-_separation(each, everything), each.literals))[:KEPT]
    best = min(found, key=measure.rank)
    return best if measure.saved(best) > 0 else everything


def _separation(found: Conjunction, everything: Conjunction) -> float:
    """
    Return how well a conjunction separates the selected calls from the other calls; larger values are better.

    The value is -b. Here b is the number of bits that still identify the selected calls once it is known which calls
    meet the conjunction.
    """
    selected, others = found.selected.bit_count(), found.others.bit_count()
    left, rest = everything.selected.bit_count() - selected, everything.others.bit_count() - others
    return round(-_choices(selected + others, selected) - _choices(left + rest, left), 6)


def _extensions(one: Conjunction, sides: Sequence[Side], measure: Measure, most: float) -> Iterator[Conjunction]:
    """
    Yield the conjunction `one` with one more literal.

    Each longer conjunction excludes further other calls. It would save more than `most` bits if it were exact.
    """
    names = {sides[at].literal.name for at in one.literals}
    for at, side in enumerate(sides):
        selected, cost = one.selected & side.selected, one.cost + side.literal.cost
        count = selected.bit_count()
        if count < MIN_CALLS or measure.at_best(count, cost) <= most or side.literal.name in names:
            continue
        others = one.others & side.others
        if others != one.others:
            yield Conjunction(tuple(sorted((*one.literals, at))), selected, others, cost)


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Merge parts whose conditions differ only in the required strings or numbers of one feature."""
    merged: list[Part] = []
    for part in parts:
        at = next((at for at, other in enumerate(merged) if _differing(part.condition, other.condition)), None)
        if at is None:
            merged.append(part)
        else:
            merged[at] = _joined(merged[at], part)
    return merged if len(merged) == len(parts) else _merged(merged)


def _differing(one: Condition, other: Condition) -> str:
    """
    Return the name of the only feature for which two conditions require different values.

    Return an empty string if there is no such feature, or if the feature is boolean.
    """
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
