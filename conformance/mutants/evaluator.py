"""
A call evaluated in stages, each of which a mutant may replace.

Shares no code with the reference and none with the NumPy backend: sums are made tap by tap, in float64, complex128 or
the integer dtype of the output, from arrays with the axes N, C, then space, and kernels O, I, then space
(I, O, then space if transposed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from ..core import Array, Call, Pairs, Refused, is_complex, is_integer, numpy_type
from .objections import objections

#: The arrays that may hold a kernel, in the order in which they are applied.
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


@dataclass(frozen=True, kw_only=True)
class Told:
    """
    The parameters of one grouped convolution, as the evaluator understood them.

    Lists have one entry for each spatial axis; `padding` is a word or (low, high) pairs of the forward convolution.
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
    One spatial axis of a convolution whose padding is settled.

    `length` is that of the input, dilated; `low` and `high` are padded, or cropped where the convolution is transposed;
    `out` is the length of the result.
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
    The stages of an evaluation, in their order; each is a function that a mutant may wrap.

    `object(call)`: yield the names of what makes the call senseless.
    `read(call, name)`: the elements of an array, whatever its memory, in the call's layout.
    `translate(call)`: the one or two grouped convolutions of the call.
    `arrange(call, name, array, told)`: the array with canonical axes, a kernel as O, I (I, O if transposed).
    `step(call, x)`: the padding step ahead.
    `stuff(x, told)`: the input dilated.
    `measure(lengths, taps, told)`: an `Axis` for each spatial axis.
    `fill(x, axes, told)`: the input padded and cropped.
    `contract(x, w, axes, told)`: the sums of a forward convolution.
    `scatter(x, w, axes, told)`: the sums of a transposed one.
    `shift(call, y, bias)`: the bias added.
    `round(call, y)`: the result in its dtype.
    `deliver(call, y)`: the result in the call's layout.
    `infer(call, y)`: shape and dtype as they are stated ahead of the call.
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


def evaluate(call: Call, do: Stages) -> Array:
    """
    Return the output of a call in its own layout and dtype.

    Raises:
        Refused: for a call without a meaning.

    """
    with np.errstate(all="ignore"):
        return do.deliver(call, canonical(call, do))


def canonical(call: Call, do: Stages) -> Array:
    """
    Return the output of a call with the axes N, C, then space, in its own dtype.

    Raises:
        Refused: for a call without a meaning.

    """
    for objection in do.object(call):
        raise Refused(objection)
    parts = do.translate(call)
    y = do.arrange(call, "input", wide(call, do.read(call, "input")), parts[0])
    if call.before is not None:
        y = do.step(call, y)
    for told in parts:
        kernel = do.arrange(call, told.kernel, wide(call, do.read(call, told.kernel)), told)
        y = convolve(y, kernel, told, do)
    if call.bias is not None:
        y = do.shift(call, y, wide(call, do.read(call, "bias")))
    return do.round(call, y)


def convolve(x: Array, kernel: Array, told: Told, do: Stages) -> Array:
    """Return one grouped convolution of canonical arrays."""
    x = do.stuff(x, told)
    axes = do.measure(x.shape[2:], kernel.shape[2:], told)
    if told.transposed:
        return do.scatter(x, kernel, axes, told)
    return do.contract(do.fill(x, axes, told), kernel, axes, told)


def output_dtype(call: Call) -> str:
    """Return the name of the dtype of the result."""
    return call.dtype.output or call.dtype.input


def wide(call: Call, array: Array) -> Array:
    """Return an array in the dtype in which sums are made: integers in that of the output, where they wrap."""
    names = [name for name in vars(call.dtype).values() if name]
    if all(map(is_integer, names)):
        return array.astype(numpy_type(output_dtype(call)))
    return array.astype(np.complex128 if any(map(is_complex, names)) else np.float64)


def read(call: Call, name: str) -> Array:
    """Return the elements of an array of the call, in the call's layout."""
    return np.array(call.array(name))


def translate(call: Call) -> tuple[Told, ...]:
    """Return the grouped convolutions that make up the call: two if it is separable."""
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


def arrange(call: Call, name: str, array: Array, told: Told) -> Array:
    """Return an array with its axes in canonical order; of a depthwise kernel filter m of channel c becomes c * M + m."""
    letters = call.letters(name)
    wanted = ("NC" if name == "input" else kernel_letters(letters, told)) + call.spatial
    moved = np.moveaxis(array, [letters.index(letter) for letter in wanted], range(array.ndim))
    if "M" in letters:
        return moved.reshape(moved.shape[0] * moved.shape[1], 1, *moved.shape[2:])
    return moved


def kernel_letters(letters: str, told: Told) -> str:
    """Return the first two letters of a kernel in canonical order."""
    if "M" in letters:
        return "CM"
    return "IO" if told.transposed else "OI"


def step(call: Call, x: Array) -> Array:
    """Return the input after the padding step ahead of the convolution."""
    return padded(x, call.before or (), "zeros")


def stuff(x: Array, told: Told) -> Array:
    """Return the input with its elements input_dilations apart, zeros between them."""
    if set(told.input_dilations) == {1}:
        return x
    for axis, q in enumerate(told.input_dilations, 2):
        apart = np.zeros((*x.shape[:axis], x.shape[axis] * q, *x.shape[axis + 1 :]), x.dtype)
        apart[(slice(None),) * axis + (slice(None, None, q),)] = x
        x = apart[(slice(None),) * axis + (slice(max(apart.shape[axis] - q + 1, 0)),)]
    return x


def measure(lengths: Sequence[int], taps: Sequence[int], told: Told) -> tuple[Axis, ...]:
    """Return each spatial axis with its padding settled and its result counted."""
    settle = _settled_transposed if told.transposed else _settled
    return tuple(settle(length, k, told, at) for at, (length, k) in enumerate(zip(lengths, taps, strict=True)))


def span(taps: int, dilation: int) -> int:
    """Return the extent of a dilated window, 0 without taps."""
    return taps + (taps - 1) * (dilation - 1) if taps else 0


def _settled(length: int, taps: int, told: Told, at: int) -> Axis:
    stride, dilation = told.strides[at], told.dilations[at]
    window = span(taps, dilation)
    low, high = amounts(told.padding, length, window, stride, at)
    room = max(length + low + high, 0) - window
    out = room // stride + 1 if room >= 0 else 0
    return Axis(length=length, taps=taps, stride=stride, dilation=dilation, low=low, high=high, out=out)


def amounts(padding: str | Pairs, length: int, window: int, stride: int, at: int) -> tuple[int, int]:
    """Return how much a forward convolution pads before and behind one axis."""
    if not isinstance(padding, str):
        return padding[at]
    if padding == "valid":
        return 0, 0
    if padding in ("causal", "full"):
        return window - 1, window - 1 if padding == "full" else 0
    # The last of ceil(length / stride) windows ends here, if the first starts at 0.
    end = -(-length // stride) * stride - stride + window
    missing = max(end - length, 0)
    return (missing // 2, missing - missing // 2) if padding == "same" else (missing - missing // 2, missing // 2)


def _settled_transposed(length: int, taps: int, told: Told, at: int) -> Axis:
    stride, dilation = told.strides[at], told.dilations[at]
    window = span(taps, dilation)
    low, high = crops(told.padding, window, stride, at)
    high -= told.output_padding[at]
    out = max(length * stride - stride + window - low - high, 0)
    return Axis(length=length, taps=taps, stride=stride, dilation=dilation, low=low, high=high, out=out)


def crops(padding: str | Pairs, window: int, stride: int, at: int) -> tuple[int, int]:
    """Return how much a transposed convolution takes off the two ends of one axis."""
    if not isinstance(padding, str):
        return padding[at]
    if padding == "valid":
        return 0, 0
    if window <= stride:
        return 0, window - stride
    half = (window - stride) // 2
    return (half, window - stride - half) if padding == "same" else (window - stride - half, half)


def fill(x: Array, axes: Sequence[Axis], told: Told) -> Array:
    """Return the input padded, and cropped where the padding is negative."""
    return padded(x, tuple((axis.low, axis.high) for axis in axes), told.mode)


def padded(x: Array, pairs: Pairs, mode: str) -> Array:
    """Return `x` with (low, high) elements more in each spatial axis, fewer where negative."""
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
            raise Refused(f"{mode} of nothing")
    return x


def source(places: Array, length: int, mode: str) -> Array:
    """Return the elements from which places, counted from the first element, are filled."""
    if mode == "circular":
        return places % length
    if mode == "replicate":
        return np.clip(places, 0, length - 1)
    period = max(2 * length - 2, 1)
    there = places % period
    return np.minimum(there, period - there) if length > 1 else there * 0


def inner(index: Iterable[Any]) -> tuple[Any, ...]:
    """Return the index of spatial axes, whatever the axes before them."""
    return (..., *index)


def _at(axis: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (index,)


def contract(x: Array, w: Array, axes: Sequence[Axis], told: Told) -> Array:
    """Return the sums over taps and channels: the output element at t reads position t * stride + tap * dilation."""
    y = np.zeros((x.shape[0], w.shape[0], *(axis.out for axis in axes)), np.result_type(x, w))
    if y.size == 0:
        return y
    for tap in product(*(range(axis.taps) for axis in axes)):
        under = tuple(
            slice(k * axis.dilation, k * axis.dilation + (axis.out - 1) * axis.stride + 1, axis.stride)
            for k, axis in zip(tap, axes, strict=True)
        )
        y += mixed(x[inner(under)], w[inner(tap)], told.groups)
    return y


def mixed(x: Array, w: Array, groups: int) -> Array:
    """Return the channels of `x` (N, C, space) mixed by `w` (O, C / groups), group by group."""
    if groups == 1:
        return np.asarray(np.einsum("oc,nc...->no...", w, x))
    if groups == x.shape[1] == w.shape[0]:
        return x * w[:, 0].reshape(-1, *(1,) * (x.ndim - 2))
    rows = x.reshape(x.shape[0], groups, x.shape[1] // max(groups, 1), *x.shape[2:])
    filters = w.reshape(groups, w.shape[0] // max(groups, 1), w.shape[1])
    sums: Array = np.einsum("goc,ngc...->ngo...", filters, rows)
    return sums.reshape(x.shape[0], w.shape[0], *x.shape[2:])


def scatter(x: Array, w: Array, axes: Sequence[Axis], told: Told) -> Array:
    """
    Return the sums of a transposed convolution: the input element at t adds to t * stride + tap * dilation - low.

    `w` has the axes I = C, O = channels of one group, then space.
    """
    groups = told.groups
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
    """Return a kernel (I = C, O = channels of one group, space) as that of `mixed`: (all outputs, C / groups, space)."""
    parts = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    turned = np.moveaxis(parts, 2, 1)
    return turned.reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:])


def shift(call: Call, y: Array, bias: Array) -> Array:
    """Return the sums with the bias of each output channel added."""
    return y + bias.reshape(-1, *(1,) * (y.ndim - 2))


def rounded(call: Call, y: Array) -> Array:
    """Return the result rounded once to its dtype."""
    return y.astype(numpy_type(output_dtype(call)))


def deliver(call: Call, y: Array) -> Array:
    """Return a canonical result with its axes in the order that the call asks for."""
    have = "NC" + call.spatial
    return np.moveaxis(y, [have.index(letter) for letter in call.layout.output or call.layout.input], range(y.ndim))


def infer(call: Call, y: Array) -> Array:
    """Return zeros of the shape and dtype that are stated ahead of the call, for a result `y` in the call's layout."""
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
