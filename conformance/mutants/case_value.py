"""What literal cases are worth: which mutants they kill, by a matrix that was measured before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ..core import Case, Invalid, Problem
from ..corpus import Corpus
from ..specification import lock
from .kills import FILE, Kills, read
from .measurement import of
from .sweep_only import is_answered

#: How the matrix of the shipped corpus is made.
COMMAND = f"`conv-conformance mutants --all --write cases/{FILE}` makes them"


def kept(corpus: Corpus, folder: Path) -> Kills:
    """
    Return the kills in a folder.

    Raises:
        Invalid: where there are none, or those of another corpus or of other mutants.

    """
    if not (folder / FILE).exists():
        raise Invalid(Problem(path=FILE, message="no kills are kept", hint=COMMAND))
    kills = read(folder / FILE)
    if kills.corpus != lock.meaning_digest(corpus.cases):
        raise Invalid(Problem(path=FILE, message="these are the kills of another corpus", hint=COMMAND))
    if set(kills.by_mutant) != set(of(corpus)):
        raise Invalid(Problem(path=FILE, message="these are the kills of other mutants", hint=COMMAND))
    return kills


def overrated(case: Case, kills: Kills, noticed: Collection[str]) -> Iterator[tuple[str, str]]:
    """
    Yield what a case does not do: kill anything, unless `why` says what else it is for, and catch what it claims.

    `noticed` are the mutants that it kills; a fault that is no mutant cannot be held against it, nor is anything known
    of a case that no mutant answers.
    """
    if not is_answered(case):
        return
    if not noticed and not case.why:
        yield "it kills no mutant", "other numbers, a new mutant, or say under why what it is for"
    for fault in case.catches:
        if fault in kills.by_mutant and fault not in noticed:
            yield f"it does not catch {fault}", "other numbers, or leave it out of catches"


def redundant(cases: Iterable[Case], kills: Kills) -> list[list[str]]:
    """
    Return the literal cases that kill the same mutants and cite the same clauses, in groups of two or more.

    Of those that kill nothing `why` says what they are for.
    """
    by_case = kills.by_case
    groups: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for case in cases:
        if not case.sweep and (noticed := by_case.get(case.id)):
            groups.setdefault((noticed, frozenset(case.clauses)), []).append(case.id)
    return [ids for ids in groups.values() if len(ids) > 1]
