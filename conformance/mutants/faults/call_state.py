"""Faults in compiled calls, and in what a function remembers from call to call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...core import Array, Call
from ..evaluator import Axis, Stages, Told, padded
from .edits import Edit


def _first_geometry(do: Stages) -> Stages:
    """Padding and lengths are those of the first size that was seen."""
    kept: dict[str, tuple[Axis, ...]] = {}

    def measure(lengths: Sequence[int], taps: Sequence[int], said: Told) -> tuple[Axis, ...]:
        axes = do.measure(lengths, taps, said)
        first = kept.setdefault(said.kernel, axes)
        return tuple(
            replace(axis, low=old.low, high=axis.low + axis.high - old.low)
            if said.padding in ("same", "same_lower")
            else axis
            for axis, old in zip(axes, first, strict=True)
        )

    return replace(do, measure=measure)


def _first_length(do: Stages) -> Stages:
    kept: dict[str, tuple[Axis, ...]] = {}

    def finish(y: Array, said: Told, axes: Sequence[Axis]) -> Array:
        first = kept.setdefault(said.kernel, tuple(axes))
        more = tuple((0, old.out - axis.out) for axis, old in zip(axes, first, strict=True))
        return padded(y, more, "zeros")

    return replace(
        do,
        contract=lambda x, w, axes, said: finish(do.contract(x, w, axes, said), said, axes),
        scatter=lambda x, w, axes, said: finish(do.scatter(x, w, axes, said), said, axes),
    )


def _first_result(do: Stages) -> Stages:
    """A compiled function returns what it returned for its first size, cut to the length of this one."""
    kept: list[Array] = []

    def close(call: Call, y: Array) -> Array:
        y = do.round(call, y)
        kept.append(y)
        return kept[0][tuple(map(slice, y.shape))] if kept[0].ndim == y.ndim else y

    return replace(do, round=close)


def _varied(wanted: Callable[[Call], bool], change: Callable[[Call, Array], Array]) -> Edit:
    return lambda do: replace(do, round=lambda call, y: do.round(call, change(call, y) if wanted(call) else y))


def _kernel_constant(do: Stages) -> Stages:
    """A kernel that is a constant is packed with its taps reversed."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        w = do.arrange(call, name, array, said)
        if name == "input" or not call.variation.kernel_constant:
            return w
        return np.flip(w, axis=tuple(range(2, w.ndim)))

    return replace(do, arrange=arrange)


def _constant_transposed(do: Stages) -> Stages:
    """A kernel that is a constant is packed with its channels swapped."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        w = do.arrange(call, name, array, said)
        if name == "input" or not call.variation.kernel_constant:
            return w
        return np.swapaxes(w.reshape(w.shape[1], w.shape[0], *w.shape[2:]), 0, 1)

    return replace(do, arrange=arrange)


def _graph_drops_bias(do: Stages) -> Stages:
    return replace(do, shift=lambda call, y, bias: y if call.variation.inside_graph else do.shift(call, y, bias))


def _graph_folds_padding(do: Stages) -> Stages:
    """Inside a graph the low padding of the first axis is lost to the operation ahead, and given back at the end."""

    def measure_of(call: Call) -> bool:
        return call.variation.inside_graph

    def translate(call: Call) -> tuple[Told, ...]:
        head, *rest = do.translate(call)
        if not measure_of(call) or isinstance(head.padding, str):
            return (head, *rest)
        (low, high), *others = head.padding
        return (replace(head, padding=((0, low + high), *others)), *rest)

    return replace(do, translate=translate)


def _noisy(do: Stages) -> Stages:
    """The last bit of the first element differs from the second call on."""
    calls: list[int] = []

    def close(call: Call, y: Array) -> Array:
        y = do.round(call, y)
        calls.append(1)
        if len(calls) < 2 or not y.size or call.variation.dynamic_shape:
            return y
        y = y.copy()
        raw = y.view(np.uint8).reshape(-1)
        raw[0] ^= 1
        return y

    return replace(do, round=close)


def _threads_mixed(do: Stages) -> Stages:
    """Of several calls at once, all but the first return their samples in another order."""
    calls: list[int] = []

    def close(call: Call, y: Array) -> Array:
        y = do.round(call, y)
        calls.append(1)
        return y[::-1] if call.variation.threads > 1 and len(calls) > 1 else y

    return replace(do, round=close)


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
