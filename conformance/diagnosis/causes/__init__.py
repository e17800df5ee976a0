"""
The causes of wrong outputs, keyed by the names of the faults in the glossary.

A cause is a function of a call in canonical order (a `Subject`). It yields one candidate for each variant of the fault.
A candidate is an `Interpretation`, an output in canonical order that includes the bias, or a `Returned` array exactly
as a target returns it. A cause yields nothing for a call to which the fault does not apply. A candidate may be the
correct output.
"""

from __future__ import annotations

from . import batch, bias, channels, groups, kernels, layouts, lengths, modes, numbers, padding, steps, transposed
from .kinds import Candidate, Cause, Returned

MODULES = (kernels, channels, groups, lengths, padding, modes, steps, transposed, bias, batch, layouts, numbers)

CAUSES: dict[str, Cause] = {name: cause for module in MODULES for name, cause in module.CAUSES.items()}

__all__ = ["CAUSES", "Candidate", "Cause", "Returned"]
