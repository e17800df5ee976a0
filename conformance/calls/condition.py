"""Conditions over the features of calls, as used by the ledger and by reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .features import FEATURES, FeatureValue

#: A lower or upper bound of a numeric feature, such as `>=17`.
NUMERIC_BOUND = re.compile(r"(>=|<=)(0|-?[1-9]\d{0,9})")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """
    A condition on the features of a call. Each listed feature must have one of its accepted values.

    An accepted value is a string, a number, true or false. A numeric feature also allows a bound, such as `>=17`.
    """

    wanted: Mapping[str, tuple[FeatureValue, ...]] = field(default_factory=dict)

    def holds(self, features: Mapping[str, FeatureValue]) -> bool:
        """Return whether a call with these features meets the condition; a feature that the call lacks is false."""
        return all(
            any(_meets(features.get(name, False), value) for value in accepted)
            for name, accepted in self.wanted.items()
        )

    @property
    def text(self) -> str:
        """The condition as text, such as `rank 3, padding same, a stride is longer than the window`."""
        return ", ".join(_described(name, accepted) for name, accepted in self.wanted.items())

    @property
    def plain(self) -> dict[str, FeatureValue | list[FeatureValue]]:
        """The condition as plain data for a ledger: the accepted value, or a list of several, by feature name."""
        return {name: list(values) if len(values) > 1 else values[0] for name, values in self.wanted.items()}


def condition_of(plain: Mapping[str, FeatureValue | list[FeatureValue]]) -> Condition:
    """Build a condition from plain data; this is the inverse of `Condition.plain`."""
    return Condition(
        wanted={name: tuple(value) if isinstance(value, list) else (value,) for name, value in plain.items()}
    )


def _meets(value: FeatureValue, accepted: FeatureValue) -> bool:
    # A missing feature is False, and False == 0 in Python, so booleans are compared by identity.
    if isinstance(value, bool) or isinstance(accepted, bool):
        return value is accepted
    if isinstance(accepted, str) and isinstance(value, int):
        bound = int(accepted[2:])
        return value >= bound if accepted.startswith(">=") else value <= bound
    return value == accepted


def _described(name: str, accepted: tuple[FeatureValue, ...]) -> str:
    first, *others = accepted
    if first is True and not others:
        sentence = FEATURES[name].sentence.removesuffix(".") if name in FEATURES else name
        return sentence[0].lower() + sentence[1:]
    if first is False and not others:
        return f"not {name}"
    return f"{name} {' or '.join(map(str, accepted))}"
