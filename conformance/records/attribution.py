"""What targets get wrong by one cause: how much of it, under which condition, and what contradicts that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..calls import Condition, condition_of
from .failure_group import GroupCounts


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """
    A cause of the glossary, and the wrong outputs of targets that it explains under one condition.

    `means` is the cause in words. `targets` says of how many wrong outputs it explains how many. `portion` says in
    which places of each output it acts, in words, empty for all. A condition `is_weak` if it tells these calls exactly,
    but so few from so few that this may be chance. `cases` are the calls that it explains, the smallest first;
    `against` those under the condition that agree, though it would show there.
    """

    cause: str
    means: str = ""
    targets: Mapping[str, GroupCounts]
    portion: str = ""
    condition: Condition = field(default_factory=Condition)
    is_weak: bool = False
    cases: tuple[str, ...]
    against: tuple[str, ...] = ()

    @property
    def acts(self) -> str:
        """Portion and condition in words."""
        return f"{self.portion}, {self._when}" if self.portion else self._when

    @property
    def _when(self) -> str:
        if self.condition.wanted:
            weak = " (which of so few calls may be chance)" if self.is_weak else ""
            return f"where {self.condition.text}{weak}"
        return "under no condition that tells these calls from others" if self.against else "wherever it shows"

    @property
    def text(self) -> str:
        """All of it in words."""
        means = f" ({self.means.removesuffix('.')})" if self.means else ""
        shares = ", ".join(f"{seen.seen} of {seen.of} wrong outputs of {name}" for name, seen in self.targets.items())
        found = f"{self.cause}{means} explains {shares}, {self.acts}"
        if not self.against:
            return f"{found}."
        others = f" and {len(self.against) - 1} more" if len(self.against) > 1 else ""
        return f"{found}; against it: {self.against[0]}{others}, where it would show."


def attribution_to_line(found: Attribution) -> dict[str, Any]:
    """Return an attribution as the record's line."""
    return {
        "cause": found.cause,
        "means": found.means,
        "targets": {name: seen._asdict() for name, seen in found.targets.items()},
        "portion": found.portion,
        "condition": found.condition.plain,
        "is_weak": found.is_weak,
        "acts": found.acts,
        "cases": list(found.cases),
        "against": list(found.against),
    }


def attribution_from_line(line: Mapping[str, Any]) -> Attribution:
    """Return the attribution that a record's line says."""
    return Attribution(
        cause=line["cause"],
        means=line["means"],
        targets={name: GroupCounts(**seen) for name, seen in line["targets"].items()},
        portion=line.get("portion", ""),
        condition=condition_of(line["condition"]),
        is_weak=line.get("is_weak", False),
        cases=tuple(line["cases"]),
        against=tuple(line["against"]),
    )
