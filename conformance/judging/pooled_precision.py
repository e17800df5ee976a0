"""Agreeing results of few outputs each, weighed together: by themselves they tell nothing of the precision of sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..core import Array, Case, Finding, Observation, Verdict
from . import error_bound, precision
from .precision import ErrorScale


class PooledResults:
    """The results of one target that wait for others: those of one sweep, or one file of literal cases, and of one dtype."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], list[tuple[int, Verdict, Array, ErrorScale]]] = {}

    def take(self, at: int, case: Case, verdict: Verdict, observation: Observation) -> bool:
        """Keep the verdict on the case at a place, if it agrees and statistics can be asked together alone; say whether."""
        if verdict.verdict != "agree" or observation.outcome != "returned" or observation.composed:
            return False
        if case.redraw is None:
            return False
        call, got, dtype = case.call, observation.arrays["output"], observation.dtypes["output"]
        if not 0 < got.size < precision.FEWEST or call.cotangent is not None:
            return False
        if not precision.is_asked(call, dtype):
            return False
        by = precision.yardstick(call, error_bound.accumulator(call, dtype))
        pool = self._waiting.setdefault((case.sweep or case.path, dtype), [])
        pool.append((at, verdict, precision.errors(got, dtype, by), by))
        return True

    def weighed(self) -> Iterator[tuple[int, Verdict, bool]]:
        """Yield every verdict that waits, with its place, and whether statistics speak against it: then it disagrees."""
        for pool in self._waiting.values():
            spoken = [str(each) for each in precision.against_all([(errors, by) for _, _, errors, by in pool])]
            for at, verdict, _, _ in pool:
                yield at, _against(verdict, spoken) if spoken else verdict, bool(spoken)
        self._waiting.clear()


def _against(verdict: Verdict, spoken: list[str]) -> Verdict:
    message = f"together with the others of its kind: {'; '.join(spoken)}"
    finding = Finding(kind="precision", message=message)
    return replace(verdict, verdict="disagree", alternative=None, message=message, finding=finding)
