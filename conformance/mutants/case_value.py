"""The value of literal cases: the mutants that they kill, by a kill matrix measured before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ..core import Case, Invalid, Problem
from ..corpus import Corpus
from ..specification import lock
from .kills import FILE, Kills, read
from .measurement import of
from .sweep_only import is_answered

#: How to measure the kill matrix of the shipped corpus.
COMMAND = f"run `conv-conformance mutants --all --write cases/{FILE}`"


def kept(corpus: Corpus, folder: Path) -> Kills:
    """
    Return the kills stored in a folder.

    Raises:
        Invalid: if the file is missing, or was measured on another corpus or on other mutants.

    """
    if not (folder / FILE).exists():
        raise Invalid(Problem(path=FILE, message="the file does not exist", hint=COMMAND))
    kills = read(folder / FILE)
    if kills.corpus != lock.meaning_digest(corpus.cases):
        raise Invalid(Problem(path=FILE, message="the kills were measured on another corpus", hint=COMMAND))
    if set(kills.by_mutant) != set(of(corpus)):
        raise Invalid(Problem(path=FILE, message="the kills were measured on other mutants", hint=COMMAND))
    return kills


def overrated(case: Case, kills: Kills, noticed: Collection[str]) -> Iterator[tuple[str, str]]:
    """
    Yield (message, hint) for each claim that a case does not meet; `noticed` are the mutants that it kills.

    A case must kill a mutant, unless `why` states another purpose. It must kill each fault under `catches` that is a
    mutant. A case that mutants cannot answer is not checked.
    """
    if not is_answered(case):
        return
    if not noticed and not case.why:
        yield "it kills no mutant", "change its numbers, add a mutant, or state its purpose under `why`"
    for fault in case.catches:
        if fault in kills.by_mutant and fault not in noticed:
            yield f"it does not catch {fault}", "change its numbers, or remove the fault from `catches`"


def redundant(cases: Iterable[Case], kills: Kills) -> list[list[str]]:
    """
    Return groups of two or more literal cases that kill the same mutants and cite the same clauses.

    Cases that kill no mutant are left out: their purpose is stated under `why`.
    """
    by_case = kills.by_case
    groups: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for case in cases:
        if not case.sweep and (noticed := by_case.get(case.id)):
            groups.setdefault((noticed, frozenset(case.clauses)), []).append(case.id)
    return [ids for ids in groups.values() if len(ids) > 1]
