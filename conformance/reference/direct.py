"""
The definition, written down: a convolution gathers, a transposed one scatters, tap by tap.

Values have the axes (batch, spatial…, channel) between layers, kernels (group, tap…, in, out).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ..call import Array, Call
from ..dtypes import FORMATS, PARTS, is_complex, is_integer, numpy_type
from .exact import ABSENT, Exact, add, dot, exact
from .places import Gather, Scatter, cropping, gathered, padding, read, stuffed, window, written
from .rounding import flushed, rounded
from .undefined import check

#: Real numbers, or the real and the imaginary parts of complex ones.
Parts: TypeAlias = tuple[Exact, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """
    One grouped convolution of a call: which array is its kernel, and where its taps fall.
    """

    kernel: str
    groups: int
    sums: Gather | Scatter

    def split(self, x: Array) -> Array:
        """
        Return values with their channels in groups, (group, batch, spatial…, in), and slots where taps may miss.
        """
        width = x.shape[-1] // self.groups if self.groups else 1
        groups = np.moveaxis(x.reshape(*x.shape[:-1], self.groups, width), -2, 0)
        return _slotted(groups) if isinstance(self.sums, Gather) else groups

    def join(self, y: Array) -> Array:
        """
        Return sums (group, batch, spatial…, out) as values, their channels group by group.
        """
        return np.moveaxis(y, 0, -2).reshape(*y.shape[1:-1], y.shape[0] * y.shape[-1])


@np.errstate(all="ignore")  # signalling NaNs warn when they are read
def evaluate(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return the exact result of a call, rounded once.

    The array has the axes of `call.layout.output` and the dtype of `call.dtype.output`.
    `switches` choose alternatives:
    `trailing-zeros`, a valid transposed convolution whose window is shorter than its stride has W * stride outputs;
    `dilated-nothing`, an axis of no elements has length 0 with its gaps as well, so that the transposed output is
    stride - 1 longer;
    `padding-skipped`, zeros that a forward convolution adds are not multiplied (those of `before` are elements);
    `zeros-multiplied`, a transposed convolution multiplies zeros between and beside the elements;
    `zero-start`, sums start from 0.0, so that none of zeros is -0.0;
    `flush-subnormals`, subnormal elements are read and written as zeros of their sign.

    Raises:
        Undefined: if the call has no meaning.
        ValueError: for an unknown switch.

    """
    check(call, switches)
    if call.op == "conv_transpose":
        switches = frozenset(switches) - {"padding-skipped"}
    value = _parts(call, "input", _input(call), switches)
    for layer in _layers(call, switches):
        kernel = _parts(call, layer.kernel, _kernel(call, layer), switches)
        value = _convolved(layer, value, kernel, switches, is_float=not is_integer(_output(call)))
    if call.bias is not None:
        value = tuple(map(add, *_alike(value, _parts(call, "bias", call.bias, switches))))
    return call.deliver(_rounded(value, _output(call), flush="flush-subnormals" in switches), f"N{call.spatial}C")


@np.errstate(all="ignore")
def magnitude(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return S, the sum of abs(x * w) over the products behind each output, and abs(b), as float64.

    The axes are those of the output, which `switches` of `evaluate` may lengthen.

    Raises:
        Undefined: if the call has no meaning.

    """
    check(call, switches)
    value = _size(_input(call))
    for layer in _layers(call, switches):
        value = layer.join(layer.sums(layer.split(value), _size(_kernel(call, layer))))
    if call.bias is not None:
        value = value + _size(call.bias)
    return call.deliver(value, f"N{call.spatial}C")


def products(call: Call) -> int:
    """
    Return K, the largest number of products behind one output, and 1 for a bias.

    A tap of the pointwise kernel counts itself and the products behind what it multiplies.
    Of a transposed convolution, the taps of one phase of the stride count.

    Raises:
        Undefined: if the call has no meaning.

    """
    check(call)
    count = 0
    for layer in _layers(call):
        *taps, contracted, _ = _kernel(call, layer).shape[1:]
        if call.op == "conv_transpose":
            steps = zip(taps, call.strides, call.dilations, strict=True)
            taps = [math.ceil(k * math.gcd(s, d) / s) for k, s, d in steps]
        count = math.prod(taps) * contracted * (count + 1)
    return count + (call.bias is not None)


def _output(call: Call) -> str:
    return call.dtype.output or call.dtype.input


def _size(array: Array) -> Array:
    return np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


def _input(call: Call) -> Array:
    x = call.arranged("input", f"N{call.spatial}C")
    for axis, (low, high) in enumerate(call.before or (), start=1):
        length = x.shape[axis]
        at = np.arange(-low, max(length + high, -low))
        behind = np.concatenate([x, np.zeros_like(x, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))], axis)
        x = behind.take(np.where((at >= 0) & (at < length), at, length), axis)
    return x


def _kernel(call: Call, layer: Layer) -> Array:
    groups, name = layer.groups, layer.kernel
    if "M" in call.letters(name):
        return np.moveaxis(call.arranged(name, f"{call.spatial}CM"), -2, 0)[..., np.newaxis, :]
    w = call.arranged(name, f"{call.spatial}IO")
    *taps, contracted, produced = w.shape
    if call.op == "conv_transpose":
        return np.moveaxis(w.reshape(*taps, groups, contracted // groups, produced), -3, 0)
    return np.moveaxis(w.reshape(*taps, contracted, groups, produced // groups), -2, 0)


def _layers(call: Call, switches: Collection[str] = frozenset()) -> Iterator[Layer]:
    if call.op == "conv_transpose":
        sums = _scatter(call, switches)
        over_zeros = "zeros-multiplied" in switches
        yield Layer(kernel="kernel", groups=call.groups, sums=_over_zeros(sums) if over_zeros else sums)
        return
    name = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    groups = call.groups if call.op == "conv" else call.extent("input", "C")
    gather = _gather(call, name)
    yield Layer(kernel=name, groups=groups, sums=gather)
    if call.op == "separable_conv":
        places = tuple(np.arange(place.shape[1])[np.newaxis] for place in gather.places)
        yield Layer(kernel="pointwise_kernel", groups=1, sums=Gather(places=places))


def _lengths(call: Call) -> tuple[int, ...]:
    pairs = call.before or ((0, 0),) * call.rank
    return tuple(max(length + sum(pair), 0) for length, pair in zip(call.extents("input"), pairs, strict=True))


def _gather(call: Call, kernel: str) -> Gather:
    return Gather(
        places=tuple(
            read(
                length=length,
                taps=taps,
                stride=call.strides[axis],
                dilation=call.dilations[axis],
                stuffing=call.input_dilations[axis],
                pair=_pair(call, axis, stuffed(length, call.input_dilations[axis]), taps),
                mode=call.padding_mode,
            )
            for axis, (length, taps) in enumerate(zip(_lengths(call), call.extents(kernel), strict=True))
        )
    )


def _pair(call: Call, axis: int, length: int, taps: int) -> tuple[int, int]:
    if not isinstance(call.padding, str):
        return call.padding[axis]
    return padding(call.padding, length, window(taps, call.dilations[axis]), call.strides[axis])


def _scatter(call: Call, switches: Collection[str]) -> Scatter:
    lengths, taps = _lengths(call), call.extents("kernel")
    ends = [_ends(call, axis, lengths[axis], taps[axis], switches) for axis in range(call.rank)]
    return Scatter(
        places=tuple(
            written(
                length=lengths[axis],
                taps=taps[axis],
                stride=call.strides[axis],
                dilation=call.dilations[axis],
                low=low,
                outputs=outputs,
            )
            for axis, (low, outputs) in enumerate(ends)
        ),
        extents=tuple(outputs for _, outputs in ends),
    )


def _over_zeros(sums: Scatter) -> Gather:
    return Gather(places=tuple(map(gathered, sums.places, sums.extents)))


def _ends(call: Call, axis: int, length: int, taps: int, switches: Collection[str]) -> tuple[int, int]:
    stride, extent = call.strides[axis], window(taps, call.dilations[axis])
    low, high = cropping(call.padding, extent, stride) if isinstance(call.padding, str) else call.padding[axis]
    outputs = (length - 1) * stride + extent - low - high + call.output_padding[axis]
    if "trailing-zeros" in switches and call.padding == "valid" and extent < stride:
        outputs = length * stride
    if "dilated-nothing" in switches and length == 0:
        outputs += stride - 1
    return low, max(outputs, 0)


def _slotted(x: Array) -> Array:
    with_slots = np.zeros((*x.shape[:2], *(extent + 1 for extent in x.shape[2:-1]), x.shape[-1]), x.dtype)
    with_slots[(slice(None), slice(None), *map(slice, x.shape[2:-1]))] = x
    return with_slots


def _parts(call: Call, name: str, array: Array, switches: Collection[str]) -> Parts:
    dtype = getattr(call.dtype, name) or call.dtype.input
    parts = [array.real, array.imag] if is_complex(dtype) else [array]
    if "flush-subnormals" in switches and not is_integer(dtype):
        form = FORMATS[PARTS.get(dtype, dtype)]
        parts = [flushed(part.astype(np.float64), form) for part in parts]
    return tuple(map(exact, parts))


def _convolved(layer: Layer, x: Parts, w: Parts, switches: Collection[str], *, is_float: bool) -> Parts:
    x = tuple(_grouped(layer, part, skips="padding-skipped" in switches) for part in x)
    zero_start = "zero-start" in switches or not is_float

    def summed(left: Exact, right: Exact) -> Exact:
        return dot(layer.sums, left, right, zero_start=zero_start)

    if len(x) == len(w) == 1:
        return (summed(x[0], w[0]).moved(layer.join),)
    (a, b), (c, d) = _alike(x, w)
    parts = add(summed(a, c), summed(b, d.negated())), add(summed(a, d), summed(b, c))
    return tuple(part.moved(layer.join) for part in parts)


def _grouped(layer: Layer, part: Exact, *, skips: bool) -> Exact:
    part = part.moved(layer.split)
    if not skips or isinstance(layer.sums, Scatter):
        return part
    codes = part.codes.copy()
    for axis in range(2, codes.ndim - 1):
        np.moveaxis(codes, axis, 0)[-1] = ABSENT
    return replace(part, special=codes)


def _alike(left: Parts, right: Parts) -> tuple[Parts, Parts]:
    count = max(len(left), len(right))
    return _promoted(left, count), _promoted(right, count)


def _promoted(parts: Parts, count: int) -> Parts:
    if len(parts) == count:
        return parts
    imaginary = replace(parts[0], integers=np.zeros(parts[0].integers.shape), special=None, rest=())
    absent = parts[0].codes == ABSENT
    if absent.any():
        imaginary = replace(imaginary, special=np.where(absent, ABSENT, 0).astype(np.int8))
    return (*parts, imaginary)


def _rounded(value: Parts, dtype: str, *, flush: bool) -> Array:
    if not is_complex(dtype):
        return rounded(value[0], dtype, flush=flush)
    real, imaginary = (rounded(part, PARTS[dtype], flush=flush) for part in _promoted(value, 2))
    result = np.empty(real.shape, numpy_type(dtype))
    result.real, result.imag = real, imaginary
    return result
