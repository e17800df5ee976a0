"""
Calls whose numbers are drawn for rounding, and the same calls with other numbers.
"""

from __future__ import annotations

from .reading_arrays import MODULUS
from .reading_calls import Plain

#: How far on the seeds of fresh numbers are.
AHEAD = 1_000_003


def is_drawn(call: Plain | None) -> bool:
    """
    Say whether all operands of a plain call are normal numbers, and nothing is added to their products.
    """
    return call is not None and "bias" not in call["arrays"] and all("normal" in spec for spec in _operands(call))


def redrawn(call: Plain) -> Plain:
    """
    Return the same plain call with fresh numbers.
    """
    seeds = {name: {**spec, "normal": _fresh(spec["normal"])} for name, spec in call["arrays"].items()}
    return {**call, "arrays": seeds}


def _operands(call: Plain) -> list[Plain]:
    return [spec for name, spec in call["arrays"].items() if name != "cotangent"]


def _fresh(seed: int) -> int:
    return (seed + AHEAD) % (MODULUS - 1) + 1
