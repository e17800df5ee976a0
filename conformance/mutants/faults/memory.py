"""
Faults in layouts, memory, and in what a function remembers from call to call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...adapter import Refused
from ...call import Array, Call
from ..evaluator import Axis, Stages, Told, padded
from ..memory import placed
from .wraps import Edit


def _read(change: Callable[[Call, str, Array], Array]) -> Edit:
    """
    Read an array from its memory otherwise; the array that is given lies as the call's storage says.
    """
    return lambda do: replace(do, read=lambda call, name: np.array(change(call, name, placed(call, name))))


def _owner(array: Array) -> Array:
    while array.base is not None and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _flat(array: Array) -> Array:
    """Return the memory of an array's owner, in its order."""
    owner = _owner(array)
    return owner.ravel(order="K")


def _as_contiguous(call: Call, name: str, array: Array) -> Array:
    """The elements from the first one on, as if they stood one behind the other."""
    flat = _flat(array)
    start = (array.__array_interface__["data"][0] - _owner(array).__array_interface__["data"][0]) // array.itemsize
    return np.resize(flat[max(start, 0) :], array.shape) if array.size else array


def _from_the_start(call: Call, name: str, array: Array) -> Array:
    """The strides are right, the first element is that of the buffer."""
    owner = _owner(array)
    if array.size and owner.size > array.size and min(array.strides) > 0:
        return np.ndarray(array.shape, array.dtype, buffer=owner, strides=array.strides)
    return array


def _broadcast_as_memory(call: Call, name: str, array: Array) -> Array:
    if 0 not in array.strides or not array.size:
        return array
    return np.resize(_flat(array), array.size).reshape(array.shape)


def _reversed_ignored(call: Call, name: str, array: Array) -> Array:
    axes = tuple(axis for axis, stride in enumerate(array.strides) if stride < 0)
    return np.flip(array, axes)


def _fortran_as_c(call: Call, name: str, array: Array) -> Array:
    """Axes that are transposed in memory are read in the order of memory."""
    order = np.argsort([-abs(stride) for stride in array.strides], kind="stable")
    if list(order) == list(range(array.ndim)) or 0 in array.strides:
        return array
    return np.ascontiguousarray(array.transpose(order)).reshape(array.shape)


def _beside(do: Stages) -> Stages:
    """The element behind an array in memory is added, times zero, to the result."""
    stray: list[complex] = []

    def read(call: Call, name: str) -> Array:
        array = placed(call, name)
        flat = _flat(array)
        if flat.size > array.size and array.size:
            at = (array.__array_interface__["data"][0] - _owner(array).__array_interface__["data"][0]) // array.itemsize
            stray.append(flat[at - 1] if at else flat[-1])
        return np.array(array)

    def close(call: Call, y: Array) -> Array:
        found = [value for value in stray if value != 0]
        stray.clear()
        if not found or not y.size:
            return do.round(call, y)
        y = y.copy()
        y[(0,) * y.ndim] += np.asarray(found[0]).astype(y.dtype)
        return do.round(call, y)

    return replace(do, read=read, round=close)


def _overwriting(name_of: str) -> Edit:
    def edit(do: Stages) -> Stages:
        def read(call: Call, name: str) -> Array:
            array = placed(call, name)
            elements = np.array(array)
            if (
                (name == name_of or (name_of == "kernel" and name.endswith("kernel")))
                and array.flags.writeable
                and array.size
            ):
                array[(0,) * array.ndim] = 0 if array.flat[0] != 0 else 1
            return elements

        return replace(do, read=read)

    return edit


def _readonly_refused(do: Stages) -> Stages:
    def read(call: Call, name: str) -> Array:
        if not placed(call, name).flags.writeable and "readonly" in vars(call.storage).values():
            raise Refused("a read-only array")
        return do.read(call, name)

    return replace(do, read=read)


# Layout


def _reshaped(names: tuple[str, ...]) -> Edit:
    """
    An array is reshaped to the canonical order of its axes instead of being permuted.
    """

    def edit(do: Stages) -> Stages:
        def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
            right = do.arrange(call, name, array, said)
            return array.reshape(right.shape) if name in names else right

        return replace(do, arrange=arrange)

    return edit


KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def _delivered(change: Callable[[Call, Array], Array]) -> Edit:
    return lambda do: replace(do, deliver=change)


def _reshaped_output(call: Call, y: Array) -> Array:
    have = "NC" + call.spatial
    shape = [y.shape[have.index(letter)] for letter in call.layout.output or call.layout.input]
    return y.reshape(shape)


def _canonical_output(call: Call, y: Array) -> Array:
    return y


def _in_the_inputs_layout(call: Call, y: Array) -> Array:
    have = "NC" + call.spatial
    return np.moveaxis(y, [have.index(letter) for letter in call.layout.input], range(y.ndim))


def _space_swapped_output(do: Stages) -> Stages:
    return replace(do, deliver=lambda call, y: do.deliver(call, np.swapaxes(y, 2, y.ndim - 1)))


def _guessed_channels(do: Stages) -> Stages:
    """The channel axis of the input is guessed: of two that fit the kernel's count, the last."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        if name != "input" or call.op == "separable_conv":
            return right
        channels = right.shape[1]
        if array.shape[-1] == channels and call.layout.input[-1] != "C" and array.shape[1] == channels:
            return (
                np.moveaxis(array, -1, 1).reshape(right.shape) if sorted(array.shape) == sorted(right.shape) else right
            )
        return right

    return replace(do, arrange=arrange)


def _guessed_kernel(do: Stages) -> Stages:
    """A kernel whose first and last axes are equally long is taken as if they changed places."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        if name != "input" and array.shape[0] == array.shape[-1] and array.ndim == len(call.letters(name)):
            array = np.swapaxes(array, 0, -1)
        return do.arrange(call, name, array, said)

    return replace(do, arrange=arrange)


def _spatial_guessed(do: Stages) -> Stages:
    """Spatial axes are taken in the order of the layout's letters sorted by extent, longest first."""

    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        if name != "input" or right.ndim < 4 or right.shape[2] >= right.shape[-1]:
            return right
        return np.swapaxes(right, 2, right.ndim - 1)

    return replace(do, arrange=arrange)


def _batch_and_channels_swapped(do: Stages) -> Stages:
    def arrange(call: Call, name: str, array: Array, said: Told) -> Array:
        right = do.arrange(call, name, array, said)
        if name == "input" and right.shape[0] == right.shape[1]:
            return np.swapaxes(right, 0, 1)
        return right

    return replace(do, arrange=arrange)


# What is remembered


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


# Inference


def _inferred(change: Callable[[Call, Array], Array]) -> Edit:
    return lambda do: replace(do, infer=lambda call, y: change(call, do.infer(call, y)))


def _other_length(call: Call, stated: Array) -> Array:
    at = (call.layout.output or call.layout.input).index("W")
    return np.zeros([size + (axis == at) for axis, size in enumerate(stated.shape)], stated.dtype)


def _channels_of_the_input(call: Call, stated: Array) -> Array:
    at = (call.layout.output or call.layout.input).index("C")
    channels = call.extent("input", "C")
    return np.zeros([channels if axis == at else size for axis, size in enumerate(stated.shape)], stated.dtype)


def _other_dtype(call: Call, stated: Array) -> Array:
    return stated.astype(np.float64 if stated.dtype == np.float32 else np.float32)


def _inferred_in_order(call: Call, stated: Array) -> Array:
    have = "NC" + call.spatial
    letters = call.layout.output or call.layout.input
    return stated.transpose([letters.index(letter) for letter in have])


def _inferred_undilated(call: Call, stated: Array) -> Array:
    at = (call.layout.output or call.layout.input).index("W")
    name = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    more = (call.extents(name)[-1] - 1) * (call.dilations[-1] - 1)
    return np.zeros([size + (more if axis == at else 0) for axis, size in enumerate(stated.shape)], stated.dtype)


EDITS: dict[str, Edit] = {
    "layout-ignored": _reshaped(("input", *KERNELS)),
    "layout-reshaped": _reshaped(("input",)),
    "kernel-layout-reshaped": _reshaped(KERNELS),
    "layout-output-transposed": _delivered(_canonical_output),
    "layout-output-is-input": _delivered(_in_the_inputs_layout),
    "layout-output-reshaped": _delivered(_reshaped_output),
    "layout-output-space-swapped": _space_swapped_output,
    "axes-guessed": _guessed_channels,
    "kernel-axes-guessed": _guessed_kernel,
    "space-guessed": _spatial_guessed,
    "batch-and-channels-guessed": _batch_and_channels_swapped,
    "storage-strides-ignored": _read(_as_contiguous),
    "storage-offset-ignored": _read(_from_the_start),
    "storage-broadcast-misread": _read(_broadcast_as_memory),
    "storage-reversed-ignored": _read(_reversed_ignored),
    "channels-last-misread": _read(_fortran_as_c),
    "storage-neighbour-read": _beside,
    "inputs-overwritten": _overwriting("input"),
    "kernel-overwritten": _overwriting("kernel"),
    "bias-overwritten": _overwriting("bias"),
    "readonly-refused": _readonly_refused,
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
    "inference-off-by-one": _inferred(_other_length),
    "inference-of-input-channels": _inferred(_channels_of_the_input),
    "inference-of-another-dtype": _inferred(_other_dtype),
    "inference-in-another-layout": _inferred(_inferred_in_order),
    "inference-ignores-dilation": _inferred(_inferred_undilated),
}
