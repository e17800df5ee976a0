"""Calls with random numbers, which measure rounding, and the same calls with other random numbers."""

from __future__ import annotations

from ..core import MODULUS, Plain

#: The distance from the seed of a call to the seed of its redrawn numbers.
AHEAD = 1_000_003


def is_drawn(call: Plain) -> bool:
    """Return whether all arrays of a plain call are drawn from a normal distribution, and it has no bias."""
    if "bias" in call["arrays"]:
        return False
    return all("normal" in spec for spec in call["arrays"].values())


def redrawn(call: Plain) -> Plain:
    """Return the same plain call with other random numbers."""
    seeds = {name: {**spec, "normal": _fresh(spec["normal"])} for name, spec in call["arrays"].items()}
    return {**call, "arrays": seeds}


def _fresh(seed: int) -> int:
    return (seed + AHEAD) % (MODULUS - 1) + 1
