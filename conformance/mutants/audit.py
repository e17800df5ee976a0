"""
The corpus under mutants, as a person asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from ..campaign import cores
from ..corpus import Corpus, shipped
from ..reports.mutation import Unpinned, following
from . import score, strangers
from .kills import FILE, Kills, read
from .mutant import Mutant, named


@dataclass(frozen=True, kw_only=True)
class Scored:
    """
    Which cases notice which mutants, by clause, and the clauses that are not pinned.
    """

    kills: Kills
    clauses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unpinned: Unpinned = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """1 if a mutant survives or a clause is not pinned, else 0."""
        return 1 if self.kills.survivors or self.unpinned else 0


def perform(corpus: Corpus, console: Console, *, strangers: Path | None, every: bool, jobs: int | None) -> Scored:
    """
    Score a corpus with its own mutants, or with those of a stranger's file.
    """
    if strangers is not None:
        return _of_a_stranger(corpus, console, strangers, every)
    mutants = of(corpus)
    earlier = kept()
    with following(console, len(mutants)) as done:
        kills = score.measure(corpus, mutants, earlier=earlier, every=every, jobs=jobs or cores(), done=done)
    return Scored(
        kills=kills, clauses=score.by_clause(corpus, mutants), unpinned=score.unpinned(corpus, mutants, kills)
    )


def of(corpus: Corpus) -> dict[str, Mutant]:
    """
    Return the mutants that the glossary of faults names.
    """
    return named({name: fault.under for name, fault in corpus.faults.items()})


def kept() -> Kills | None:
    """
    Return the kills that are kept beside the shipped corpus, if there are any.
    """
    path = shipped() / FILE
    return read(path) if path.exists() else None


def _of_a_stranger(corpus: Corpus, console: Console, path: Path, every: bool) -> Scored:
    mutants, reset = strangers.load(path)
    with following(console, len(mutants)) as done:
        return Scored(kills=strangers.measure(corpus, mutants, reset, every=every, done=done))
