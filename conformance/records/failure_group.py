"""Groups of failing calls that probably share one fault, and the condition that separates them from agreeing calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..calls import Condition, condition_of
from ..core import Verdict

#: A group of fewer calls has no condition.
MIN_CALLS = 3


class GroupCounts(NamedTuple):
    """Counts on one target: `seen` calls of the group fail, out of `of` calls that fulfil its condition."""

    seen: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Group:
    """
    Calls that fail in the same way, under one condition, on one target or on several targets of one framework.

    The calls have `verdict`, `severity`, `kind` and `where` in common; `known` is the id of the ledger entry that
    covers them. `cases` are the ids of the calls, the smallest call first. The condition is empty if all calls fail,
    or if no condition separates the failing calls from those that agree.
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
        """Return whether a verdict has what the calls of the group have in common."""
        finding = verdict.finding
        kind, where = (finding.kind, finding.where) if finding is not None else (None, "output")
        same = (verdict.verdict, verdict.known, kind, where)
        return same == (self.verdict, self.known, self.kind, self.where)

    @property
    def smallest(self) -> str:
        """The id of the smallest call."""
        return self.cases[0]

    @property
    def is_exact(self) -> bool:
        """Whether every call that fulfils the condition fails."""
        return all(counts.seen == counts.of for counts in self.targets.values())

    @property
    def acts(self) -> str:
        """The condition as text."""
        if self.condition.wanted:
            return self.condition.text
        if self.is_exact:
            return "on every call"
        others = sum(counts.of - counts.seen for counts in self.targets.values())
        few = min(len(self.cases), others) < MIN_CALLS
        return "on too few calls to say when" if few else "under no condition that these calls alone fulfil"


def group_to_line(group: Group) -> dict[str, Any]:
    """Return a group as the plain data of a record line, without empty entries."""
    line: dict[str, Any] = {
        "group": group.name,
        "targets": {name: counts._asdict() for name, counts in group.targets.items()},
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
    """Return the group of a record line."""
    return Group(
        name=line["group"],
        targets={name: GroupCounts(**counts) for name, counts in line["targets"].items()},
        verdict=line["verdict"],
        severity=line.get("severity"),
        kind=line.get("kind"),
        where=line.get("where", "output"),
        known=line.get("known"),
        condition=condition_of(line["condition"]),
        cases=tuple(line["cases"]),
    )
