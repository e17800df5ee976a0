"""The calls that end the workers of a target, and the conditions under which every call that was made did so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..calls import features_of
from ..core import DEATHS

if TYPE_CHECKING:
    from ..calls import Condition
    from ..core import Case


class FatalCalls:
    """
    The calls of a batch that ended a worker, and those that were answered.

    A call is identified by the position of its case in the batch. Positions behind the last case are ignored: they
    belong to twins.
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._ended: set[int] = set()
        self._answered: set[int] = set()
        self._conditions: list[tuple[Condition, int]] | None = None

    def note(self, number: int, outcome: str) -> None:
        """Note the outcome of a call; a call that was not made is no evidence."""
        if number < len(self._cases) and outcome != "not-run":
            (self._ended if outcome in DEATHS else self._answered).add(number)
            self._conditions = None

    def reason(self, number: int) -> str:
        """Return why a call should not be made; empty unless all calls under a condition that it meets were deaths."""
        if number >= len(self._cases):
            return ""
        if self._conditions is None:
            self._conditions = self._searched()
        for condition, count in self._conditions:
            if condition.holds(features_of(self._cases[number])):
                return f"all {count} calls made so far with {condition.text} ended the worker"
        return ""

    def _searched(self) -> list[tuple[Condition, int]]:
        from ..analysis import Search, Table

        made = [*sorted(self._ended), *sorted(self._answered)]
        table = Table([features_of(self._cases[number]) for number in made])
        search = Search(table, np.arange(len(self._ended), len(made)))
        parts = search.parts(list(range(len(self._ended))))
        return [(part.condition, len(part.members)) for part in parts if part.condition.wanted and not part.others]
