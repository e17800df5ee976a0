"""
What a run's failing calls have in common: groups of them, most likely one for each fault.

Calls that fail alike on one target (verdict, kind, place, entry of the ledger) are told from those that agree there by
the simplest conditions. Groups of targets of one framework that come to much the same are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..calls import CaseFeatures, Condition
from ..core import SEVERITIES, UNEXPECTED, Case, Verdict
from ..records import MIN_CALLS, Group, GroupCounts, Record, TargetInfo
from .condition_search import Part, Search, Table

#: Groups of two targets are one if they share this part of their calls, all under the first one's condition.
ALIKE = 0.8

FAILING = (*UNEXPECTED, "suite-error", "known")
AGREEING = ("agree", "fixed")


class Likeness(NamedTuple):
    """What the failing calls of a group have in common."""

    verdict: str
    severity: str | None
    kind: str | None
    where: str
    known: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """The ids of one target's calls: those that fail, by their likeness, and those that agree."""

    target: TargetInfo
    failing: dict[Likeness, list[str]] = field(default_factory=dict)
    agreeing: list[str] = field(default_factory=list)

    def take(self, verdict: Verdict) -> None:
        """Put a verdict on its side, if it is on one."""
        if verdict.verdict in AGREEING:
            self.agreeing.append(verdict.case)
        elif verdict.verdict in FAILING:
            self.failing.setdefault(_likeness(verdict), []).append(verdict.case)

    @property
    def ids(self) -> Iterator[str]:
        """Every id, where calls enough fail alike to look for a condition."""
        if any(len(ids) >= MIN_CALLS for ids in self.failing.values()):
            yield from self.agreeing
            for ids in self.failing.values():
                yield from ids


def _likeness(verdict: Verdict) -> Likeness:
    finding = verdict.finding
    kind, where = (finding.kind, finding.where) if finding is not None else (None, "output")
    return Likeness(verdict.verdict, verdict.severity, kind, where, verdict.known)


def lacks_groups(record: Record) -> bool:
    """Say whether calls of a record fail that are in no group, and could be: a condensed record lacks those that agree."""
    return not (record.groups or record.left_out) and any(each.verdict in FAILING for each in record.verdicts)


def grouped(record: Record, cases: Mapping[str, Case]) -> Record:
    """Return a record with the groups of its failing calls, unless it has them already."""
    return replace(record, groups=gather(record.verdicts, record.targets, cases)) if lacks_groups(record) else record


def gather(verdicts: Iterable[Verdict], targets: Sequence[TargetInfo], cases: Mapping[str, Case]) -> Sequence[Group]:
    """
    Return the groups of all failing calls: silent faults first, then those with the most calls; `known` ones last.

    Each failing call of a target is in exactly one group of it. A case that is not among `cases` has no features.
    """
    sides = {target.name: Sides(target=target) for target in targets}
    for verdict in verdicts:
        sides[verdict.target].take(verdict)
    return told_apart(list(sides.values()), cases, _place)


def told_apart(sides: Sequence[Sides], cases: Mapping[str, Case], place: Callable[[Group], Any]) -> tuple[Group, ...]:
    """Return the groups into which conditions part the failing calls of sides, in the order of `place`."""
    said = CaseFeatures(cases)
    ids = dict.fromkeys(case for side in sides for case in side.ids)
    table, rows = Table([said.features(case) for case in ids]), {case: row for row, case in enumerate(ids)}
    found: list[tuple[Sides, Group]] = []
    for side in sides:
        for group in _of_target(side, table, rows):
            _add(found, side, group, said)
    ordered = sorted((replace(group, cases=said.by_size(group.cases)) for _, group in found), key=place)
    return tuple(replace(group, name=f"g{number}") for number, group in enumerate(ordered, 1))


def _of_target(side: Sides, table: Table, rows: Mapping[str, int]) -> Iterator[Group]:
    search = Search(table, np.array([rows[case] for case in side.agreeing if case in rows], int))
    for likeness, ids in side.failing.items():
        for part in search.parts([rows[case] for case in ids]) if len(ids) >= MIN_CALLS else [_untold(ids, side)]:
            members = tuple(ids[at] for at in part.members)
            seen = GroupCounts(len(members), len(members) + part.others)
            yield Group(targets={side.target.name: seen}, condition=part.condition, cases=members, **likeness._asdict())


def _untold(ids: Sequence[str], side: Sides) -> Part:
    return Part(condition=Condition(), members=tuple(range(len(ids))), others=len(side.agreeing))


def _add(found: list[tuple[Sides, Group]], side: Sides, group: Group, said: CaseFeatures) -> None:
    """Put a group to that of another target of the framework which is much the same, else behind all."""
    for at, (first, other) in enumerate(found):
        if _is_one(first, other, side, group) and said.all_fulfil(other.condition, group.cases):
            both = tuple(dict.fromkeys(other.cases + group.cases))
            targets = {**other.targets, side.target.name: _seen(other.condition, side, group, said)}
            found[at] = (first, replace(other, targets=targets, cases=both))
            return
    found.append((side, group))


def _seen(condition: Condition, side: Sides, group: Group, said: CaseFeatures) -> GroupCounts:
    """Return the counts of a group under the condition of another."""
    if group.condition == condition:
        return group.targets[side.target.name]
    return GroupCounts(len(group.cases), len(group.cases) + said.count(condition, side.agreeing))


def _is_one(first: Sides, other: Group, side: Sides, group: Group) -> bool:
    one, two = first.target, side.target
    if (one.framework, one.version) != (two.framework, two.version) or two.name in other.targets:
        return False
    if any(getattr(other, name) != getattr(group, name) for name in Likeness._fields):
        return False
    shared = len({*other.cases} & {*group.cases}) / len({*other.cases} | {*group.cases})
    return shared >= ALIKE or (bool(group.condition.wanted) and group.condition == other.condition)


def _place(group: Group) -> tuple[bool, int, int, str, tuple[str, ...]]:
    # A fault of ours stands before all: nothing else can be trusted until it is mended.
    rank = -1 if group.verdict == "suite-error" else SEVERITIES.index(group.severity or "loud")
    return (group.known is not None, rank, -len(group.cases), group.smallest, tuple(group.targets))
