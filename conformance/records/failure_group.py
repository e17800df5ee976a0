"""Groups of failing calls: what is most likely one fault, under the condition that tells its calls from those that agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..calls import Condition, condition_of
from ..core import Verdict

#: Of fewer calls than this no condition is said.
MIN_CALLS = 3


class GroupCounts(NamedTuple):
    """On one target: how many calls of a group fail, and of how many under its condition, those that agree included."""

    seen: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Group:
    """
    Calls that fail alike on one target, or on several of one framework, under one condition.

    `verdict`, `severity`, `kind` and `where` are what they have in common; `known` is the ledger's entry that knows
    them. `cases` are the ids of the calls, the smallest call first. Without a condition, either all calls fail or
    nothing tells these from those that agree.
    """

    name: str = ""
    targets: Mapping[str, GroupCounts]
    verdict: str
    severity: str | None = None
    kind: str | None = None
    where: str = "output"
    known: str | None = None
    condition: Condition = field(default_factory=Condition)
    cases: tuple[str, ...]

    def is_like(self, verdict: Verdict) -> bool:
        """Say whether a verdict is what its calls have in common."""
        found = verdict.finding
        kind, where = (found.kind, found.where) if found is not None else (None, "output")
        same = (verdict.verdict, verdict.known, kind, where)
        return same == (self.verdict, self.known, self.kind, self.where)

    @property
    def smallest(self) -> str:
        """The id of its smallest call."""
        return self.cases[0]

    @property
    def is_exact(self) -> bool:
        """Whether no call under the condition agrees."""
        return all(each.seen == each.of for each in self.targets.values())

    @property
    def acts(self) -> str:
        """The condition in words."""
        if self.condition.wanted:
            return self.condition.text
        if self.is_exact:
            return "on every call"
        others = sum(each.of - each.seen for each in self.targets.values())
        few = min(len(self.cases), others) < MIN_CALLS
        return "on too few calls to say when" if few else "under no condition that these calls alone fulfil"


def group_to_line(group: Group) -> dict[str, Any]:
    """Return a group as the record's line, without the entries that are empty."""
    line: dict[str, Any] = {
        "group": group.name,
        "targets": {name: seen._asdict() for name, seen in group.targets.items()},
        "verdict": group.verdict,
        "severity": group.severity,
        "kind": group.kind,
        "where": group.where if group.kind else None,
        "known": group.known,
        "condition": group.condition.plain,
        "acts": group.acts,
        "count": len(group.cases),
        "smallest": group.smallest,
        "cases": list(group.cases),
    }
    return {name: value for name, value in line.items() if value is not None}


def group_from_line(line: Mapping[str, Any]) -> Group:
    """Return the group that a record's line says."""
    return Group(
        name=line["group"],
        targets={name: GroupCounts(**seen) for name, seen in line["targets"].items()},
        verdict=line["verdict"],
        severity=line.get("severity"),
        kind=line.get("kind"),
        where=line.get("where", "output"),
        known=line.get("known"),
        condition=condition_of(line["condition"]),
        cases=tuple(line["cases"]),
    )
