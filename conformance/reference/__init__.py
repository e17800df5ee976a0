"""
What a call evaluates to, exactly, by two formulations that share no indexing.
"""

from __future__ import annotations

from .direct import evaluate, magnitude, products
from .undefined import Undefined

__all__ = ["Undefined", "evaluate", "magnitude", "products"]
