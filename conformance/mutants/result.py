"""The result of a mutation test of the corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .kills import Kills
from .sweep_only import MarkedMutants

#: Maps each unpinned clause to the mutants that break the clause but are not detected by any case that cites it.
UnpinnedClauses: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Score:
    """
    The kills of each mutant, the mutants that break each clause, and the unpinned clauses.

    `marked` is the result of the mutants marked `needs: sweep`; `kills` does not contain these mutants. `swept` lists
    the user-supplied mutants that only sweep points detected.
    """

    kills: Kills
    marked: MarkedMutants = field(default_factory=MarkedMutants)
    swept: Sequence[str] = ()
    clauses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unpinned: UnpinnedClauses = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The exit code: 1 if a mutant survives or is wrongly marked, or if a clause is unpinned; otherwise 0."""
        return 0 if self.marked.is_well and not self.kills.survivors and not self.unpinned else 1
