"""Calls whose numbers are drawn for rounding, and the same calls with other numbers."""

from __future__ import annotations

from ..core import MODULUS, Plain

#: How far on the seeds of fresh numbers are.
AHEAD = 1_000_003


def is_drawn(call: Plain) -> bool:
    """Say whether all operands of a plain call are normal numbers, and nothing is added to their products."""
    if "bias" in call["arrays"]:
        return False
    return all("normal" in spec for spec in call["arrays"].values())


def redrawn(call: Plain) -> Plain:
    """Return the same plain call with fresh numbers."""
    seeds = {name: {**spec, "normal": _fresh(spec["normal"])} for name, spec in call["arrays"].items()}
    return {**call, "arrays": seeds}


def _fresh(seed: int) -> int:
    return (seed + AHEAD) % (MODULUS - 1) + 1
