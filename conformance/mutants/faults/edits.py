"""Functions that build faults in the forward pass; each fault changes the input or the output of one stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told

#: A fault is a function from correct stages to stages with the fault.
#: The function is called once for each prepared call. Therefore state in the stages lives as long as a compiled call.
Edit: TypeAlias = Callable[[Stages], Stages]


def first(change: Callable[[Told], Told]) -> Edit:
    """Return a fault that changes the parameters of the first grouped convolution of a call."""

    def edit(stages: Stages) -> Stages:
        def translate(call: Call) -> tuple[Told, ...]:
            head, *rest = stages.translate(call)
            return (change(head), *rest)

        return replace(stages, translate=translate)

    return edit


def measured(change: Callable[[Axis, Told], Axis]) -> Edit:
    """Return a fault that changes the geometry of each spatial axis, after padding is resolved to numbers."""

    def edit(stages: Stages) -> Stages:
        def measure(lengths: Sequence[int], taps: Sequence[int], params: Told) -> tuple[Axis, ...]:
            return tuple(change(axis, params) for axis in stages.measure(lengths, taps, params))

        return replace(stages, measure=measure)

    return edit


def kernel(change: Callable[[Array, Told], Array]) -> Edit:
    """Return a fault that replaces each kernel `w`, which has canonical axes, by `change(w, params)`."""
    return lambda stages: replace(
        stages,
        contract=lambda x, w, axes, params: stages.contract(x, change(w, params), axes, params),
        scatter=lambda x, w, axes, params: stages.scatter(x, change(w, params), axes, params),
    )


def data(change: Callable[[Array, Told], Array]) -> Edit:
    """Return a fault that changes each convolution's input; the input of a forward convolution is already padded."""
    return lambda stages: replace(
        stages,
        contract=lambda x, w, axes, params: stages.contract(change(x, params), w, axes, params),
        scatter=lambda x, w, axes, params: stages.scatter(change(x, params), w, axes, params),
    )


def sums(change: Callable[[Array, Told], Array]) -> Edit:
    """Return a fault that changes the output of each grouped convolution, before the bias is added."""
    return lambda stages: replace(
        stages,
        contract=lambda x, w, axes, params: change(stages.contract(x, w, axes, params), params),
        scatter=lambda x, w, axes, params: change(stages.scatter(x, w, axes, params), params),
    )


def shifted(change: Callable[[Call, Array, Array], Array]) -> Edit:
    """Return a fault that replaces the addition of the bias by `change(call, y, bias)`."""
    return lambda stages: replace(stages, shift=change)


def finished(change: Callable[[Call, Array], Array]) -> Edit:
    """Return a fault that changes the output after the bias is added, but before the output is rounded."""
    return lambda stages: replace(stages, round=lambda call, y: stages.round(call, change(call, y)))


def returned(change: Callable[[Call, Array], Array]) -> Edit:
    """Return a fault that changes the output (N, C, space) after it is rounded to its dtype."""
    return lambda stages: replace(stages, round=lambda call, y: change(call, stages.round(call, y)))


def operands(change: Callable[[Call, str, Array], Array]) -> Edit:
    """Return a fault that replaces each array that the call reads by `change(call, name, array)`."""
    return lambda stages: replace(stages, read=lambda call, name: change(call, name, stages.read(call, name)))


def per_axis(values: Sequence[int], change: Callable[[int], int]) -> tuple[int, ...]:
    """Return `change(value)` for each of `values`."""
    return tuple(map(change, values))
