"""
Mutation testing of the corpus: run wrong implementations, and record which cases detect each of them.

`evaluator` computes a call in stages and shares no code with the reference. A `mutant` changes a stage, either for all
calls or under a condition. `score` runs each mutant as a target, so the engine and the judge treat a mutant like a
framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import case_value
    from . import kills
    from . import measurement
    from .kills import Kills as Kills
    from .result import Score as Score
    from .result import UnpinnedClauses as UnpinnedClauses
    from .score import MutantListener as MutantListener
    from .sweep_only import MarkedMutants as MarkedMutants
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
