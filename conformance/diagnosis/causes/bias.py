"""Causes in the bias: a bias that is missing, scaled, permuted or added along the wrong axis."""

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
    """Return a cause that replaces the bias (O,) by `change(call, bias)`."""

    def cause(subject: Subject) -> Iterator[Array]:
        if subject.bias is not None and subject.bias.size:
            yield biased(subject.sums, change(subject, subject.bias))

    return cause


def _along(subject: Subject, axis: int) -> Array | None:
    """
    Return the sums plus the bias, which is repeated or cut to the length of `axis` and added along this axis.

    None means that there is no bias or that the output is empty.
    """
    if subject.bias is None or not subject.bias.size or not subject.sums.size:
        return None
    spread = np.resize(subject.bias, subject.sums.shape[axis])
    return subject.sums + spread.reshape(-1, *(1,) * (subject.sums.ndim - axis - 1))


def _along_space(subject: Subject) -> Iterator[Array]:
    for axis in range(2, subject.sums.ndim):
        if (found := _along(subject, axis)) is not None:
            yield found


def _along_batch(subject: Subject) -> Iterator[Array]:
    if (found := _along(subject, 0)) is not None:
        yield found


def _along_last(subject: Subject) -> Iterator[Array]:
    at = ("NC" + subject.call.spatial).index(subject.call.letters("output")[-1])
    if (
        subject.bias is not None
        and subject.sums.shape[at] == subject.bias.size
        and (found := _along(subject, at)) is not None
    ):
        yield found


def _per_tap(subject: Subject) -> Iterator[Array]:
    if subject.bias is not None:
        kernels = [subject.kernel] if subject.pointwise is None else [subject.kernel, subject.pointwise]
        counts = (
            {prod(kernel.shape[2:]) for kernel in kernels} | {kernel.shape[1] for kernel in kernels} | {subject.groups}
        )
        # Keep the count 1: a fault that multiplies the bias by the number of taps has no effect if there is one tap.
        for count in counts - {0}:
            yield biased(subject.sums, subject.bias * np.asarray(count).astype(subject.bias.dtype))


def _on_padding(subject: Subject) -> Iterator[Array]:
    """
    Yield outputs that lack the bias where a window reads no element of the input.

    If the call has a padding step, a second variant treats the zeros of the padding step as elements.
    """
    if subject.bias is None:
        return
    for variant in (subject, subject.spread) if subject.call.before is not None else (subject,):
        axes = variant.right.stages[0].axes
        reached = np.ones((1,) * len(axes), bool)
        for at, axis in enumerate(axes):
            inside = (reads(replace(axis, mode="zeros")) < axis.length).any(axis=1)
            reached = reached & inside.reshape(-1, *(1,) * (len(axes) - at - 1))
        yield np.where(reached, subject.result, subject.sums)


def _in_group(subject: Subject, bias: Array) -> Array:
    share = max(bias.size // max(subject.call.groups, 1), 1)
    return np.resize(bias[:share], bias.size)


def _real(subject: Subject, bias: Array) -> Array:
    return bias.real.astype(bias.dtype) if bias.dtype.kind == "c" else bias


CAUSES: dict[str, Cause] = {
    "bias-ignored": _other(lambda subject, bias: np.zeros_like(bias)),
    "bias-twice": _other(lambda subject, bias: bias + bias),
    "bias-subtracted": _other(lambda subject, bias: -bias),
    "bias-first-only": _other(lambda subject, bias: np.resize(bias[:1], bias.size)),
    "bias-reversed": _other(lambda subject, bias: bias[::-1]),
    "bias-rolled": lambda subject: (
        *_other(lambda _, bias: np.roll(bias, 1))(subject),
        *_other(lambda _, bias: np.roll(bias, -1))(subject),
    ),
    "bias-per-tap": _per_tap,
    "bias-counted-in-group": _other(_in_group),
    "bias-along-wrong-axis": _along_space,
    "bias-along-the-batch": _along_batch,
    "bias-along-the-last-axis": _along_last,
    "bias-missing-on-padding": _on_padding,
    "complex-bias-real": _other(_real),
}
