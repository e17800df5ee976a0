"""Functions that build faults in the backward pass; each fault changes the input or the output of one stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ...core import Array, Call
from ..gradient_evaluator import Backward, Part

#: A fault is a function from correct stages to stages with the fault. It is called once for each prepared call.
BackEdit: TypeAlias = Callable[[Backward], Backward]


def sent(change: Callable[[Call, Array], Array]) -> BackEdit:
    """Return a fault that replaces the cotangent `g` (N, C, space) by `change(call, g)`."""
    return lambda stages: replace(stages, send=lambda call: change(call, stages.send(call)))


def by_bias(change: Callable[[Call, Array, Array], Array]) -> BackEdit:
    """Return a fault that replaces the gradient of the bias by `change(call, cotangent, gradient)`."""
    return lambda stages: replace(stages, by_bias=lambda call, g: change(call, g, stages.by_bias(call, g)))


def by_kernel(change: Callable[[Part, Array], Array]) -> BackEdit:
    """Return a fault that replaces each kernel gradient, which has canonical axes, by `change(part, gradient)`."""
    return lambda stages: replace(stages, by_kernel=lambda part: change(part, stages.by_kernel(part)))


def by_input(change: Callable[[Part, Array], Array]) -> BackEdit:
    """Return a fault that replaces each input gradient, which has canonical axes, by `change(part, gradient)`."""
    return lambda stages: replace(stages, by_input=lambda part: change(part, stages.by_input(part)))


def kernel_of(change: Callable[[Part], Part]) -> BackEdit:
    """Return a fault that computes each kernel gradient from `change(part)` instead of `part`."""
    return lambda stages: replace(stages, by_kernel=lambda part: stages.by_kernel(change(part)))


def input_of(change: Callable[[Part], Part]) -> BackEdit:
    """Return a fault that computes each input gradient from `change(part)` instead of `part`."""
    return lambda stages: replace(stages, by_input=lambda part: stages.by_input(change(part)))


def both_of(change: Callable[[Part], Part]) -> BackEdit:
    """Return a fault that computes both the kernel and the input gradients from `change(part)` instead of `part`."""
    return lambda stages: kernel_of(change)(input_of(change)(stages))


def returned(change: Callable[[Call, str, Array], Array]) -> BackEdit:
    """Return a fault that replaces each gradient by `change(call, name, gradient)` after the gradient is rounded."""
    return lambda stages: replace(
        stages, round=lambda call, name, gradient: change(call, name, stages.round(call, name, gradient))
    )


def where(holds: Callable[[Part], bool], edit: BackEdit) -> BackEdit:
    """Return a fault that applies `edit` only to parts for which `holds(part)` is true."""

    def chosen(stages: Backward) -> Backward:
        faulty = edit(stages)
        return replace(
            stages,
            by_kernel=lambda part: (faulty if holds(part) else stages).by_kernel(part),
            by_input=lambda part: (faulty if holds(part) else stages).by_input(part),
        )

    return chosen


def forward(edit: BackEdit) -> BackEdit:
    """Return a fault that applies `edit` only to forward (not transposed) convolutions."""
    return where(lambda part: not part.told.transposed, edit)


def transposed(edit: BackEdit) -> BackEdit:
    """Return a fault that applies `edit` only to transposed convolutions."""
    return where(lambda part: part.told.transposed, edit)
