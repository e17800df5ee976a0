"""Run mutants as targets, with the same engine and judge as a framework, and record which cases detect them."""

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
#: The number of mutants in one run; their verdicts are kept in memory until the run ends.
BATCH = 16
#: The number of earlier kills that a mutant is first run on.
FIRST = 3

#: Called with the name of each mutant when the first case has detected it.
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
    Return which cases of a corpus detect which mutants.

    With `every`, each mutant runs on all cases. Otherwise it runs on cases in this order:

    1. up to `FIRST` cases that detected it in `earlier`,
    2. all cases that cite the clause that it breaks, unless one of the first cases cites it and detected the mutant,
    3. all cases, unless a case of the first two steps detected it.

    `earlier` affects only this order; a kill counts only if it is observed again.

    Raises:
        RuntimeError: if a mutant cannot be run or judged; that is a bug in the suite.

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
    """A search for cases that detect mutants; `found` has the kills of each mutant so far."""

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
        """Run each mutant, in this process, on a few earlier kills; cases that cite its clause come first."""
        for name, mutant in self._mutants.items():
            known = [case for case in earlier.by_mutant.get(name, ()) if case in self._cases]
            chosen = sorted(known, key=lambda case: case not in self._cited(name))[:FIRST]
            self._take(name, tuple(noticing(mutant, [self._cases[case] for case in chosen])))

    def run_citing(self) -> None:
        """Run each mutant that no citing case has detected yet on all cases that cite its clause."""
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
    """Return the ids of the cases that cite each clause, in the order of the corpus."""
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
    Return, for each unpinned clause, the mutants that break it and that no case citing it detects.

    A clause is pinned if every mutant that breaks it is detected by a case that cites it. A required clause that no
    mutant breaks is unpinned too, with an empty list, unless mutants cannot answer any of its cases.
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
    """Return the mutants that break each clause, in the order of the clauses."""
    found: dict[str, list[str]] = {clause: [] for clause in corpus.clauses}
    for name, mutant in mutants.items():
        found[_clause(corpus, mutant)].append(name)
    return {clause: names for clause, names in found.items() if names}


def pinnable(corpus: Corpus) -> list[str]:
    """Return the required clauses, without those that have cases but none that a mutant can answer."""
    cited = {clause for case in corpus.cases for clause in case.clauses}
    answered = {clause for case in corpus.cases if is_answered(case) for clause in case.clauses}
    return [
        name for name, clause in corpus.clauses.items() if clause.level == "required" and name not in cited - answered
    ]
