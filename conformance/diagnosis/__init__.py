"""
Diagnosis of wrong results: which faults of the glossary compute exactly what a target returned.

`causes` computes the outputs of faulty implementations, and `gradients` computes their gradients. `taps` finds which
products of a call are wrong. The mutants inject the same faults but share no code with this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .applicability import CauseVisibility as CauseVisibility
    from .gradients.search import diagnose_gradient as diagnose_gradient
    from .search import diagnose as diagnose
    from .search import is_visible as is_visible
    from .taps.finding import TapAudit as TapAudit
    from .taps.finding import audit_from_line as audit_from_line
    from .taps.finding import audit_to_line as audit_to_line
    from .taps.probe import audit_taps as audit_taps
    from .taps.tap_map import CallFunction as CallFunction
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
