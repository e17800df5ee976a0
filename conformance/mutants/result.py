"""What came of the corpus under mutants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .kills import Kills
from .sweep_only import MarkedMutants

#: By clause: the mutants that break it and that no case which cites it notices.
UnpinnedClauses: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Score:
    """
    Which cases notice which mutants, by clause, and the clauses that are not pinned.

    `marked` has those mutants apart that need a sweep; of a stranger's, `swept` were noticed by points of sweeps alone.
    """

    kills: Kills
    marked: MarkedMutants = field(default_factory=MarkedMutants)
    swept: Sequence[str] = ()
    clauses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unpinned: UnpinnedClauses = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """1 if a mutant survives or is wrongly marked, or a clause is not pinned, else 0."""
        return 0 if self.marked.is_well and not self.kills.survivors and not self.unpinned else 1
