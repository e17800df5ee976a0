"""Conditions over calls: which features they have, as the ledger and reports say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .features import FEATURES, FeatureValue

#: A number at least, or at most, so large, where a condition names a feature that is a number.
NUMERIC_BOUND = re.compile(r"(>=|<=)(0|-?[1-9]\d{0,9})")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """
    Features, each with the values that it may have: a call that has one of them for every feature fulfils it.

    A value is a word, a number, true or false; for a feature that is a number also a bound, `>=17` or `<=2`.
    """

    wanted: Mapping[str, tuple[FeatureValue, ...]] = field(default_factory=dict)

    def holds(self, found: Mapping[str, FeatureValue]) -> bool:
        """Say whether the features of a call fulfil it; a feature that is not there is false."""
        return all(any(_meets(found.get(name, False), each) for each in wanted) for name, wanted in self.wanted.items())

    @property
    def text(self) -> str:
        """The condition in words, such as `rank 3, padding same, a stride is longer than the window`."""
        return ", ".join(_said(name, wanted) for name, wanted in self.wanted.items())

    @property
    def plain(self) -> dict[str, FeatureValue | list[FeatureValue]]:
        """The condition as the ledger writes it: a value, or a list of them, by the name of the feature."""
        return {name: list(wanted) if len(wanted) > 1 else wanted[0] for name, wanted in self.wanted.items()}


def condition_of(plain: Mapping[str, FeatureValue | list[FeatureValue]]) -> Condition:
    """Return the condition that `Condition.plain` wrote."""
    return Condition(wanted={name: tuple(each) if isinstance(each, list) else (each,) for name, each in plain.items()})


def _meets(found: FeatureValue, wanted: FeatureValue) -> bool:
    # What is not there is False, which equals 0.
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, str) and isinstance(found, int):
        bound = int(wanted[2:])
        return found >= bound if wanted.startswith(">=") else found <= bound
    return found == wanted


def _said(name: str, wanted: tuple[FeatureValue, ...]) -> str:
    first, *others = wanted
    if first is True and not others:
        sentence = FEATURES[name].sentence.removesuffix(".") if name in FEATURES else name
        return sentence[0].lower() + sentence[1:]
    if first is False and not others:
        return f"not {name}"
    return f"{name} {' or '.join(map(str, wanted))}"
