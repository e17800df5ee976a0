"""Recognise the calls whose random operands measure rounding, and draw these operands again with other seeds."""

from __future__ import annotations

from ..core import MODULUS, Plain

#: The number that is added to an array's seed to draw the array again.
SEED_OFFSET = 1_000_003


def is_drawn(call: Plain) -> bool:
    """Return whether a plain call has no bias and draws all its arrays from a normal distribution."""
    if "bias" in call["arrays"]:
        return False
    return all("normal" in spec for spec in call["arrays"].values())


def redrawn(call: Plain) -> Plain:
    """Return the same plain call with another seed for each of its arrays."""
    seeds = {name: {**spec, "normal": _fresh(spec["normal"])} for name, spec in call["arrays"].items()}
    return {**call, "arrays": seeds}


def _fresh(seed: int) -> int:
    return (seed + SEED_OFFSET) % (MODULUS - 1) + 1
