"""The mutation test of a corpus; the command `mutants` runs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from ..corpus import Corpus, shipped
from ..running import core_count
from . import external_mutants, score, sweep_only
from .kills import FILE, Kills, read
from .mutant import Mutant, named
from .result import Score

#: A function from the number of mutants to a context manager, which shows progress and yields a listener.
Progress: TypeAlias = Callable[[int], AbstractContextManager[score.MutantListener]]


def perform(corpus: Corpus, progress: Progress, *, external: Path | None, every: bool, jobs: int | None) -> Score:
    """
    Score a corpus with the built-in mutants, or with the mutants of the user's file `external`.

    Built-in mutants run only on literal cases, unless they are marked `needs: sweep`. Marked mutants also run on sweep
    points. `Score.marked` is the result of the marked mutants.
    """
    if external is not None:
        return _score_file(corpus, progress, external, every)
    mutants, needy = mutants_of(corpus), needing_sweeps(corpus)
    literal, earlier = replace(corpus, cases=tuple(case for case in corpus.cases if not case.sweep)), kept()
    with progress(len(mutants)) as done:
        kills = score.measure(literal, mutants, earlier=earlier, every=every, jobs=jobs or core_count(), done=done)
    return Score(
        kills=kills,
        clauses=score.by_clause(literal, mutants),
        unpinned=score.unpinned(literal, mutants, kills),
        marked=sweep_only.measure(corpus, needy, every=every),
    )


def mutants_of(corpus: Corpus) -> dict[str, Mutant]:
    """Return the mutants that `faults.yaml` defines without the mark `needs: sweep`."""
    return named({name: ("", *fault.under) for name, fault in corpus.faults.items()})


def needing_sweeps(corpus: Corpus) -> dict[str, Mutant]:
    """Return the mutants that `faults.yaml` marks with `needs: sweep`."""
    return named({name: fault.under_sweeps for name, fault in corpus.faults.items()})


def kept() -> Kills | None:
    """Return the kill matrix stored beside the shipped corpus, or None if the file does not exist."""
    path = shipped() / FILE
    return read(path) if path.exists() else None


def _score_file(corpus: Corpus, progress: Progress, path: Path, every: bool) -> Score:
    mutants, reset = external_mutants.load(path)
    with progress(len(mutants)) as done:
        kills = external_mutants.measure(corpus, mutants, reset, every=every, done=done)
    points = {case.id for case in corpus.cases if case.sweep}
    return Score(kills=kills, swept=[name for name, ids in kills.by_mutant.items() if ids and points.issuperset(ids)])
