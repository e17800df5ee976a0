"""A bias that is lost, counted otherwise or added along another axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

import numpy as np

from ...core import Array
from ..axis import reads
from ..canonical_call import Subject
from ..interpretation import biased
from .kinds import Cause


def _other(change: Callable[[Subject, Array], Array]) -> Cause:
    """Another bias, one number for each output channel."""

    def cause(it: Subject) -> Iterator[Array]:
        if it.bias is not None and it.bias.size:
            yield biased(it.sums, change(it, it.bias))

    return cause


def _along(it: Subject, axis: int) -> Array | None:
    """Return the sums with the bias along an axis (repeated, or cut to its length)."""
    if it.bias is None or not it.bias.size or not it.sums.size:
        return None
    spread = np.resize(it.bias, it.sums.shape[axis])
    return it.sums + spread.reshape(-1, *(1,) * (it.sums.ndim - axis - 1))


def _along_space(it: Subject) -> Iterator[Array]:
    for axis in range(2, it.sums.ndim):
        if (found := _along(it, axis)) is not None:
            yield found


def _along_batch(it: Subject) -> Iterator[Array]:
    if (found := _along(it, 0)) is not None:
        yield found


def _along_last(it: Subject) -> Iterator[Array]:
    at = ("NC" + it.call.spatial).index(it.call.letters("output")[-1])
    if it.bias is not None and it.sums.shape[at] == it.bias.size and (found := _along(it, at)) is not None:
        yield found


def _per_tap(it: Subject) -> Iterator[Array]:
    if it.bias is not None:
        kernels = [it.kernel] if it.pointwise is None else [it.kernel, it.pointwise]
        counts = {prod(kernel.shape[2:]) for kernel in kernels} | {kernel.shape[1] for kernel in kernels} | {it.groups}
        # A count of one is a way, too: who counts taps is right where there is one, whatever the number of groups.
        for count in counts - {0}:
            yield biased(it.sums, it.bias * np.asarray(count).astype(it.bias.dtype))


def _on_padding(it: Subject) -> Iterator[Array]:
    """Yield sums without the bias where no window reads an element of the input, or of what the padding step made."""
    if it.bias is None:
        return
    for subject in (it, it.spread) if it.call.before is not None else (it,):
        axes = subject.right.stages[0].axes
        reached = np.ones((1,) * len(axes), bool)
        for at, axis in enumerate(axes):
            inside = (reads(replace(axis, mode="zeros")) < axis.length).any(axis=1)
            reached = reached & inside.reshape(-1, *(1,) * (len(axes) - at - 1))
        yield np.where(reached, it.result, it.sums)


def _in_group(it: Subject, bias: Array) -> Array:
    share = max(bias.size // max(it.call.groups, 1), 1)
    return np.resize(bias[:share], bias.size)


def _real(it: Subject, bias: Array) -> Array:
    return bias.real.astype(bias.dtype) if bias.dtype.kind == "c" else bias


CAUSES: dict[str, Cause] = {
    "bias-ignored": _other(lambda it, bias: np.zeros_like(bias)),
    "bias-twice": _other(lambda it, bias: bias + bias),
    "bias-subtracted": _other(lambda it, bias: -bias),
    "bias-first-only": _other(lambda it, bias: np.resize(bias[:1], bias.size)),
    "bias-reversed": _other(lambda it, bias: bias[::-1]),
    "bias-rolled": lambda it: (
        *_other(lambda _, bias: np.roll(bias, 1))(it),
        *_other(lambda _, bias: np.roll(bias, -1))(it),
    ),
    "bias-per-tap": _per_tap,
    "bias-counted-in-group": _other(_in_group),
    "bias-along-wrong-axis": _along_space,
    "bias-along-the-batch": _along_batch,
    "bias-along-the-last-axis": _along_last,
    "bias-missing-on-padding": _on_padding,
    "complex-bias-real": _other(_real),
}
