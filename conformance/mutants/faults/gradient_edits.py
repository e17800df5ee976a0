"""How a fault changes one stage of the way back: what goes in, or what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ...core import Array, Call
from ..gradient_evaluator import Backward, Part

#: A fault of the way back; applied once for each call that is prepared.
BackEdit: TypeAlias = Callable[[Backward], Backward]


def sent(change: Callable[[Call, Array], Array]) -> BackEdit:
    """Send another cotangent (N, C, space)."""
    return lambda do: replace(do, send=lambda call: change(call, do.send(call)))


def by_bias(change: Callable[[Call, Array, Array], Array]) -> BackEdit:
    """Change the gradient of the bias, of call, cotangent and what is right."""
    return lambda do: replace(do, by_bias=lambda call, g: change(call, g, do.by_bias(call, g)))


def by_kernel(change: Callable[[Part, Array], Array]) -> BackEdit:
    """Change the gradient of each kernel, in its canonical order."""
    return lambda do: replace(do, by_kernel=lambda part: change(part, do.by_kernel(part)))


def by_input(change: Callable[[Part, Array], Array]) -> BackEdit:
    """Change the gradient of what each part received (N, C, space)."""
    return lambda do: replace(do, by_input=lambda part: change(part, do.by_input(part)))


def kernel_of(change: Callable[[Part], Part]) -> BackEdit:
    """Compute the gradient of each kernel from another part."""
    return lambda do: replace(do, by_kernel=lambda part: do.by_kernel(change(part)))


def input_of(change: Callable[[Part], Part]) -> BackEdit:
    """Compute the gradient of what each part received from another part."""
    return lambda do: replace(do, by_input=lambda part: do.by_input(change(part)))


def both_of(change: Callable[[Part], Part]) -> BackEdit:
    """Compute the gradients of kernels and of what parts received from other parts."""
    return lambda do: kernel_of(change)(input_of(change)(do))


def returned(change: Callable[[Call, str, Array], Array]) -> BackEdit:
    """Change each gradient in the layout and dtype of its array."""
    return lambda do: replace(do, round=lambda call, name, found: change(call, name, do.round(call, name, found)))


def where(holds: Callable[[Part], bool], edit: BackEdit) -> BackEdit:
    """Have a fault in the gradients of some parts alone."""

    def chosen(do: Backward) -> Backward:
        faulty = edit(do)
        return replace(
            do,
            by_kernel=lambda part: (faulty if holds(part) else do).by_kernel(part),
            by_input=lambda part: (faulty if holds(part) else do).by_input(part),
        )

    return chosen


def forward(edit: BackEdit) -> BackEdit:
    """Have a fault in the gradients of convolutions that are not transposed."""
    return where(lambda part: not part.told.transposed, edit)


def transposed(edit: BackEdit) -> BackEdit:
    """Have a fault in the gradients of transposed convolutions."""
    return where(lambda part: part.told.transposed, edit)
