"""
The faults that the evaluator can be given, by the names of the glossary.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import (
    batch,
    bias,
    calling,
    channels,
    groups,
    inference,
    layouts,
    memory,
    numbers,
    padding,
    refusals,
    steps,
    transposed,
)
from .wraps import Edit

#: In the order of the stages that they change.
MODULES = (
    layouts,
    memory,
    steps,
    padding,
    channels,
    groups,
    transposed,
    bias,
    batch,
    numbers,
    calling,
    inference,
    refusals,
)

#: Every fault that has an edit.
EDITS: Mapping[str, Edit] = {name: edit for module in MODULES for name, edit in module.EDITS.items()}
