"""Helpers that several adapters share: arguments in the form that frameworks expect, and Python expressions as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import arguments
    from . import expressions
    from .arguments import COPIES as COPIES
    from .arguments import EAGER as EAGER
    from .arguments import Kept as Kept
else:
    from ...exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
