"""
The evaluator computes a call in stages, so that a mutant can replace single stages.

The evaluator shares no code with the reference or the NumPy backend. It accumulates tap by tap in float64, in
complex128, or in the integer dtype of the output. Inputs and outputs with "canonical" axes have the axes N, C, then the
spatial axes. Kernels with canonical axes have the axes O, I, then the spatial axes. In a transposed convolution, I
precedes O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from ..core import Array, Call, Pairs, Refused, is_complex, is_integer, numpy_type
from .objections import objections


@dataclass(frozen=True, kw_only=True)
class Told:
    """
    The parameters of one grouped convolution, translated from a call.

    `kernel` is the name of the kernel array. Tuples have one entry for each spatial axis. `padding` is a name such as
    `same`, or one (low, high) pair for each spatial axis. A transposed convolution crops its output by these pairs.
    """

    kernel: str
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    input_dilations: tuple[int, ...]
    padding: str | Pairs
    mode: str = "zeros"
    groups: int = 1
    output_padding: tuple[int, ...]
    transposed: bool = False


@dataclass(frozen=True, kw_only=True)
class Axis:
    """
    The geometry of one spatial axis, with padding resolved to numbers.

    `length` is the length of the input after input dilation. `taps` is the length of the kernel. `low` and `high` are
    the padding amounts of a forward convolution, or the crop amounts of a transposed convolution. `out` is the length
    of the output.
    """

    length: int
    taps: int
    stride: int
    dilation: int
    low: int
    high: int
    out: int


@dataclass(frozen=True, kw_only=True)
class Stages:
    """
    The stages of an evaluation, in order of execution; a mutant wraps one or more of these functions.

    Each entry states what the function returns:

    `object(call)`: an iterator over the names of the reasons why the call is undefined.
    `read(call, name)`: the array `name` of the call, in the call's layout.
    `translate(call)`: the parameters of each grouped convolution of the call.
    `arrange(call, name, array, params)`: the array transposed to canonical axes.
    `step(call, x)`: the input after the separate padding step that precedes the convolution.
    `stuff(x, params)`: the input after input dilation.
    `measure(lengths, taps, params)`: an `Axis` for each spatial axis.
    `fill(x, axes, params)`: the input after padding and cropping.
    `contract(x, w, axes, params)`: the output of a forward convolution, without bias.
    `scatter(x, w, axes, params)`: the output of a transposed convolution, without bias.
    `shift(call, y, bias)`: the output plus the bias.
    `round(call, y)`: the output rounded to its dtype.
    `deliver(call, y)`: the output transposed to the call's output layout.
    `infer(call, y)`: zeros with the shape and dtype that shape inference reports before the call runs.
    """

    object: Callable[[Call], Iterator[str]]
    read: Callable[[Call, str], Array]
    translate: Callable[[Call], tuple[Told, ...]]
    arrange: Callable[[Call, str, Array, Told], Array]
    step: Callable[[Call, Array], Array]
    stuff: Callable[[Array, Told], Array]
    measure: Callable[[Sequence[int], Sequence[int], Told], tuple[Axis, ...]]
    fill: Callable[[Array, Sequence[Axis], Told], Array]
    contract: Callable[[Array, Array, Sequence[Axis], Told], Array]
    scatter: Callable[[Array, Array, Sequence[Axis], Told], Array]
    shift: Callable[[Call, Array, Array], Array]
    round: Callable[[Call, Array], Array]
    deliver: Callable[[Call, Array], Array]
    infer: Callable[[Call, Array], Array]


def evaluate(call: Call, stages: Stages) -> Array:
    """
    Return the output of a call, in the call's output layout and output dtype.

    Raises:
        Refused: if the call is undefined.

    """
    with np.errstate(all="ignore"):
        return stages.deliver(call, canonical(call, stages))


def canonical(call: Call, stages: Stages) -> Array:
    """
    Return the output of a call, with canonical axes, in the call's output dtype.

    Raises:
        Refused: if the call is undefined.

    """
    for objection in stages.object(call):
        raise Refused(objection)
    parts = stages.translate(call)
    y = stages.arrange(call, "input", wide(call, stages.read(call, "input")), parts[0])
    if call.before is not None:
        y = stages.step(call, y)
    for params in parts:
        kernel = stages.arrange(call, params.kernel, wide(call, stages.read(call, params.kernel)), params)
        y = convolve(y, kernel, params, stages)
    if call.bias is not None:
        y = stages.shift(call, y, wide(call, stages.read(call, "bias")))
    return stages.round(call, y)


def convolve(x: Array, kernel: Array, params: Told, stages: Stages) -> Array:
    """Return the output of one grouped convolution, without bias; all arrays have canonical axes."""
    x = stages.stuff(x, params)
    axes = stages.measure(x.shape[2:], kernel.shape[2:], params)
    if params.transposed:
        return stages.scatter(x, kernel, axes, params)
    return stages.contract(stages.fill(x, axes, params), kernel, axes, params)


def output_dtype(call: Call) -> str:
    """Return the name of the output dtype."""
    return call.dtype.output or call.dtype.input


def wide(call: Call, array: Array) -> Array:
    """
    Return an array converted to the accumulation dtype.

    If all dtypes of the call are integers, the accumulation dtype is the output dtype, so that sums wrap around.
    Otherwise the accumulation dtype is complex128 if a dtype of the call is complex, else float64.
    """
    names = [name for name in vars(call.dtype).values() if name]
    if all(map(is_integer, names)):
        return array.astype(numpy_type(output_dtype(call)))
    return array.astype(np.complex128 if any(map(is_complex, names)) else np.float64)


def read(call: Call, name: str) -> Array:
    """Return a copy of an array of the call, in the call's layout."""
    return np.array(call.array(name))


def translate(call: Call) -> tuple[Told, ...]:
    """Return the parameters of each grouped convolution: two for a separable call, one for other calls."""
    first = Told(
        kernel="depthwise_kernel" if call.op == "separable_conv" else "kernel",
        strides=call.strides,
        dilations=call.dilations,
        input_dilations=call.input_dilations,
        padding=call.padding,
        mode=call.padding_mode,
        groups=call.extent("input", "C") if call.op in ("depthwise_conv", "separable_conv") else call.groups,
        output_padding=call.output_padding,
        transposed=call.op == "conv_transpose",
    )
    if call.op != "separable_conv":
        return (first,)
    ones = (1,) * call.rank
    plain: dict[str, Any] = {
        "strides": ones,
        "dilations": ones,
        "input_dilations": ones,
        "padding": "valid",
        "mode": "zeros",
    }
    return first, replace(first, kernel="pointwise_kernel", groups=1, **plain)


def arrange(call: Call, name: str, array: Array, params: Told) -> Array:
    """
    Return an array with its axes in canonical order.

    In a depthwise kernel, filter m of channel c becomes output channel c * M + m.
    """
    letters = call.letters(name)
    wanted = ("NC" if name == "input" else kernel_letters(letters, params)) + call.spatial
    moved = np.moveaxis(array, [letters.index(letter) for letter in wanted], range(array.ndim))
    if "M" in letters:
        return moved.reshape(moved.shape[0] * moved.shape[1], 1, *moved.shape[2:])
    return moved


def kernel_letters(letters: str, params: Told) -> str:
    """Return the letters of the two channel axes of a kernel, in canonical order."""
    if "M" in letters:
        return "CM"
    return "IO" if params.transposed else "OI"


def step(call: Call, x: Array) -> Array:
    """Return the input after the separate padding step that precedes the convolution."""
    return padded(x, call.before or (), "zeros")


def stuff(x: Array, params: Told) -> Array:
    """Return the input after input dilation; dilation q inserts q - 1 zeros between the elements of an axis."""
    if set(params.input_dilations) == {1}:
        return x
    for axis, q in enumerate(params.input_dilations, 2):
        apart = np.zeros((*x.shape[:axis], x.shape[axis] * q, *x.shape[axis + 1 :]), x.dtype)
        apart[(slice(None),) * axis + (slice(None, None, q),)] = x
        x = apart[(slice(None),) * axis + (slice(max(apart.shape[axis] - q + 1, 0)),)]
    return x


def measure(lengths: Sequence[int], taps: Sequence[int], params: Told) -> tuple[Axis, ...]:
    """Return the geometry of each spatial axis, with padding resolved to numbers."""
    settle = _settled_transposed if params.transposed else _settled
    return tuple(settle(length, k, params, at) for at, (length, k) in enumerate(zip(lengths, taps, strict=True)))


def span(taps: int, dilation: int) -> int:
    """Return the extent of a dilated window, (taps - 1) * dilation + 1, or 0 if there are no taps."""
    return taps + (taps - 1) * (dilation - 1) if taps else 0


def _settled(length: int, taps: int, params: Told, at: int) -> Axis:
    stride, dilation = params.strides[at], params.dilations[at]
    window = span(taps, dilation)
    low, high = amounts(params.padding, length, window, stride, at)
    room = max(length + low + high, 0) - window
    out = room // stride + 1 if room >= 0 else 0
    return Axis(length=length, taps=taps, stride=stride, dilation=dilation, low=low, high=high, out=out)


def amounts(padding: str | Pairs, length: int, window: int, stride: int, at: int) -> tuple[int, int]:
    """Return the (low, high) padding of spatial axis `at` in a forward convolution."""
    if not isinstance(padding, str):
        return padding[at]
    if padding == "valid":
        return 0, 0
    if padding in ("causal", "full"):
        return window - 1, window - 1 if padding == "full" else 0
    # There are ceil(length / stride) windows. If the first window starts at index 0, the last window ends before `end`.
    end = -(-length // stride) * stride - stride + window
    missing = max(end - length, 0)
    return (missing // 2, missing - missing // 2) if padding == "same" else (missing - missing // 2, missing // 2)


def _settled_transposed(length: int, taps: int, params: Told, at: int) -> Axis:
    stride, dilation = params.strides[at], params.dilations[at]
    window = span(taps, dilation)
    low, high = crops(params.padding, window, stride, at)
    high -= params.output_padding[at]
    out = max(length * stride - stride + window - low - high, 0)
    return Axis(length=length, taps=taps, stride=stride, dilation=dilation, low=low, high=high, out=out)


def crops(padding: str | Pairs, window: int, stride: int, at: int) -> tuple[int, int]:
    """Return the (low, high) crop of spatial axis `at` in a transposed convolution."""
    if not isinstance(padding, str):
        return padding[at]
    if padding == "valid":
        return 0, 0
    if window <= stride:
        return 0, window - stride
    half = (window - stride) // 2
    return (half, window - stride - half) if padding == "same" else (window - stride - half, half)


def fill(x: Array, axes: Sequence[Axis], params: Told) -> Array:
    """Return the input after padding; negative amounts crop."""
    return padded(x, tuple((axis.low, axis.high) for axis in axes), params.mode)


def padded(x: Array, pairs: Pairs, mode: str) -> Array:
    """Return `x` padded by (low, high) in each spatial axis; negative amounts crop."""
    for axis, (low, high) in enumerate(pairs, 2):
        length = x.shape[axis]
        places = np.arange(-low, max(length + high, -low))
        inside = (places >= 0) & (places < length)
        if mode == "zeros":
            wider = np.zeros((*x.shape[:axis], len(places), *x.shape[axis + 1 :]), x.dtype)
            wider[_at(axis, inside)] = x[_at(axis, places[inside])]
            x = wider
        elif length:
            x = x[_at(axis, source(places, length, mode))]
        elif len(places):
            raise Refused(f"padding mode {mode} cannot pad an axis of length 0")
    return x


def source(places: Array, length: int, mode: str) -> Array:
    """Return the indices of the input elements that padding copies to `places`; place 0 is the first input element."""
    if mode == "circular":
        return places % length
    if mode == "replicate":
        return np.clip(places, 0, length - 1)
    period = max(2 * length - 2, 1)
    there = places % period
    return np.minimum(there, period - there) if length > 1 else there * 0


def inner(index: Iterable[Any]) -> tuple[Any, ...]:
    """Return an index tuple that applies `index` to the last (spatial) axes and selects all other axes whole."""
    return (..., *index)


def _at(axis: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (index,)


def contract(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
    """
    Return the output of a forward convolution of a padded input, without bias.

    For one axis and one group: y[n, o, t] = sum over k, i of x[n, i, t * stride + k * dilation] * w[o, i, k].
    """
    y = np.zeros((x.shape[0], w.shape[0], *(axis.out for axis in axes)), np.result_type(x, w))
    if y.size == 0:
        return y
    for tap in product(*(range(axis.taps) for axis in axes)):
        under = tuple(
            slice(k * axis.dilation, k * axis.dilation + (axis.out - 1) * axis.stride + 1, axis.stride)
            for k, axis in zip(tap, axes, strict=True)
        )
        y += mixed(x[inner(under)], w[inner(tap)], params.groups)
    return y


def mixed(x: Array, w: Array, groups: int) -> Array:
    """Return y[n, o] = sum of w[o, i] * x[n, i] over the input channels i in the group of output channel o."""
    if groups == 1:
        return np.asarray(np.einsum("oc,nc...->no...", w, x))
    if groups == x.shape[1] == w.shape[0]:
        return x * w[:, 0].reshape(-1, *(1,) * (x.ndim - 2))
    rows = x.reshape(x.shape[0], groups, x.shape[1] // max(groups, 1), *x.shape[2:])
    filters = w.reshape(groups, w.shape[0] // max(groups, 1), w.shape[1])
    sums: Array = np.einsum("goc,ngc...->ngo...", filters, rows)
    return sums.reshape(x.shape[0], w.shape[0], *x.shape[2:])


def scatter(x: Array, w: Array, axes: Sequence[Axis], params: Told) -> Array:
    """
    Return the output of a transposed convolution, without bias.

    In each axis, input element t and tap k contribute to output element t * stride + k * dilation - low.
    `w` has the axes I, O, then the spatial axes. I runs over all input channels. O runs over the output channels of one
    group.
    """
    groups = params.groups
    full = [max(axis.length - 1, 0) * axis.stride + span(axis.taps, axis.dilation) for axis in axes]
    y = np.zeros((x.shape[0], w.shape[1] * groups, *full), np.result_type(x, w))
    if x.size:
        turned = transposed_filters(w, groups)
        for tap in product(*(range(axis.taps) for axis in axes)):
            onto = tuple(
                slice(k * axis.dilation, k * axis.dilation + (axis.length - 1) * axis.stride + 1, axis.stride)
                for k, axis in zip(tap, axes, strict=True)
            )
            y[inner(onto)] += mixed(x, turned[inner(tap)], groups)
    if any(axis.length == 0 for axis in axes):
        return np.zeros((*y.shape[:2], *(axis.out for axis in axes)), y.dtype)
    return padded(y, tuple((-axis.low, -axis.high) for axis in axes), "zeros")


def transposed_filters(w: Array, groups: int) -> Array:
    """
    Return a transposed kernel in the layout that `mixed` accepts.

    The channel axes (C, output channels of one group) become (all output channels, C / groups).
    """
    parts = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    turned = np.moveaxis(parts, 2, 1)
    return turned.reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:])


def shift(call: Call, y: Array, bias: Array) -> Array:
    """Return the output plus the bias of each output channel."""
    return y + bias.reshape(-1, *(1,) * (y.ndim - 2))


def rounded(call: Call, y: Array) -> Array:
    """Return the output, rounded once to its dtype."""
    return y.astype(numpy_type(output_dtype(call)))


def deliver(call: Call, y: Array) -> Array:
    """Return the output transposed to the call's output layout."""
    have = "NC" + call.spatial
    return np.moveaxis(y, [have.index(letter) for letter in call.layout.output or call.layout.input], range(y.ndim))


def infer(call: Call, y: Array) -> Array:
    """Return the result of shape inference: zeros with the shape and dtype of the delivered output `y`."""
    return np.zeros_like(y)


HONEST = Stages(
    object=objections,
    read=read,
    translate=translate,
    arrange=arrange,
    step=step,
    stuff=stuff,
    measure=measure,
    fill=fill,
    contract=contract,
    scatter=scatter,
    shift=shift,
    round=rounded,
    deliver=deliver,
    infer=infer,
)
