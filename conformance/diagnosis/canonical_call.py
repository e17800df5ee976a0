"""A call with its arrays in canonical order, and methods that build faulty variants of the call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import numpy as np

from ..core import Array, Call, is_complex, is_integer, numpy_type
from .axis import Axis
from .axis_parameters import Setting, settings
from .interpretation import Interpretation, Stage, biased, convolved, windows


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """
    A call in canonical order: input (N, C, space), kernel (O, C / groups, space), pointwise kernel (O, C), bias (O,).

    Arrays of integers have the dtype of the output, so that sums wrap as they do in a target. Other arrays have double
    precision. A transposed convolution is represented by the equivalent convolution: the stride becomes the input
    dilation, and the kernel is reversed along the spatial axes.
    """

    call: Call
    input: Array
    kernel: Array
    pointwise: Array | None
    bias: Array | None
    groups: int
    settings: tuple[Setting, ...]

    @property
    def is_transposed(self) -> bool:
        """Whether the op is `conv_transpose`."""
        return self.call.op == "conv_transpose"

    @property
    def is_depthwise(self) -> bool:
        """Whether the first stage is depthwise, so that each input channel has separate filters."""
        return self.call.op in ("depthwise_conv", "separable_conv")

    @cached_property
    def right(self) -> Interpretation:
        """The call as the definition computes it, without a fault."""
        return self.by_settings(self.settings)

    @cached_property
    def sums(self) -> Array:
        """The expected output (N, O, space) without the bias."""
        return self.right.sums()

    @cached_property
    def result(self) -> Array:
        """The expected output (N, O, space) with the bias, before rounding to the output dtype."""
        return biased(self.sums, self.bias)

    @cached_property
    def spread(self) -> Subject:
        """The same call, but the input array already includes the zeros of the padding step and of input dilation."""
        axes = self.right.stages[0].axes
        plain = (Axis(length=each.length, taps=1, spacing=each.spacing, ahead=each.ahead) for each in axes)
        x = windows(self.input, tuple(plain)).reshape(*self.input.shape[:2], *(axis.spread for axis in axes))
        settings = (
            replace(each, length=each.places, input_dilation=1, ahead=(0, 0), padding=each.pair)
            for each in self.settings
        )
        return replace(self, input=x, settings=tuple(settings))

    def by_settings(self, given: Iterable[Setting]) -> Interpretation:
        """Return the call with other parameters of its spatial axes."""
        return self.by_axes(each.axis for each in given)

    def by_axes(self, axes: Iterable[Axis]) -> Interpretation:
        """Return the call with another geometry of the spatial axes in the first stage."""
        return self._composed(self.input, self._stage(self.kernel, axes, self.groups))

    def by_kernel(self, kernel: Array) -> Interpretation:
        """Return the call with another first-stage kernel of the same shape."""
        return self._composed(self.input, replace(self.right.stages[0], kernel=kernel))

    def by_pointwise(self, pointwise: Array) -> Interpretation:
        """Return a separable call with another pointwise kernel."""
        return replace(self, pointwise=pointwise).right

    def by_input(self, x: Array) -> Interpretation:
        """Return the call with another input of the same shape."""
        return replace(self.right, input=x)

    def regrouped(self, kernel: Array, groups: int) -> Interpretation:
        """Return the call with another kernel and number of groups; both must fit the number of input channels."""
        return self._composed(self.input, self._stage(kernel, self.right.stages[0].axes, groups))

    def _stage(self, kernel: Array, axes: Iterable[Axis], groups: int) -> Stage:
        return Stage(kernel=kernel, axes=tuple(axes), groups=groups, skips=self.is_transposed)

    def _composed(self, x: Array, stage: Stage) -> Interpretation:
        stages = (stage,) if self.pointwise is None else (stage, one_by_one(self.pointwise, stage.counts))
        return Interpretation(input=x, stages=stages, bias=self.bias)

    def changed(self, change: Callable[[Array], Iterable[Array]]) -> Iterator[Array]:
        """
        Yield the outputs with `change` applied before the bias is added, and those with `change` applied afterwards.

        For a separable convolution, further outputs have `change` applied to the results of both stages. If `change`
        yields nothing for the second stage, it is applied only to the result of the first stage.
        """
        for sums in change(self.sums):
            yield biased(sums, self.bias)
        if self.bias is not None:
            yield from change(self.result)
        if self.pointwise is not None:
            first, second = self.right.stages
            for between in change(convolved(self.input, first)):
                if between.shape[1] == second.kernel.shape[1]:
                    stage = one_by_one(self.pointwise, between.shape[2:])
                    after = convolved(between, stage)
                    yield from (biased(each, self.bias) for each in [*change(after)] or [after])

    def each_setting(self, change: Callable[[Setting], Setting]) -> Interpretation:
        """Return the call with `change` applied to the parameters of every spatial axis."""
        return self.by_settings(map(change, self.settings))

    def each_axis(self, change: Callable[[Axis], Axis]) -> Interpretation:
        """Return the call with `change` applied to every axis. Amounts of padding strings are not derived again."""
        return self.by_axes(map(change, self.right.stages[0].axes))

    def each_axis_by(self, change: Callable[[Axis, Setting], Axis]) -> Interpretation:
        """Return the call with every axis replaced by `change(axis, setting)`; `setting` holds the axis parameters."""
        return self.by_axes(map(change, self.right.stages[0].axes, self.settings))

    def exchanged(self, name: str, order: Iterable[int]) -> Interpretation:
        """Return the call in which axis i takes the value of the parameter `name` from axis `order[i]`."""
        return self.by_settings(
            replace(each, **{name: getattr(self.settings[other], name)})
            for each, other in zip(self.settings, order, strict=True)
        )

    def swaps(self, name: str) -> Iterator[Interpretation]:
        """Yield the call with the parameter `name` swapped between two axes, for every pair of axes."""
        for order in transpositions(len(self.settings)):
            yield self.exchanged(name, order)


def transpositions(rank: int) -> list[tuple[int, ...]]:
    """Return the permutations of `rank` axes that swap exactly two axes."""
    return [order for order in permutations(range(rank)) if sum(at != to for at, to in enumerate(order)) == 2]


def one_by_one(kernel: Array, lengths: Iterable[int]) -> Stage:
    """Return the stage that applies a pointwise kernel (O, C) to spatial axes of these lengths."""
    axes = tuple(Axis(length=length, taps=1) for length in lengths)
    return Stage(kernel=kernel.reshape(*kernel.shape, *(1,) * len(axes)), axes=axes)


def subject_of(call: Call) -> Subject:
    """
    Return a call in canonical order.

    Raises:
        ValueError: if the shapes of the call's arrays do not fit together.

    """
    name = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    is_depthwise = call.op in ("depthwise_conv", "separable_conv")
    pointwise = None
    if call.op == "separable_conv":
        pointwise = wide(call, call.arranged("pointwise_kernel", "OI" + call.spatial))
        pointwise = pointwise.reshape(pointwise.shape[:2])
    return Subject(
        call=call,
        input=wide(call, call.arranged("input", "NC" + call.spatial)),
        kernel=kernel_of(call, wide(call, call.array(name)), name),
        pointwise=pointwise,
        bias=None if call.bias is None else wide(call, call.bias),
        groups=call.extent("input", "C") if is_depthwise else call.groups,
        settings=settings(call, name),
    )


def wide(call: Call, array: Array) -> Array:
    """Return an array in the output dtype if all dtypes of the call are integer dtypes, else in double precision."""
    names = [name for name in vars(call.dtype).values() if name]
    if all(map(is_integer, names)):
        return array.astype(numpy_type(call.dtype_of("output")))
    return array.astype(np.complex128 if any(map(is_complex, names)) else np.float64)


def kernel_of(call: Call, kernel: Array, name: str) -> Array:
    """
    Convert a kernel from the call's layout to canonical order (O, C / groups, space).

    The kernel of a transposed convolution becomes the kernel of the equivalent convolution over the dilated input.
    """
    letters, rank = call.letters(name), call.rank
    if "M" in letters:
        moved = kernel.transpose([letters.index(letter) for letter in "CM" + call.spatial])
        return moved.reshape(-1, 1, *moved.shape[2:])
    moved = kernel.transpose([letters.index(letter) for letter in "OI" + call.spatial])
    if call.op != "conv_transpose":
        return moved
    return forward(moved, call.groups)[(slice(None), slice(None), *(slice(None, None, -1),) * rank)]


def forward(kernel: Array, groups: int) -> Array:
    """Rearrange the kernel (O / groups, I, space) of a transposed convolution to (O, I / groups, space)."""
    filters, channels, *taps = kernel.shape
    parts = kernel.reshape(filters, groups, channels // groups, *taps)
    return np.moveaxis(parts, 1, 0).reshape(groups * filters, channels // groups, *taps)
