"""How a fault changes one stage: what goes in, or what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told

#: A fault: the stages of an evaluator that has it, made of those of one that has not.
#: Applied once for each call that is prepared, so that what it remembers lives as long as a compiled function.
Edit: TypeAlias = Callable[[Stages], Stages]


def told(change: Callable[[Told], Told]) -> Edit:
    """Misunderstand the parameters of every part of a call."""
    return lambda do: replace(do, translate=lambda call: tuple(map(change, do.translate(call))))


def first(change: Callable[[Told], Told]) -> Edit:
    """Misunderstand the parameters of the first part alone."""

    def edit(do: Stages) -> Stages:
        def translate(call: Call) -> tuple[Told, ...]:
            head, *rest = do.translate(call)
            return (change(head), *rest)

        return replace(do, translate=translate)

    return edit


def measured(change: Callable[[Axis, Told], Axis]) -> Edit:
    """Count each axis otherwise, after its padding is settled."""

    def edit(do: Stages) -> Stages:
        def measure(lengths: Sequence[int], taps: Sequence[int], said: Told) -> tuple[Axis, ...]:
            return tuple(change(axis, said) for axis in do.measure(lengths, taps, said))

        return replace(do, measure=measure)

    return edit


def kernel(change: Callable[[Array, Told], Array]) -> Edit:
    """Use another kernel, in canonical order: O, I (I, O if transposed), then space."""
    return lambda do: replace(
        do,
        contract=lambda x, w, axes, said: do.contract(x, change(w, said), axes, said),
        scatter=lambda x, w, axes, said: do.scatter(x, change(w, said), axes, said),
    )


def data(change: Callable[[Array, Told], Array]) -> Edit:
    """Use another input, already padded (not padded if transposed)."""
    return lambda do: replace(
        do,
        contract=lambda x, w, axes, said: do.contract(change(x, said), w, axes, said),
        scatter=lambda x, w, axes, said: do.scatter(change(x, said), w, axes, said),
    )


def sums(change: Callable[[Array, Told], Array]) -> Edit:
    """Change the sums of a convolution, before any bias."""
    return lambda do: replace(
        do,
        contract=lambda x, w, axes, said: change(do.contract(x, w, axes, said), said),
        scatter=lambda x, w, axes, said: change(do.scatter(x, w, axes, said), said),
    )


def shifted(change: Callable[[Call, Array, Array], Array]) -> Edit:
    """Add the bias otherwise."""
    return lambda do: replace(do, shift=change)


def finished(change: Callable[[Call, Array], Array]) -> Edit:
    """Change the result with its bias, before it is rounded to its dtype."""
    return lambda do: replace(do, round=lambda call, y: do.round(call, change(call, y)))


def returned(change: Callable[[Call, Array], Array]) -> Edit:
    """Change the result in its dtype, axes N, C, then space."""
    return lambda do: replace(do, round=lambda call, y: change(call, do.round(call, y)))


def operands(change: Callable[[Call, str, Array], Array]) -> Edit:
    """Read other numbers from the arrays of the call."""
    return lambda do: replace(do, read=lambda call, name: change(call, name, do.read(call, name)))


def per_axis(values: Sequence[int], change: Callable[[int], int]) -> tuple[int, ...]:
    """Return every entry changed."""
    return tuple(map(change, values))
