"""Groups of failing calls that probably share one fault, and the conditions that separate them from agreeing calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..calls import Condition, condition_of
from ..core import Verdict

#: The smallest number of calls for which a group has a condition.
MIN_CALLS = 3


class GroupCounts(NamedTuple):
    """Counts on one target: `of` calls fulfil the condition of a group, and `seen` of these calls are in the group."""

    seen: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Group:
    """
    Calls that fail in the same way, under one condition, on one target or on several targets of one framework.

    All calls of a group have the same `verdict`, `severity`, `kind` and `where`. `known` is the id of the ledger entry
    that covers these calls. `cases` are the ids of the calls, the smallest call first. The condition is empty if all
    calls of the targets fail, if too few calls fail (see MIN_CALLS), or if no condition separates the failing calls
    from the agreeing calls.
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
        """Return whether a verdict has the same verdict, kind, array and ledger entry as the calls in the group."""
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
        """The condition as text, or the reason why there is none."""
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
    """Return the group that a record line contains."""
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
