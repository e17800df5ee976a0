"""
Rules over a call, by name: where a clause leaves a choice (`when`), and which points of a sweep are wanted (`where`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call import Call

Rule = Callable[["Call"], bool]
