"""
What a call evaluates to, exactly, by two formulations that share no indexing.
"""

from __future__ import annotations

from .again import evaluate_again
from .direct import evaluate, magnitude, products
from .undefined import SWITCHES, Undefined

__all__ = ["SWITCHES", "Undefined", "evaluate", "evaluate_again", "magnitude", "products"]
