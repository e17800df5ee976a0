"""Check the quality of a corpus: validate expectations against the reference, and lint cases and clauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import lint
    from .validation import validate_cases as validate_cases
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
