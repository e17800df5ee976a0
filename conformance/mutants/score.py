"""Run mutants as targets, with the same engine and judge as frameworks, and record which cases detect them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from ..core import UNEXPECTED, Case, Target
from ..corpus import Corpus
from ..running import Runner, TargetRun
from ..specification import meaning_digest
from ..workers import Adapter, Terms
from .kills import Kills
from .mutant import Mutant
from .sweep_only import is_answered, noticing

LOCATOR = "conv_conformance.mutants.target:MutantTarget"
#: The maximum number of mutants in one run. The verdicts of a run are kept in memory until the run ends.
BATCH = 16
#: The maximum number of cases on which a mutant is tried first; these cases detected it in an earlier measurement.
FIRST = 3

#: A function that is called with a mutant's name when the mutant is first detected. A user-supplied mutant is reported
#: when it has finished.
MutantListener = Callable[[str], None]


def measure(
    corpus: Corpus,
    mutants: Mapping[str, Mutant],
    *,
    earlier: Kills | None = None,
    every: bool = False,
    jobs: int = 2,
    done: MutantListener = lambda name: None,
) -> Kills:
    """
    Return the cases of a corpus that detect each mutant.

    If `every` is set, each mutant runs on all cases. Otherwise each mutant goes through these steps:

    1. It runs on up to `FIRST` cases that detected it in `earlier`.
    2. It runs on all cases that cite the clause that it breaks, unless such a case detected it in step 1.
    3. It runs on all cases, unless a case detected it in step 1 or 2.

    `earlier` only selects the cases of step 1. Kills in `earlier` do not count unless they are observed again.

    Raises:
        RuntimeError: if a mutant cannot be run or judged, which is a bug in the suite.

    """
    search = Search(corpus, mutants, jobs, done)
    if every:
        search.run(list(mutants), corpus.cases)
    else:
        search.try_first(earlier or Kills(cases=(), by_mutant={}))
        search.run_citing()
        search.run([name for name in mutants if not search.found.get(name)], corpus.cases)
    return Kills(
        cases=[case.id for case in corpus.cases],
        by_mutant={name: search.found.get(name, ()) for name in mutants},
        corpus=meaning_digest(corpus.cases),
        is_whole=every,
    )


class Search:
    """A search for cases that detect mutants; `found` maps each mutant to the cases that have detected it so far."""

    def __init__(self, corpus: Corpus, mutants: Mapping[str, Mutant], jobs: int, done: MutantListener) -> None:
        self._mutants = mutants
        self._cases = {case.id: case for case in corpus.cases}
        self._clause = {name: _clause(corpus, mutant) for name, mutant in mutants.items()}
        self._citing = _citing(corpus)
        self._jobs = jobs
        self._done = done
        self._reported: set[str] = set()
        self.found: dict[str, tuple[str, ...]] = {}

    def try_first(self, earlier: Kills) -> None:
        """Run each mutant, in this process, on up to `FIRST` earlier kills; prefer cases that cite its clause."""
        for name, mutant in self._mutants.items():
            known = [case for case in earlier.by_mutant.get(name, ()) if case in self._cases]
            chosen = sorted(known, key=lambda case: case not in self._cited(name))[:FIRST]
            self._take(name, tuple(noticing(mutant, [self._cases[case] for case in chosen])))

    def run_citing(self) -> None:
        """Run each mutant on all cases that cite its clause, unless one of these cases has already detected it."""
        open_: dict[str, list[str]] = {}
        for name, clause in self._clause.items():
            if not self._is_pinned(name) and self._cited(name):
                open_.setdefault(clause, []).append(name)
        for clause, names in open_.items():
            self.run(names, [self._cases[case] for case in self._citing[clause]])

    def run(self, names: Sequence[str], cases: Sequence[Case]) -> None:
        """Run mutants on cases, in worker processes."""
        left = iter(names)
        while batch := list(islice(left, BATCH)):
            result = Runner(terms=Terms(diagnose=False), jobs=self._jobs).run(
                cases, [_adapter(self._mutants[name]) for name in batch]
            )
            for name, target in zip(batch, result.targets, strict=True):
                self._take(name, _kills(target))

    def _take(self, name: str, kills: tuple[str, ...]) -> None:
        known = {*self.found.get(name, ()), *kills}
        self.found[name] = tuple(case for case in self._cases if case in known)
        if known and name not in self._reported:
            self._reported.add(name)
            self._done(name)

    def _is_pinned(self, name: str) -> bool:
        return not self._cited(name).isdisjoint(self.found.get(name, ()))

    def _cited(self, name: str) -> AbstractSet[str]:
        return self._citing.get(self._clause[name], {}).keys()


def _citing(corpus: Corpus) -> dict[str, dict[str, None]]:
    """Map each clause to a dict whose keys are the ids of the cases that cite the clause, in corpus order."""
    cases: dict[str, dict[str, None]] = {}
    for case in corpus.cases:
        for clause in case.clauses:
            cases.setdefault(clause, {})[case.id] = None
    return cases


def _clause(corpus: Corpus, mutant: Mutant) -> str:
    return corpus.faults[mutant.fault].breaks


def _adapter(mutant: Mutant) -> Adapter:
    return Adapter(target=Target(name="mutant", mode=str(mutant)), locator=LOCATOR)


def _kills(target: TargetRun) -> tuple[str, ...]:
    if target.info.failed is not None:
        raise RuntimeError(f"{target.info.name} could not run: {target.info.failed}")
    for verdict in target.verdicts:
        if verdict.verdict == "suite-error":
            raise RuntimeError(f"{target.info.name} on {verdict.case}: {verdict.message}")
    return tuple(verdict.case for verdict in target.verdicts if verdict.verdict in UNEXPECTED)


def unpinned(corpus: Corpus, mutants: Mapping[str, Mutant], kills: Kills) -> dict[str, list[str]]:
    """
    Map each unpinned clause to the mutants that break the clause but are not detected by any case that cites it.

    A clause is pinned if every mutant that breaks the clause is detected by a case that cites the clause.
    A clause of `pinnable(corpus)` that no mutant breaks is unpinned too, and its list of mutants is empty.
    """
    broken = by_clause(corpus, mutants)
    citing = _citing(corpus)
    missed = {
        clause: [name for name in names if citing.get(clause, {}).keys().isdisjoint(kills.by_mutant[name])]
        for clause, names in broken.items()
    }
    bare: dict[str, list[str]] = {clause: [] for clause in pinnable(corpus) if clause not in broken}
    return {clause: names for clause, names in missed.items() if names} | bare


def by_clause(corpus: Corpus, mutants: Mapping[str, Mutant]) -> dict[str, list[str]]:
    """Map each broken clause to the names of the mutants that break it; the clauses are in corpus order."""
    found: dict[str, list[str]] = {clause: [] for clause in corpus.clauses}
    for name, mutant in mutants.items():
        found[_clause(corpus, mutant)].append(name)
    return {clause: names for clause, names in found.items() if names}


def pinnable(corpus: Corpus) -> list[str]:
    """Return the required clauses that have either no cases or at least one case that mutants can answer."""
    cited = {clause for case in corpus.cases for clause in case.clauses}
    answered = {clause for case in corpus.cases if is_answered(case) for clause in case.clauses}
    return [
        name for name, clause in corpus.clauses.items() if clause.level == "required" and name not in cited - answered
    ]
