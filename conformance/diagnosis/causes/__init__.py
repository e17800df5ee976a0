"""
The causes that diagnosis knows, by their names in the glossary: what a call gives where one of them is at work.

A cause is a function of a subject that yields interpretations, or results: sums in canonical order with their bias, or
`Returned` arrays as the target would return them. It yields nothing where it has no meaning, and may yield what is
right.
"""

from __future__ import annotations

from . import batch, bias, channels, groups, kernels, layouts, lengths, modes, numbers, padding, steps, transposed
from .kinds import Candidate, Cause, Returned

MODULES = (kernels, channels, groups, lengths, padding, modes, steps, transposed, bias, batch, layouts, numbers)

CAUSES: dict[str, Cause] = {name: cause for module in MODULES for name, cause in module.CAUSES.items()}

__all__ = ["CAUSES", "Candidate", "Cause", "Returned"]
