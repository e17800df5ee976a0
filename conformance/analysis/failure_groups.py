"""
Groups of a run's failing calls. The aim is one group for each fault.

Calls of one target fail alike if they have the same verdict, severity, kind, array and ledger entry. Calls that fail
alike are split by the simplest conditions that separate them from the agreeing calls. Similar groups on different
targets of one framework are merged.
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

#: Two groups on different targets are merged if at least this fraction of all their calls is in both groups. All calls
#: of the second group must also meet the condition of the first group. Groups with the same condition need no calls in
#: common.
ALIKE = 0.8

FAILING = (*UNEXPECTED, "suite-error", "known")
AGREEING = ("agree", "fixed")


class Likeness(NamedTuple):
    """The properties that the failing calls of a group share."""

    verdict: str
    severity: str | None
    kind: str | None
    where: str
    known: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """The case ids of one target: `failing` maps a likeness to failing calls, and `agreeing` lists agreeing calls."""

    target: TargetInfo
    failing: dict[Likeness, list[str]] = field(default_factory=dict)
    agreeing: list[str] = field(default_factory=list)

    def take(self, verdict: Verdict) -> None:
        """Add the case id of a verdict to `agreeing` or `failing`; ignore a verdict that belongs to neither."""
        if verdict.verdict in AGREEING:
            self.agreeing.append(verdict.case)
        elif verdict.verdict in FAILING:
            self.failing.setdefault(_likeness(verdict), []).append(verdict.case)

    @property
    def ids(self) -> Iterator[str]:
        """The case ids of all calls, or none if fewer than MIN_CALLS calls fail alike, so that no search is needed."""
        if any(len(ids) >= MIN_CALLS for ids in self.failing.values()):
            yield from self.agreeing
            for ids in self.failing.values():
                yield from ids


def _likeness(verdict: Verdict) -> Likeness:
    finding = verdict.finding
    kind, where = (finding.kind, finding.where) if finding is not None else (None, "output")
    return Likeness(verdict.verdict, verdict.severity, kind, where, verdict.known)


def lacks_groups(record: Record) -> bool:
    """Return whether a record has failing calls but no groups. Condensed records cannot be grouped: return False."""
    return not (record.groups or record.left_out) and any(each.verdict in FAILING for each in record.verdicts)


def grouped(record: Record, cases: Mapping[str, Case]) -> Record:
    """Return a record with the groups of its failing calls, or the same record if it does not lack groups."""
    return replace(record, groups=gather(record.verdicts, record.targets, cases)) if lacks_groups(record) else record


def gather(verdicts: Iterable[Verdict], targets: Sequence[TargetInfo], cases: Mapping[str, Case]) -> Sequence[Group]:
    """
    Return the groups of all failing calls.

    Groups with the verdict `suite-error` come first, groups of known failures last. The other groups are sorted by
    severity, then by number of calls. Each failing call of a target is in exactly one group of that target. A case
    that is missing from `cases` is treated as a case without features.
    """
    sides = {target.name: Sides(target=target) for target in targets}
    for verdict in verdicts:
        sides[verdict.target].take(verdict)
    return separated(list(sides.values()), cases, _place)


def separated(sides: Sequence[Sides], cases: Mapping[str, Case], place: Callable[[Group], Any]) -> tuple[Group, ...]:
    """Return groups of the targets' failing calls, split by conditions and sorted by the key function `place`."""
    features = CaseFeatures(cases)
    ids = dict.fromkeys(case for side in sides for case in side.ids)
    table, rows = Table([features.features(case) for case in ids]), {case: row for row, case in enumerate(ids)}
    found: list[tuple[Sides, Group]] = []
    for side in sides:
        for group in _of_target(side, table, rows):
            _add(found, side, group, features)
    ordered = sorted((replace(group, cases=features.by_size(group.cases)) for _, group in found), key=place)
    return tuple(replace(group, name=f"g{number}") for number, group in enumerate(ordered, 1))


def _of_target(side: Sides, table: Table, rows: Mapping[str, int]) -> Iterator[Group]:
    search = Search(table, np.array([rows[case] for case in side.agreeing if case in rows], int))
    for likeness, ids in side.failing.items():
        for part in search.parts([rows[case] for case in ids]) if len(ids) >= MIN_CALLS else [_whole(ids, side)]:
            members = tuple(ids[at] for at in part.members)
            seen = GroupCounts(len(members), len(members) + part.others)
            yield Group(targets={side.target.name: seen}, condition=part.condition, cases=members, **likeness._asdict())


def _whole(ids: Sequence[str], side: Sides) -> Part:
    return Part(condition=Condition(), members=tuple(range(len(ids))), others=len(side.agreeing))


def _add(found: list[tuple[Sides, Group]], side: Sides, group: Group, features: CaseFeatures) -> None:
    """Merge a group into a similar group on another target of the same framework. If there is none, append it."""
    for at, (first, other) in enumerate(found):
        if _are_similar(first, other, side, group) and features.all_fulfil(other.condition, group.cases):
            both = tuple(dict.fromkeys(other.cases + group.cases))
            targets = {**other.targets, side.target.name: _seen(other.condition, side, group, features)}
            found[at] = (first, replace(other, targets=targets, cases=both))
            return
    found.append((side, group))


def _seen(condition: Condition, side: Sides, group: Group, features: CaseFeatures) -> GroupCounts:
    """Return the number of calls in `group`, and the number of the target's calls that meet the merged condition."""
    if group.condition == condition:
        return group.targets[side.target.name]
    return GroupCounts(len(group.cases), len(group.cases) + features.count(condition, side.agreeing))


def _are_similar(first: Sides, other: Group, side: Sides, group: Group) -> bool:
    one, two = first.target, side.target
    if (one.framework, one.version) != (two.framework, two.version) or two.name in other.targets:
        return False
    if any(getattr(other, name) != getattr(group, name) for name in Likeness._fields):
        return False
    shared = len({*other.cases} & {*group.cases}) / len({*other.cases} | {*group.cases})
    return shared >= ALIKE or (bool(group.condition.wanted) and group.condition == other.condition)


def _place(group: Group) -> tuple[bool, int, int, str, tuple[str, ...]]:
    # Faults of the suite come first, because no other result can be trusted until they are repaired.
    rank = -1 if group.verdict == "suite-error" else SEVERITIES.index(group.severity or "loud")
    return (group.known is not None, rank, -len(group.cases), group.smallest, tuple(group.targets))
