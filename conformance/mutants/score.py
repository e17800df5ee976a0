"""
Run mutants as targets, through the same engine and judge as a framework, and see which cases notice them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ..adapter import Target
from ..case import Case
from ..corpus import Corpus
from ..run import Runner, TargetRun
from ..targets import Adapter
from ..verdict import UNEXPECTED
from .kills import Kills
from .mutant import Mutant

LOCATOR = "conv_conformance.mutants.target:MutantTarget"
#: How many mutants run on one plan before their verdicts are let go.
BATCH = 16
#: How many cases a mutant is first tried on.
FIRST = 3

#: What is called with the name of each mutant when it is done.
Done = Callable[[str], None]


def measure(
    corpus: Corpus,
    mutants: Mapping[str, Mutant],
    *,
    earlier: Kills | None = None,
    every: bool = False,
    jobs: int = 2,
    done: Done = lambda name: None,
) -> Kills:
    """
    Return which cases of a corpus notice which mutants.

    A mutant is left alone once a case that cites the clause which it breaks has noticed it, unless `every` is set.
    `earlier` kills say which cases to try first; they decide nothing else.

    Raises:
        RuntimeError: if a mutant cannot be run or judged, which is a fault of the suite.

    """
    found: dict[str, tuple[str, ...]] = {}
    citing = {
        name: {case.id for case in corpus.cases if _clause(corpus, mutant) in case.clauses}
        for name, mutant in mutants.items()
    }
    if earlier is not None and not every:
        found = _tried_first(corpus, mutants, earlier, citing, jobs)
        found = {name: ids for name, ids in found.items() if set(ids) & citing[name]}
        for name in found:
            done(name)
    rest = [name for name in mutants if name not in found]
    runner = Runner(jobs=jobs)
    for batch in _batches(rest):
        made = runner.run(corpus.cases, [_adapter(mutants[name]) for name in batch])
        for name, target in zip(batch, made.targets, strict=True):
            found[name] = _kills(target)
            done(name)
    cases = [case.id for case in corpus.cases]
    return Kills(cases=cases, by_mutant={name: found[name] for name in mutants}, corpus=corpus.digest, is_whole=every)


def _citing(corpus: Corpus, mutants: Mapping[str, Mutant]) -> dict[str, set[str]]:
    """
    Return, for each mutant, the cases that cite the clause which it breaks.
    """
    cases: dict[str, set[str]] = {}
    for case in corpus.cases:
        for clause in case.clauses:
            cases.setdefault(clause, set()).add(case.id)
    return {name: cases.get(_clause(corpus, mutant), set()) for name, mutant in mutants.items()}


def _clause(corpus: Corpus, mutant: Mutant) -> str:
    return corpus.faults[mutant.fault].breaks


def _tried_first(
    corpus: Corpus, mutants: Mapping[str, Mutant], earlier: Kills, citing: Mapping[str, set[str]], jobs: int
) -> dict[str, tuple[str, ...]]:
    """
    Run each mutant on a few cases that noticed it before, those first that cite its clause.
    """
    cases = {case.id: case for case in corpus.cases}

    def tried(name: str) -> tuple[str, ...]:
        known = [case for case in earlier.by_mutant.get(name, ()) if case in cases]
        chosen = sorted(known, key=lambda case: case not in citing[name])[:FIRST]
        if not chosen:
            return ()
        made = Runner(jobs=1).run([cases[case] for case in chosen], [_adapter(mutants[name])])
        return _kills(made.targets[0])

    with ThreadPoolExecutor(max_workers=jobs) as threads:
        return dict(zip(mutants, threads.map(tried, mutants), strict=True))


def _batches(names: Sequence[str]) -> list[list[str]]:
    left = iter(names)
    return list(iter(lambda: list(islice(left, BATCH)), []))


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

    A required clause that no mutant breaks is unpinned as well, with an empty list, unless its cases are deferred.
    """
    broken = by_clause(corpus, mutants)
    citing = _citing(corpus, mutants)
    missed = {
        clause: [name for name in names if not citing[name] & set(kills.by_mutant[name])]
        for clause, names in broken.items()
    }
    bare: dict[str, list[str]] = {clause: [] for clause in pinnable(corpus) if clause not in broken}
    return {clause: names for clause, names in missed.items() if names} | bare


def by_clause(corpus: Corpus, mutants: Mapping[str, Mutant]) -> dict[str, list[str]]:
    """
    Return the mutants that break each clause, in the order of the clauses.
    """
    found: dict[str, list[str]] = {clause: [] for clause in corpus.clauses}
    for name, mutant in mutants.items():
        found[_clause(corpus, mutant)].append(name)
    return {clause: names for clause, names in found.items() if names}


def pinnable(corpus: Corpus) -> list[str]:
    """
    Return the required clauses that can be held against a mutant: not those whose cases are all deferred.
    """
    deferred = {clause for case in corpus.cases if _is_deferred(case) for clause in case.clauses}
    executed = {clause for case in corpus.cases if not _is_deferred(case) for clause in case.clauses}
    return [
        name
        for name, clause in corpus.clauses.items()
        if clause.level == "required" and name not in deferred - executed
    ]


def _is_deferred(case: Case) -> bool:
    from ..expectation import Deferred

    return isinstance(case.expectation, Deferred)
