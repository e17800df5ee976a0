"""Run mutants as targets, through the same engine and judge as a framework, and see which cases notice them."""

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
#: How many mutants run on one plan before their verdicts are let go.
BATCH = 16
#: How many cases a mutant is first tried on.
FIRST = 3

#: What is called with the name of each mutant when it is done.
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
    Return which cases of a corpus notice which mutants.

    Unless `every` is set, each mutant meets a few cases that noticed it `earlier`, then those that cite the clause
    which it breaks, then all others, and is left alone as soon as a case that cites its clause has noticed it, or all
    of these have not and another one has. What was noticed earlier decides nothing but that order.

    Raises:
        RuntimeError: if a mutant cannot be run or judged, which is a fault of the suite.

    """
    search = Search(corpus, mutants, jobs, done)
    if every:
        search.meet(list(mutants), corpus.cases)
    else:
        search.try_first(earlier or Kills(cases=(), by_mutant={}))
        search.meet_citing()
        search.meet([name for name in mutants if not search.found.get(name)], corpus.cases)
    return Kills(
        cases=[case.id for case in corpus.cases],
        by_mutant={name: search.found.get(name, ()) for name in mutants},
        corpus=meaning_digest(corpus.cases),
        is_whole=every,
    )


class Search:
    """Mutants meeting cases; `found` has the kills of each so far."""

    def __init__(self, corpus: Corpus, mutants: Mapping[str, Mutant], jobs: int, done: MutantListener) -> None:
        self._mutants = mutants
        self._cases = {case.id: case for case in corpus.cases}
        self._clause = {name: _clause(corpus, mutant) for name, mutant in mutants.items()}
        self._citing = _citing(corpus)
        self._jobs = jobs
        self._done = done
        self._told: set[str] = set()
        self.found: dict[str, tuple[str, ...]] = {}

    def try_first(self, earlier: Kills) -> None:
        """Let each mutant meet a few cases that noticed it before, those first that cite its clause, in this very process."""
        for name, mutant in self._mutants.items():
            known = [case for case in earlier.by_mutant.get(name, ()) if case in self._cases]
            chosen = sorted(known, key=lambda case: case not in self._cited(name))[:FIRST]
            self._take(name, tuple(noticing(mutant, [self._cases[case] for case in chosen])))

    def meet_citing(self) -> None:
        """Let each mutant that no citing case has noticed yet meet all that cite its clause."""
        open_: dict[str, list[str]] = {}
        for name, clause in self._clause.items():
            if not self._is_pinned(name) and self._cited(name):
                open_.setdefault(clause, []).append(name)
        for clause, names in open_.items():
            self.meet(names, [self._cases[case] for case in self._citing[clause]])

    def meet(self, names: Sequence[str], cases: Sequence[Case]) -> None:
        """Let mutants meet cases."""
        left = iter(names)
        while batch := list(islice(left, BATCH)):
            made = Runner(terms=Terms(diagnose=False), jobs=self._jobs).run(
                cases, [_adapter(self._mutants[name]) for name in batch]
            )
            for name, target in zip(batch, made.targets, strict=True):
                self._take(name, _kills(target))

    def _take(self, name: str, kills: tuple[str, ...]) -> None:
        known = {*self.found.get(name, ()), *kills}
        self.found[name] = tuple(case for case in self._cases if case in known)
        if known and name not in self._told:
            self._told.add(name)
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
    Return, by clause, the mutants that break it and that no case which cites it notices.

    A required clause that no mutant breaks is unpinned as well, with an empty list, unless none answers its cases.
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
    """Return the required clauses that can be held against a mutant: not those none of whose cases a mutant answers."""
    cited = {clause for case in corpus.cases for clause in case.clauses}
    answered = {clause for case in corpus.cases if is_answered(case) for clause in case.clauses}
    return [
        name for name, clause in corpus.clauses.items() if clause.level == "required" and name not in cited - answered
    ]
