"""The attribution of wrong outputs to one cause: counts, a condition, and calls that contradict the attribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..calls import Condition, condition_of
from .failure_group import GroupCounts


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """
    A cause of the glossary, and the wrong outputs that it explains under one condition.

    `means` describes the cause. `targets` maps a target to two counts: the cause explains `seen` of the `of` wrong
    outputs of the target. `portion` describes the affected places of each output; it is empty if all places are
    affected. `is_weak` is true if the condition selects exactly the explained calls, but from so few calls that this
    may be chance. `cases` are the ids of the explained calls, the smallest call first. `against` are the ids of calls
    that fulfil the condition and agree, although the cause would change their outputs.
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
        """The portion of the outputs and the condition on the calls, as text."""
        return f"{self.portion}, {self._when}" if self.portion else self._when

    @property
    def _when(self) -> str:
        if self.condition.wanted:
            weak = " (which of so few calls may be chance)" if self.is_weak else ""
            return f"where {self.condition.text}{weak}"
        return "under no condition that tells these calls from others" if self.against else "wherever it shows"

    @property
    def text(self) -> str:
        """The attribution as one sentence."""
        means = f" ({self.means.removesuffix('.')})" if self.means else ""
        shares = ", ".join(f"{each.seen} of {each.of} wrong outputs of {name}" for name, each in self.targets.items())
        sentence = f"{self.cause}{means} explains {shares}, {self.acts}"
        if not self.against:
            return f"{sentence}."
        others = f" and {len(self.against) - 1} more" if len(self.against) > 1 else ""
        return f"{sentence}; against it: {self.against[0]}{others}, where it would show."


def attribution_to_line(attribution: Attribution) -> dict[str, Any]:
    """Return an attribution as the plain data of a record line."""
    return {
        "cause": attribution.cause,
        "means": attribution.means,
        "targets": {name: counts._asdict() for name, counts in attribution.targets.items()},
        "portion": attribution.portion,
        "condition": attribution.condition.plain,
        "is_weak": attribution.is_weak,
        "acts": attribution.acts,
        "cases": list(attribution.cases),
        "against": list(attribution.against),
    }


def attribution_from_line(line: Mapping[str, Any]) -> Attribution:
    """Return the attribution that a record line contains."""
    return Attribution(
        cause=line["cause"],
        means=line["means"],
        targets={name: GroupCounts(**counts) for name, counts in line["targets"].items()},
        portion=line.get("portion", ""),
        condition=condition_of(line["condition"]),
        is_weak=line.get("is_weak", False),
        cases=tuple(line["cases"]),
        against=tuple(line["against"]),
    )
