"""The repetition of one failing call: alone, in a fresh process, and then after the calls that came before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """
    What a failing call of a group did when it was made again.

    `alone` is the verdict on the call made alone in a fresh process, and `is_same` whether that is the same failure.
    If it is not, the calls that came before it in the run were made again too. `recurs` is whether the failure came
    back after them (None if there was no time to find out). `after` is the id of the case with the last call that must
    come before for the failure to occur, if it was found.
    """

    case: str
    target: str
    alone: str
    is_same: bool
    recurs: bool | None = None
    after: str | None = None

    @property
    def text(self) -> str:
        """The result as a sentence."""
        if self.is_same:
            return "the same, made alone in a fresh process"
        if self.alone == "not-run":
            return "it could not be made again"
        alone = "it agrees" if self.alone == "agree" else f"its verdict is {self.alone}"
        if self.after is not None:
            return f"only after other calls: made alone in a fresh process {alone}; it fails after {self.after}"
        if self.recurs:
            return f"only after other calls: made alone in a fresh process {alone}"
        if self.recurs is None:
            return f"only after other calls, or by chance: made alone in a fresh process {alone}"
        return f"by chance: made again, alone and after the same calls, {alone}"


def repetition_to_line(repetition: Repetition) -> dict[str, Any]:
    """Return a repetition as the plain data of a record line."""
    return {
        "repetition": repetition.case,
        "target": repetition.target,
        "alone": repetition.alone,
        "is_same": repetition.is_same,
        "recurs": repetition.recurs,
        "after": repetition.after,
    }


def repetition_from_line(line: Mapping[str, Any]) -> Repetition:
    """Return the repetition that a record line contains."""
    return Repetition(
        case=line["repetition"],
        target=line["target"],
        alone=line["alone"],
        is_same=line["is_same"],
        recurs=line["recurs"],
        after=line["after"],
    )
