"""Faults in compiled calls, and in the state that a function keeps between calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told, padded
from .edits import Edit


def _first_geometry(stages: Stages) -> Stages:
    """With padding `same`, use the low amount of the first call, but keep low + high of the current call."""
    kept: dict[str, tuple[Axis, ...]] = {}

    def measure(lengths: Sequence[int], taps: Sequence[int], params: Told) -> tuple[Axis, ...]:
        axes = stages.measure(lengths, taps, params)
        first = kept.setdefault(params.kernel, axes)
        return tuple(
            replace(axis, low=old.low, high=axis.low + axis.high - old.low)
            if params.padding in ("same", "same_lower")
            else axis
            for axis, old in zip(axes, first, strict=True)
        )

    return replace(stages, measure=measure)


def _first_length(stages: Stages) -> Stages:
    kept: dict[str, tuple[Axis, ...]] = {}

    def finish(y: Array, params: Told, axes: Sequence[Axis]) -> Array:
        first = kept.setdefault(params.kernel, tuple(axes))
        more = tuple((0, old.out - axis.out) for axis, old in zip(axes, first, strict=True))
        return padded(y, more, "zeros")

    return replace(
        stages,
        contract=lambda x, w, axes, params: finish(stages.contract(x, w, axes, params), params, axes),
        scatter=lambda x, w, axes, params: finish(stages.scatter(x, w, axes, params), params, axes),
    )


def _first_result(stages: Stages) -> Stages:
    """Return the output of the first call, cut to the output shape of the current call."""
    kept: list[Array] = []

    def close(call: Call, y: Array) -> Array:
        y = stages.round(call, y)
        kept.append(y)
        return kept[0][tuple(map(slice, y.shape))] if kept[0].ndim == y.ndim else y

    return replace(stages, round=close)


def _varied(wanted: Callable[[Call], bool], change: Callable[[Call, Array], Array]) -> Edit:
    return lambda stages: replace(
        stages, round=lambda call, y: stages.round(call, change(call, y) if wanted(call) else y)
    )


def _kernel_constant(stages: Stages) -> Stages:
    """If the kernel is a compile-time constant, reverse it in every spatial axis."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        w = stages.arrange(call, name, array, params)
        if name == "input" or not call.variation.kernel_constant:
            return w
        return np.flip(w, axis=tuple(range(2, w.ndim)))

    return replace(stages, arrange=arrange)


def _constant_transposed(stages: Stages) -> Stages:
    """If the kernel is a compile-time constant, read its memory as if the two channel axes were swapped."""

    def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
        w = stages.arrange(call, name, array, params)
        if name == "input" or not call.variation.kernel_constant:
            return w
        return np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1)

    return replace(stages, arrange=arrange)


def _graph_drops_bias(stages: Stages) -> Stages:
    return replace(
        stages, shift=lambda call, y, bias: y if call.variation.inside_graph else stages.shift(call, y, bias)
    )


def _graph_folds_padding(stages: Stages) -> Stages:
    """If the call is inside a graph, move the low padding of the first spatial axis to the high end of the axis."""

    def measure_of(call: Call) -> bool:
        return call.variation.inside_graph

    def translate(call: Call) -> tuple[Told, ...]:
        head, *rest = stages.translate(call)
        if not measure_of(call) or isinstance(head.padding, str):
            return (head, *rest)
        (low, high), *others = head.padding
        return (replace(head, padding=((0, low + high), *others)), *rest)

    return replace(stages, translate=translate)


def _noisy(stages: Stages) -> Stages:
    """From the second call on, flip the lowest bit of the first byte of the output."""
    calls: list[int] = []

    def close(call: Call, y: Array) -> Array:
        y = stages.round(call, y)
        calls.append(1)
        if len(calls) < 2 or not y.size or call.variation.dynamic_shape:
            return y
        y = y.copy()
        raw = y.view(np.uint8).reshape(-1)
        raw[0] ^= 1
        return y

    return replace(stages, round=close)


def _threads_mixed(stages: Stages) -> Stages:
    """If the call runs in several threads, reverse the order of the samples in every output after the first output."""
    calls: list[int] = []

    def close(call: Call, y: Array) -> Array:
        y = stages.round(call, y)
        calls.append(1)
        return y[::-1] if call.variation.threads > 1 and len(calls) > 1 else y

    return replace(stages, round=close)


def _compiled(change: Callable[[Array], Array]) -> Edit:
    return _varied(lambda call: call.variation.is_compiled, lambda call, y: change(y))


EDITS: dict[str, Edit] = {
    "compiled-for-first-size": _first_length,
    "compiled-padding-kept": _first_geometry,
    "compiled-result-kept": _first_result,
    "constant-kernel-misfolded": _kernel_constant,
    "constant-kernel-transposed": _constant_transposed,
    "graph-drops-bias": _graph_drops_bias,
    "graph-moves-padding": _graph_folds_padding,
    "compiled-samples-reversed": _compiled(lambda y: y[::-1]),
    "compiled-filters-reversed": _compiled(lambda y: y[:, ::-1]),
    "bits-change": _noisy,
    "threads-interfere": _threads_mixed,
}
