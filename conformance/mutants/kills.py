"""
The kill matrix records which cases kill which mutants. The file `kills.json` beside the corpus stores the matrix.

The file contains the digest of the corpus (`lock.meaning_digest`), the ids of the literal cases in corpus order, and
one hexadecimal number for each mutant. Bit i of the number is set if case i kills the mutant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core import Invalid, Problem

FILE = "kills.json"


@dataclass(frozen=True, kw_only=True)
class Kills:
    """
    The kills of all mutants: `by_mutant` maps each mutant to the ids of the cases that detect it, in corpus order.

    `cases` lists the ids of all cases, and `corpus` is the digest of the corpus. `is_whole` is true if every mutant ran
    on every case. It is false if mutants stopped at the first case that detected them.
    """

    cases: Sequence[str]
    by_mutant: Mapping[str, tuple[str, ...]]
    corpus: str = ""
    is_whole: bool = False

    @property
    def survivors(self) -> list[str]:
        """The names of the mutants that no case detects."""
        return [name for name, ids in self.by_mutant.items() if not ids]

    @property
    def by_case(self) -> dict[str, frozenset[str]]:
        """A mapping from each case id to the names of the mutants that the case detects."""
        found: dict[str, set[str]] = {case: set() for case in self.cases}
        for name, ids in self.by_mutant.items():
            for case in ids:
                found[case].add(name)
        return {case: frozenset(names) for case, names in found.items()}

    def alike(self) -> list[list[str]]:
        """Return groups of two or more mutants that are detected by the same cases. Each group counts as one mutant."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for name, ids in self.by_mutant.items():
            groups.setdefault(ids, []).append(name)
        return [names for ids, names in groups.items() if ids and len(names) > 1]


def encoded(kills: Kills) -> str:
    """Return the content of `kills.json` for these kills."""
    bits = {case: 1 << at for at, case in enumerate(kills.cases)}
    rows = {name: format(sum(bits[case] for case in ids), "x") for name, ids in kills.by_mutant.items()}
    return json.dumps({"corpus": kills.corpus, "cases": list(kills.cases), "kills": rows}, indent=0) + "\n"


def read(path: Path) -> Kills:
    """
    Return the kill matrix stored in a file.

    Raises:
        Invalid: if the file cannot be read or has another format.

    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cases = content["cases"]
        rows = {name: tuple(_decoded(row, cases)) for name, row in content["kills"].items()}
        return Kills(cases=cases, by_mutant=rows, corpus=content["corpus"], is_whole=True)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        hint = "to write a kill matrix, run `conv-conformance mutants --all --write FILE`"
        message = f"not a kill matrix: {type(error).__name__}: {error}"
        raise Invalid(Problem(path=str(path), message=message, hint=hint)) from error


def _decoded(row: str, cases: Sequence[str]) -> Iterator[str]:
    bits = int(row, 16)
    return (case for at, case in enumerate(cases) if bits >> at & 1)
