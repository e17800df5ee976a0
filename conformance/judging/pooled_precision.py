"""Precision tests on pools of small outputs, each of which alone has too few elements for a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..core import Array, Case, Finding, Observation, Verdict
from . import error_bound, precision
from .precision import ErrorScale


class PooledResults:
    """
    The agreeing small outputs of one target, in pools.

    A pool contains outputs that have the same dtype and belong to the same sweep. Outputs of literal cases are pooled
    by file instead.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], list[tuple[int, Verdict, Array, ErrorScale]]] = {}

    def take(self, at: int, case: Case, verdict: Verdict, observation: Observation) -> bool:
        """Pool verdict number `at` if it agrees and its output is too small for tests; return whether it was pooled."""
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
        """Yield (number, verdict, has_failed) for all pooled verdicts; those of a pool that failed a test disagree."""
        for pool in self._waiting.values():
            failed = [str(each) for each in precision.against_all([(errors, by) for _, _, errors, by in pool])]
            for at, verdict, _, _ in pool:
                yield at, _against(verdict, failed) if failed else verdict, bool(failed)
        self._waiting.clear()


def _against(verdict: Verdict, failed: list[str]) -> Verdict:
    message = f"together with other results of its sweep or file: {'; '.join(failed)}"
    finding = Finding(kind="precision", message=message, clauses=precision.STATISTICS)
    return replace(verdict, verdict="disagree", alternative=None, message=message, finding=finding)
