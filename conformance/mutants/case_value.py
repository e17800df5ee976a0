"""The value of literal cases: the stored kill matrix shows which mutants each case kills."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ..core import Case, Invalid, Problem
from ..corpus import Corpus
from ..specification import lock
from .kills import FILE, Kills, read
from .measurement import mutants_of
from .sweep_only import is_answered

#: An error hint that names the command that measures and stores the kill matrix of the shipped corpus.
COMMAND = f"run `conv-conformance mutants --all --write cases/{FILE}`"


def kept(corpus: Corpus, folder: Path) -> Kills:
    """
    Return the kill matrix that `kills.json` in a folder stores.

    Raises:
        Invalid: if the file does not exist, or if its kills were measured on another corpus or on other mutants.

    """
    if not (folder / FILE).exists():
        raise Invalid(Problem(path=FILE, message="the file does not exist", hint=COMMAND))
    kills = read(folder / FILE)
    if kills.corpus != lock.meaning_digest(corpus.cases):
        raise Invalid(Problem(path=FILE, message="the kills were measured on another corpus", hint=COMMAND))
    if set(kills.by_mutant) != set(mutants_of(corpus)):
        raise Invalid(Problem(path=FILE, message="the kills were measured on other mutants", hint=COMMAND))
    return kills


def overrated(case: Case, kills: Kills, noticed: Collection[str]) -> Iterator[tuple[str, str]]:
    """
    Yield (message, hint) for each requirement that a case does not meet; `noticed` names the mutants that it kills.

    A case must kill at least one mutant, unless `why` states another purpose. A case must also kill the mutant of each
    fault listed under `catches`, if the fault has a mutant. Cases that mutants cannot answer are not checked.
    """
    if not is_answered(case):
        return
    if not noticed and not case.why:
        yield (
            "the case kills no mutant",
            "change its numbers, add a mutant, or state the purpose of the case under `why`",
        )
    for fault in case.catches:
        if fault in kills.by_mutant and fault not in noticed:
            yield f"the case does not catch {fault}", "change its numbers, or remove the fault from `catches`"


def redundant(cases: Iterable[Case], kills: Kills) -> list[list[str]]:
    """
    Return groups of two or more literal cases that kill the same mutants and cite the same clauses.

    Cases that kill no mutant are left out, because `why` states their purpose.
    """
    by_case = kills.by_case
    groups: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for case in cases:
        if not case.sweep and (noticed := by_case.get(case.id)):
            groups.setdefault((noticed, frozenset(case.clauses)), []).append(case.id)
    return [ids for ids in groups.values() if len(ids) > 1]
