"""The faults that can be injected into the evaluator, keyed by their names in `cases/faults.yaml`."""

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

#: The modules that define faults in the forward pass, sorted by the stage that the faults change.
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

#: The modules that define faults in the backward pass.
BACK_MODULES = (
    gradients,
    input_gradients,
    kernel_gradients,
    bias_gradients,
    padding_gradients,
    group_gradients,
    transposed_gradients,
)

#: Every fault in the forward pass, keyed by name.
EDITS: Mapping[str, Edit] = {name: edit for module in MODULES for name, edit in module.EDITS.items()}

#: Every fault in the backward pass, keyed by name.
BACK_EDITS: Mapping[str, BackEdit] = {name: edit for module in BACK_MODULES for name, edit in module.EDITS.items()}

#: The names of all faults that this package implements.
NAMES = (*EDITS, *BACK_EDITS)
