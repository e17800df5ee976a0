"""
Mutation testing of the corpus: wrong implementations, and the cases that detect them.

`evaluator` computes a call in stages and shares no code with the reference. A `mutant` replaces one stage, everywhere
or under a condition. `score` runs every mutant as a target, with the same engine and judge as a framework.
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
