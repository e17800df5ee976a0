"""
The causes of wrong gradients, keyed by the names of the faults in the glossary.

A cause is a function of a call in canonical order, the call's backward pass and the name of an array. It yields the
gradients of this array, in canonical order, that implementations with the fault compute. A cause yields nothing for a
call to which the fault does not apply, and may yield the correct gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ...core import Array, numpy_type
from ..axis import Axis
from ..axis_parameters import Setting
from ..canonical_call import Subject
from .backward_pass import BackwardPass

Cause: TypeAlias = Callable[[Subject, BackwardPass, str], Iterable[Array]]
#: The number of channels that a vectorised implementation writes at once.
BLOCK = 4


def _sent(change: Callable[[BackwardPass], Array]) -> Cause:
    """Return a cause that replaces the cotangent of the output by `change(back)`, where `back` is the backward pass."""
    return lambda subject, back, name: [back.by(cotangent=change(back)).to(name)]


def _array(which: str, change: Callable[[Array], Array]) -> Cause:
    """Return a cause that applies `change` to the gradient of the array `which`."""
    return lambda subject, back, name: [change(back.to(name))] if name == which else []


def _through(which: str, change: Callable[[Subject, BackwardPass], Iterable[BackwardPass]]) -> Cause:
    """Return a cause that computes the gradient of the array `which` by the backward passes that `change` yields."""
    return lambda subject, back, name: (each.to(name) for each in change(subject, back)) if name == which else ()


def _settings(change: Callable[[Setting], Setting]) -> Callable[[Subject, BackwardPass], Iterable[BackwardPass]]:
    """Return a function that applies `change` to the parameters of every axis of a backward pass."""
    return lambda subject, back: [back.by_axes(*(change(each).axis for each in subject.settings))]


def _exchanged(name: str, take: Callable[[int, int], int]) -> Callable[[Subject, BackwardPass], Iterable[BackwardPass]]:
    """Return a function that gives axis i the parameter `name` of axis `take(i, rank)`."""

    def changed(subject: Subject, back: BackwardPass) -> Iterator[BackwardPass]:
        rank = len(subject.settings)
        others = [subject.settings[take(at, rank)] for at in range(rank)]
        made = (
            replace(each, **{name: getattr(other, name)}) for each, other in zip(subject.settings, others, strict=True)
        )
        yield back.by_axes(*(each.axis for each in made))

    return changed


def _shifted(by: int) -> Callable[[Subject, BackwardPass], Iterable[BackwardPass]]:
    return lambda subject, back: [back.by_axes(*(replace(axis, low=axis.low + by) for axis in back.stage.axes))]


def _axes(change: Callable[[Axis], Axis]) -> Callable[[Subject, BackwardPass], Iterable[BackwardPass]]:
    return lambda subject, back: [back.by_axes(*map(change, back.stage.axes))]


def _forward(cause: Cause) -> Cause:
    return lambda subject, back, name: () if subject.is_transposed else cause(subject, back, name)


def _transposed(cause: Cause) -> Cause:
    return lambda subject, back, name: cause(subject, back, name) if subject.is_transposed else ()


def _without(axis: int, start: int | None, stop: int | None) -> Callable[[Array], Array]:
    """Return a function that sets an array's slice [start, stop) along `axis` to zero."""

    def emptied(found: Array) -> Array:
        made = found.copy()
        made[(slice(None),) * (axis % found.ndim) + (slice(start, stop),)] = 0
        return made

    return emptied


def _tail(axis: int) -> Callable[[Array], Array]:
    """Return a function that sets the elements after the last whole block of BLOCK elements along `axis` to zero."""
    return lambda found: _without(axis, max(found.shape[axis] // BLOCK, 1) * BLOCK, None)(found)


def _last(axis: int) -> Callable[[Array], Array]:
    """Return a function that sets the last element along `axis` to zero, unless it is the only element."""
    return lambda found: _without(axis, max(found.shape[axis] - 1, 1), None)(found)


def _space(found: Array) -> tuple[int, ...]:
    return tuple(range(2, found.ndim))


def _first_everywhere(axis: int) -> Callable[[Array], Array]:
    return lambda found: np.broadcast_to(found.take([0], axis), found.shape)


def _total(*axes: int) -> Callable[[Array], Array]:
    return lambda found: np.broadcast_to(found.sum(axis=axes, keepdims=True), found.shape)


def _mean(found: Array, count: int) -> Array:
    return found / max(count, 1)


def _narrow(bits: int) -> Callable[[Array], Array]:
    def rounded(values: Array) -> Array:
        mantissa, exponent = np.frexp(values)
        return np.asarray(np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits))

    return rounded


def _operands(change: Callable[[Array], Array]) -> Cause:
    """Return a cause that applies `change` to the input, the kernel and the cotangent, unless these are complex."""

    def made(subject: Subject, back: BackwardPass, name: str) -> Iterator[Array]:
        if not np.iscomplexobj(back.cotangent):
            changed = back.by_kernel(change(back.stage.kernel))
            yield changed.by(input=change(back.input), cotangent=change(back.cotangent)).to(name)

    return made


def _single(values: Array) -> Array:
    return values.astype(np.float32).astype(np.float64)


def _in_single(subject: Subject, back: BackwardPass, name: str) -> Iterable[Array]:
    return _operands(_single)(subject, back, name) if subject.call.dtype.input == "float64" else ()


def _output(subject: Subject) -> Array:
    return np.asarray(subject.result.astype(numpy_type(subject.call.dtype_of("output")))).astype(subject.result.dtype)


def _by_output(change: Callable[[Array, Array], Array]) -> Cause:
    return lambda subject, back, name: [back.by(cotangent=change(back.cotangent, _output(subject))).to(name)]


def _taps(keep_first: bool) -> Callable[[Array], Array]:
    """
    Return a function that zeroes taps of a kernel.

    If `keep_first` is true, only the first tap is kept. Otherwise, the last taps along the last axis are set to zero.
    """

    def changed(kernel: Array) -> Array:
        made = np.zeros_like(kernel) if keep_first else kernel.copy()
        if keep_first:
            first = (slice(None), slice(None), *(slice(1),) * (kernel.ndim - 2))
            made[first] = kernel[first]
        else:
            made[..., -1:] = 0
        return made

    return changed


def _unreversed(change: Callable[[Array], Array]) -> Callable[[Subject, Array], Array]:
    """
    Return a function that applies `change` to a kernel in the call's tap order.

    The canonical order reverses the taps of transposed convolutions, so the function reverses them before and after
    `change`.
    """

    def changed(subject: Subject, kernel: Array) -> Array:
        return change(kernel[_reverse(kernel)])[_reverse(kernel)] if subject.is_transposed else change(kernel)

    return changed


def _reverse(kernel: Array) -> tuple[slice, ...]:
    return (slice(None), slice(None), *(slice(None, None, -1),) * (kernel.ndim - 2))


def _kernel_array(change: Callable[[Array], Array]) -> Cause:
    """Return a cause that applies `change` to the gradient of the kernel in the call's tap order."""
    return lambda subject, back, name: [_unreversed(change)(subject, back.to_kernel)] if name == "kernel" else []


def _kernel_pass(change: Callable[[Array], Array]) -> Callable[[Subject, BackwardPass], Iterable[BackwardPass]]:
    return lambda subject, back: [back.by_kernel(_unreversed(change)(subject, back.stage.kernel))]


def _flipped(kernel: Array) -> Array:
    return kernel[_reverse(kernel)]


def _samples(change: Callable[[Array], Array]) -> Cause:
    """Return a cause that applies `change` to the samples' contributions to the gradient of the kernel."""
    return lambda subject, back, name: [change(back.per_sample).sum(axis=0)] if name == "kernel" else []


def _sent_to(which: str, change: Callable[[Array], Array]) -> Cause:
    """Return a cause that changes the cotangent, but only for the gradient of the array `which`."""
    return _through(which, lambda subject, back: [back.by(cotangent=change(back.cotangent))])


def _places_alone(index: slice, axes: int | None = None) -> Callable[[Array], Array]:
    """
    Return a function that zeroes a cotangent outside the slice `index`.

    The slice selects positions along each of the first `axes` spatial axes, or along all spatial axes by default.
    """

    def kept(cotangent: Array) -> Array:
        made = np.zeros_like(cotangent)
        at = (slice(None), slice(None), *(index,) * (axes or cotangent.ndim - 2))
        made[at] = cotangent[at]
        return made

    return kept


def _count(cotangent: Array) -> int:
    return int(np.prod(cotangent.shape[2:], dtype=int))


def _grouped(change: Callable[[Array], Array], which: str) -> Cause:
    """
    Return a cause that applies `change` to the gradient of the array `which`, split by group.

    The split gradient has the shape (G, N, C / G, ...) for the input and (G, O / G, ...) for the kernel.
    """

    def made(subject: Subject, back: BackwardPass, name: str) -> Iterator[Array]:
        groups = back.stage.groups
        if name == which and groups > 1:
            found = back.to(name)
            axis = 1 if which == "input" else 0
            parts = found.reshape(*found.shape[:axis], groups, -1, *found.shape[axis + 1 :])
            yield np.moveaxis(change(np.moveaxis(parts, axis, 0)), 0, axis).reshape(found.shape)

    return made


def _multiples(change: Callable[[Array], Array], which: str) -> Cause:
    """Return a cause that applies `change` to a depthwise gradient, split by input channel to (C, M, ...)."""

    def made(subject: Subject, back: BackwardPass, name: str) -> Iterator[Array]:
        if name == which and subject.is_depthwise:
            found = back.to(name)
            per_channel = len(found) // back.stage.groups
            yield change(found.reshape(-1, per_channel, *found.shape[1:])).reshape(found.shape)

    return made


def _bias(change: Callable[[Array], Array]) -> Cause:
    return lambda subject, back, name: [change(back.to_bias)] if name == "bias" else []


def _unpadded(each: Setting) -> Setting:
    return replace(each, padding=(0, 0))


def _swapped(each: Setting) -> Setting:
    return replace(each, padding=each.pair[::-1])


def _without_crop(each: Setting) -> Setting:
    low, high = each.pair
    return replace(each, padding=(max(low, 0), max(high, 0)))


def _without_low_crop(each: Setting) -> Setting:
    return replace(each, padding=(0, each.pair[1]))


def _modes(subject: Subject, back: BackwardPass) -> Iterator[BackwardPass]:
    for mode in ("reflect", "replicate", "circular"):
        if mode != subject.call.padding_mode != "zeros":
            yield back.by_axes(*(replace(axis, mode=mode) for axis in back.stage.axes))


CAUSES: dict[str, Cause] = {
    # The cotangent of the output
    "cotangent-ignored": _sent(lambda back: np.ones_like(back.cotangent)),
    "cotangent-clipped": _sent(lambda back: np.maximum(back.cotangent, 0)),
    "cotangent-sign-lost": _sent(lambda back: np.abs(back.cotangent)),
    "cotangent-where-positive": _by_output(lambda sent, y: np.where(y > 0, sent, 0)),
    "cotangent-times-output": _by_output(lambda sent, y: sent * y),
    "cotangent-averaged": _sent(lambda back: back.cotangent / max(back.cotangent.size, 1)),
    "cotangent-summed": _sent(lambda back: np.full_like(back.cotangent, back.cotangent.sum())),
    "cotangent-of-first-sample": _sent(lambda back: _first_everywhere(0)(back.cotangent)),
    "cotangent-of-first-filter": _sent(lambda back: _first_everywhere(1)(back.cotangent)),
    "cotangent-filters-reversed": _sent(lambda back: back.cotangent[:, ::-1]),
    "cotangent-reversed": _sent(lambda back: back.cotangent[..., ::-1]),
    # Rounding
    "gradient-operands-tf32": _operands(_narrow(11)),
    "gradient-operands-bfloat16": _operands(_narrow(8)),
    "gradient-double-in-single": _in_single,
    # Taps, strides and dilations
    "input-gradient-kernel-flipped": _through("input", _kernel_pass(_flipped)),
    "input-gradient-kernel-flipped-one-axis": _through("input", _kernel_pass(lambda w: w[..., ::-1])),
    "input-gradient-first-tap-only": _through("input", _kernel_pass(_taps(keep_first=True))),
    "input-gradient-last-tap-missing": _through("input", _kernel_pass(_taps(keep_first=False))),
    "input-gradient-without-gaps": _forward(_through("input", _settings(lambda each: replace(each, stride=1)))),
    "input-gradient-strides-swapped": _through("input", _exchanged("stride", lambda at, rank: rank - 1 - at)),
    "input-gradient-first-stride-only": _through("input", _exchanged("stride", lambda at, rank: 0)),
    "gradient-ignores-dilation": lambda subject, back, name: (
        each.to(name) for each in _settings(lambda each: replace(each, dilation=1))(subject, back) if name != "bias"
    ),
    "input-gradient-dilations-swapped": _through("input", _exchanged("dilation", lambda at, rank: rank - 1 - at)),
    "kernel-gradient-ignores-stride": _forward(_through("kernel", _axes(lambda axis: replace(axis, stride=1)))),
    "kernel-gradient-strides-swapped": _through("kernel", _exchanged("stride", lambda at, rank: rank - 1 - at)),
    "kernel-gradient-first-stride-only": _through("kernel", _exchanged("stride", lambda at, rank: 0)),
    "kernel-gradient-ignores-dilation": _forward(_through("kernel", _axes(lambda axis: replace(axis, dilation=1)))),
    "kernel-gradient-dilations-swapped": _through("kernel", _exchanged("dilation", lambda at, rank: rank - 1 - at)),
    "kernel-gradient-ignores-input-dilation": _forward(
        _through("kernel", _axes(lambda axis: replace(axis, spacing=1)))
    ),
    # The gradient of the input
    "input-gradient-zero": _array("input", np.zeros_like),
    "input-gradient-negated": _array("input", np.negative),
    "input-gradient-flipped": _array("input", lambda g: np.flip(g, _space(g))),
    "input-gradient-first-channel-everywhere": _array("input", _first_everywhere(1)),
    "input-gradient-channels-reversed": _array("input", lambda g: g[:, ::-1]),
    "input-gradient-channel-tail-missing": _array("input", _tail(1)),
    "input-gradient-channels-beyond-16-missing": _array("input", _without(1, 16, None)),
    "input-gradient-first-sample-only": _array("input", _without(0, 1, None)),
    "input-gradient-last-sample-missing": _array("input", _last(0)),
    "input-gradient-summed-over-batch": _array("input", _total(0)),
    "input-gradient-averaged-over-batch": _array("input", lambda g: _mean(g, len(g))),
    "input-gradient-last-place-missing": _array("input", _last(-1)),
    "input-gradient-rolled": _array("input", lambda g: np.roll(g, 1, -1)),
    "input-gradient-clipped": _array("input", lambda g: np.maximum(g, 0)),
    "input-gradient-of-zero-lost": lambda subject, back, name: (
        [np.where(back.input == 0, 0, back.to_input)] if name == "input" else []
    ),
    "input-gradient-first-filter-only": _sent_to("input", _without(1, 1, None)),
    "input-gradient-last-filter-missing": _sent_to("input", _last(1)),
    # The gradient of the kernel
    "kernel-gradient-zero": _array("kernel", np.zeros_like),
    "kernel-gradient-negated": _array("kernel", np.negative),
    "kernel-gradient-flipped": _kernel_array(_flipped),
    "kernel-gradient-flipped-one-axis": _kernel_array(lambda g: g[..., ::-1]),
    "kernel-gradient-rolled": _kernel_array(lambda g: np.roll(g, 1, -1)),
    "kernel-gradient-first-tap-only": _kernel_array(_taps(keep_first=True)),
    "kernel-gradient-last-tap-missing": _kernel_array(_taps(keep_first=False)),
    "kernel-gradient-first-filter-everywhere": _array("kernel", _first_everywhere(0)),
    "kernel-gradient-first-channel-everywhere": _array("kernel", _first_everywhere(1)),
    "kernel-gradient-last-channel-missing": _array("kernel", _last(1)),
    "kernel-gradient-channel-tail-missing": _array("kernel", _tail(1)),
    "kernel-gradient-filter-tail-missing": _array("kernel", _tail(0)),
    "kernel-gradient-averaged-over-batch": lambda subject, back, name: (
        [_mean(back.to_kernel, len(back.cotangent))] if name == "kernel" else []
    ),
    "kernel-gradient-averaged-over-places": lambda subject, back, name: (
        [_mean(back.to_kernel, _count(back.cotangent))] if name == "kernel" else []
    ),
    "kernel-gradient-first-sample-only": _samples(lambda g: g[:1]),
    "kernel-gradient-last-sample-missing": _samples(lambda g: g[:-1] if len(g) > 1 else g),
    "kernel-gradient-first-place-only": _sent_to("kernel", _places_alone(slice(1))),
    "kernel-gradient-last-place-missing": _sent_to("kernel", _last(-1)),
    "kernel-gradient-of-clipped-input": _through(
        "kernel", lambda subject, back: [back.by(input=np.maximum(back.input, 0))]
    ),
    "kernel-gradient-clipped": _array("kernel", lambda g: np.maximum(g, 0)),
    "kernel-gradient-with-decay": lambda subject, back, name: (
        [back.to_kernel + back.stage.kernel] if name == "kernel" else []
    ),
    "kernel-gradient-of-zero-lost": lambda subject, back, name: (
        [np.where(back.stage.kernel == 0, 0, back.to_kernel)] if name == "kernel" else []
    ),
    # The gradient of the bias
    "bias-gradient-zero": _bias(np.zeros_like),
    "bias-gradient-negated": _bias(np.negative),
    "bias-gradient-counts": lambda subject, back, name: (
        [np.full_like(back.to_bias, len(back.cotangent) * _count(back.cotangent))] if name == "bias" else []
    ),
    "bias-gradient-averaged-over-batch": lambda subject, back, name: (
        [_mean(back.to_bias, len(back.cotangent))] if name == "bias" else []
    ),
    "bias-gradient-averaged-over-places": lambda subject, back, name: (
        [_mean(back.to_bias, _count(back.cotangent))] if name == "bias" else []
    ),
    "bias-gradient-first-sample-only": _sent_to("bias", _without(0, 1, None)),
    "bias-gradient-last-sample-missing": _sent_to("bias", _last(0)),
    "bias-gradient-first-place-only": _sent_to("bias", _places_alone(slice(1))),
    "bias-gradient-last-place-missing": _sent_to("bias", _last(-1)),
    "bias-gradient-first-row-only": _sent_to("bias", _places_alone(slice(1), 1)),
    "bias-gradient-reversed": _bias(lambda g: g[::-1]),
    "bias-gradient-first-filter-everywhere": _bias(_first_everywhere(0)),
    "bias-gradient-summed-over-filters": _bias(_total(0)),
    "bias-gradient-per-tap": lambda subject, back, name: (
        [back.to_bias * int(np.prod(back.stage.kernel.shape[2:]))] if name == "bias" else []
    ),
    "bias-gradient-clipped": _bias(lambda g: np.maximum(g, 0)),
    "bias-gradient-tail-missing": _bias(_tail(0)),
    # Padding
    "input-gradient-ignores-padding": _forward(_through("input", _settings(_unpadded))),
    "input-gradient-padding-swapped": _forward(_through("input", _settings(_swapped))),
    "input-gradient-padding-axes-swapped": _through("input", _exchanged("padding", lambda at, rank: rank - 1 - at)),
    "input-gradient-one-late": _forward(_through("input", _shifted(-1))),
    "input-gradient-ignores-crop": _forward(_through("input", _settings(_without_crop))),
    "kernel-gradient-ignores-padding": _forward(_through("kernel", _settings(_unpadded))),
    "kernel-gradient-padding-swapped": _forward(_through("kernel", _settings(_swapped))),
    "kernel-gradient-padding-axes-swapped": _through("kernel", _exchanged("padding", lambda at, rank: rank - 1 - at)),
    "kernel-gradient-one-late": _forward(_through("kernel", _shifted(-1))),
    "kernel-gradient-ignores-crop": _forward(_through("kernel", _settings(_without_crop))),
    "kernel-gradient-padding-counted": _forward(
        _through("kernel", _axes(lambda axis: replace(axis, mode="replicate") if axis.mode == "zeros" else axis))
    ),
    "input-gradient-ignores-mode": _through("input", _axes(lambda axis: replace(axis, mode="zeros"))),
    "kernel-gradient-ignores-mode": _through("kernel", _axes(lambda axis: replace(axis, mode="zeros"))),
    "input-gradient-of-another-mode": _through("input", _modes),
    "kernel-gradient-of-another-mode": _through("kernel", _modes),
    # Groups
    "group-gradient-first-for-all": _grouped(_first_everywhere(0), "input"),
    "group-gradient-reversed": _grouped(lambda parts: parts[::-1], "input"),
    "group-gradient-summed": _grouped(_total(0), "input"),
    "group-kernel-gradient-first-for-all": _grouped(_first_everywhere(0), "kernel"),
    "group-kernel-gradient-reversed": _grouped(lambda parts: parts[::-1], "kernel"),
    "group-kernel-gradient-summed": _grouped(_total(0), "kernel"),
    "depthwise-gradient-summed": lambda subject, back, name: (
        [_total(1)(back.to_input)] if name == "input" and subject.is_depthwise else []
    ),
    "depthwise-kernel-gradient-summed": _multiples(_total(1), "kernel"),
    # Transposed convolutions
    "transposed-input-gradient-zero": _transposed(_array("input", np.zeros_like)),
    "transposed-input-gradient-kernel-flipped": _transposed(_through("input", _kernel_pass(_flipped))),
    "transposed-input-gradient-ignores-stride": _transposed(
        _through("input", _settings(lambda each: replace(each, stride=1)))
    ),
    "transposed-input-gradient-ignores-dilation": _transposed(
        _through("input", _settings(lambda each: replace(each, dilation=1)))
    ),
    "transposed-input-gradient-ignores-crop": _transposed(_through("input", _settings(_without_low_crop))),
    "transposed-input-gradient-crop-swapped": _transposed(_through("input", _settings(_swapped))),
    "transposed-kernel-gradient-zero": _transposed(_array("kernel", np.zeros_like)),
    "transposed-kernel-gradient-flipped": _transposed(_kernel_array(_flipped)),
    "transposed-kernel-gradient-ignores-stride": _transposed(
        _through("kernel", _settings(lambda each: replace(each, stride=1)))
    ),
    "transposed-kernel-gradient-ignores-dilation": _transposed(
        _through("kernel", _settings(lambda each: replace(each, dilation=1)))
    ),
    "transposed-kernel-gradient-ignores-crop": _transposed(_through("kernel", _settings(_without_low_crop))),
    "transposed-kernel-gradient-crop-swapped": _transposed(_through("kernel", _settings(_swapped))),
}
