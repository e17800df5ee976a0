"""The faults that the evaluator can be given, by the names of the glossary."""

from __future__ import annotations

from collections.abc import Mapping

from . import (
    batch,
    bias,
    bias_gradients,
    call_state,
    channels,
    gradients,
    group_gradients,
    groups,
    inference,
    input_gradients,
    kernel_gradients,
    layouts,
    memory,
    numbers,
    padding,
    padding_gradients,
    refusals,
    steps,
    transposed,
    transposed_gradients,
)
from .gradient_edits import BackEdit
from .edits import Edit

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
    call_state,
    inference,
    refusals,
)

#: Those of the way back.
BACK_MODULES = (
    gradients,
    input_gradients,
    kernel_gradients,
    bias_gradients,
    padding_gradients,
    group_gradients,
    transposed_gradients,
)

#: Every fault that has an edit of the way there.
EDITS: Mapping[str, Edit] = {name: edit for module in MODULES for name, edit in module.EDITS.items()}

#: Every fault that has an edit of the way back.
BACK_EDITS: Mapping[str, BackEdit] = {name: edit for module in BACK_MODULES for name, edit in module.EDITS.items()}

#: Every fault that has an edit.
NAMES = (*EDITS, *BACK_EDITS)
