"""
Mutants marked `needs: sweep`: each must be detected by a sweep point, and must not be detected by a literal case.

A mutant computes the correct result for calls that do not meet its condition. Therefore this module runs a mutant only
on cases that meet the condition. The mutants run in this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from warnings import catch_warnings

from ..core import UNEXPECTED, Call, Case, Target
from ..corpus import Corpus
from ..running import verdicts
from ..workers import allowed_refusals, make_plan
from .kills import Kills
from .mutant import Mutant
from .named_conditions import CONDITIONS, parts
from .target import MutantTarget


@dataclass(frozen=True, kw_only=True)
class MarkedMutants:
    """
    The result of the mutants marked `needs: sweep`.

    `kills` contains only kills by sweep points. `wrongly` maps each wrongly marked mutant to a literal case that
    detects it. `left_out` is the number of mutants that were not run because the corpus has no sweep points.
    """

    kills: Kills = field(default_factory=lambda: Kills(cases=(), by_mutant={}))
    wrongly: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0

    @property
    def is_well(self) -> bool:
        """Whether every mutant is killed and no mutant is wrongly marked."""
        return not self.kills.survivors and not self.wrongly


def measure(corpus: Corpus, mutants: Mapping[str, Mutant], *, every: bool = False) -> MarkedMutants:
    """
    Return the sweep points that detect each mutant, and the mutants that a literal case detects.

    Sweep points with small inputs run first. Unless `every` is set, a mutant stops at the first sweep
    point that detects it.

    Raises:
        RuntimeError: if a mutant cannot be run or judged, which is a bug in the suite.

    """
    points = [case for case in corpus.cases if case.sweep]
    if not points:
        return MarkedMutants(left_out=len(mutants))
    small = Reach(sorted(points, key=_size), with_twins=False)
    literal = Reach([case for case in corpus.cases if not case.sweep], with_twins=True)
    kills: dict[str, tuple[str, ...]] = {}
    wrongly: dict[str, str] = {}
    for name, mutant in mutants.items():
        kills[name] = tuple(islice(noticing(mutant, small.of(mutant)), None if every else 1))
        if (case := next(noticing(mutant, literal.of(mutant)), "")) != "":
            wrongly[name] = case
    found = Kills(cases=[case.id for case in points], by_mutant=kills, is_whole=every)
    return MarkedMutants(kills=found, wrongly=wrongly)


def _size(case: Case) -> int:
    return case.outline.input.size if case.outline is not None else 0


class Reach:
    """
    A list of cases; the method `of` returns the cases that meet the condition of a mutant.

    If `with_twins` is set, a case also meets a condition that holds for the accepted twin of a refused call.
    """

    def __init__(self, cases: Sequence[Case], *, with_twins: bool) -> None:
        self._cases = cases
        self._calls = [list(_calls(case, with_twins=with_twins)) for case in cases]
        self._known: dict[str, frozenset[int]] = {}

    def of(self, mutant: Mutant) -> list[Case]:
        """Return the cases that meet a mutant's condition; the parts of `a+b` may hold for different calls."""
        where = frozenset.intersection(*(self._where(name) for name in parts(mutant.condition)))
        return [self._cases[at] for at in sorted(where)]

    def _where(self, name: str) -> frozenset[int]:
        if name not in self._known:
            holds = CONDITIONS[name].holds
            self._known[name] = frozenset(at for at, calls in enumerate(self._calls) if any(map(holds, calls)))
        return self._known[name]


def _calls(case: Case, *, with_twins: bool) -> Iterator[Call]:
    yield case.outline
    if with_twins:
        yield from (refusal.twin for refusal in allowed_refusals(case.expectation))


def is_answered(case: Case) -> bool:
    """Return whether mutants can answer a case. They compute neither second-order gradients nor training runs."""
    call = case.call
    return not call.second_order and call.training is None


def noticing(mutant: Mutant, cases: Sequence[Case]) -> Iterator[str]:
    """Yield the ids of the cases that detect a mutant; each case runs in this process."""
    for case in cases:
        target = MutantTarget(Target(name="mutant", mode=str(mutant)))
        with catch_warnings(action="ignore"):  # a fault may make NumPy warn about its numbers
            (verdict,) = verdicts(make_plan([case]), str(mutant), target)
        if verdict.verdict == "suite-error":
            raise RuntimeError(f"{mutant} on {case.id}: {verdict.message}")
        if verdict.verdict in UNEXPECTED:
            yield case.id
        if case.sweep:
            case.release()
