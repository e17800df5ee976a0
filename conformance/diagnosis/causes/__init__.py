"""
The causes of wrong outputs, by their names in the glossary.

A cause is a function of a call in canonical order (a `Subject`). It yields what implementations with that fault
compute: an `Interpretation`, an output in canonical order with its bias, or a `Returned` array as the target returns
it. It yields nothing where it does not apply, and may yield the correct output.
"""

from __future__ import annotations

from . import batch, bias, channels, groups, kernels, layouts, lengths, modes, numbers, padding, steps, transposed
from .kinds import Candidate, Cause, Returned

MODULES = (kernels, channels, groups, lengths, padding, modes, steps, transposed, bias, batch, layouts, numbers)

CAUSES: dict[str, Cause] = {name: cause for module in MODULES for name, cause in module.CAUSES.items()}

__all__ = ["CAUSES", "Candidate", "Cause", "Returned"]
