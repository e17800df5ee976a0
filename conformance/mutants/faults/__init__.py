"""
The faults that the evaluator can be given, by the names of the glossary.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import channels, memory, numbers, padding, refusals, steps, transposed
from .wraps import Edit

#: Every fault that has an edit.
EDITS: Mapping[str, Edit] = {
    name: edit
    for module in (channels, steps, padding, transposed, memory, numbers, refusals)
    for name, edit in module.EDITS.items()
}
