"""
The output of a call by the first formulation, tap by tap: a convolution gathers, a transposed convolution scatters.

The inputs and outputs of layers have the axes (batch, spatial…, channel). Kernels have the axes (group, tap…, in, out).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ...core import COMPLEX_PARTS, FORMATS, Array, Call, is_complex, is_integer, numpy_type
from ..exact.array import ABSENT, Exact, add, dot, exact
from ..exact.rounding import flushed, rounded, shortened
from ..undefined import check_call
from .tap_positions import Gather, Scatter, cropping, gathered, padding, read, stuffed, window, written

#: One array of real numbers, or two arrays with the real and the imaginary parts of complex numbers.
Parts: TypeAlias = tuple[Exact, ...]


#: The number of significant bits to which each switch rounds the operands of products.
OPERANDS = {"operands-8-bits": 8, "operands-11-bits": 11, "operands-16-bits": 16}


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One grouped convolution of a call. `kernel` is the name of its kernel, and `sums` computes its sums over taps."""

    kernel: str
    groups: int
    sums: Gather | Scatter

    def split(self, x: Array) -> Array:
        """
        Return values (batch, spatial…, channel) as (group, batch, spatial…, in).

        If the layer gathers, the result has slots (see `slotted`).
        """
        groups = grouped(x, self.groups, x.shape[-1] // self.groups if self.groups else 1)
        return slotted(groups) if isinstance(self.sums, Gather) else groups

    def join(self, y: Array) -> Array:
        """Return sums (group, batch, spatial…, out) as values (batch, spatial…, channel) in the order of the groups."""
        return np.moveaxis(y, 0, -2).reshape(*y.shape[1:-1], y.shape[0] * y.shape[-1])


@np.errstate(all="ignore")  # signalling NaNs warn when they are read
def evaluate(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return the exact output of a call, rounded once.

    The array has the axes of `call.layout.output` and the dtype of `call.dtype.output`.
    Each switch selects an alternative of a clause:
    - `trailing-zeros`: a transposed convolution with `valid` padding has W * stride outputs if its window is shorter
      than the stride.
    - `dilated-nothing`: dilating an empty input results in length 0 instead of 1 - stride, so the output of a
      transposed convolution is stride - 1 longer.
    - `padding-skipped`: a forward convolution does not multiply its zero padding, nor the zeros between the elements of
      a dilated input. It multiplies the zeros of `before`.
    - `zeros-multiplied`: a transposed convolution also multiplies the zeros between and around the input elements.
    - `zero-start`: sums start from 0.0, so that no sum of zeros is -0.0.
    - `flush-subnormals`: subnormal operands and results become zeros of the same sign.
    - `operands-8-bits`, `operands-11-bits`, `operands-16-bits`: input and kernels are rounded to this number of
      significant bits before they are multiplied.
    - `operands-float16`: input and kernels are rounded to float16, so that large values overflow to infinity.

    Raises:
        Undefined: if the call has no defined result.
        ValueError: for an unknown switch.

    """
    check_call(call, switches)
    value = summed(call, switches)
    if call.bias is not None:
        value = tuple(map(add, *_alike(value, parts_of(call, "bias", call.bias, switches))))
    return call.deliver(_rounded(value, _output(call), flush="flush-subnormals" in switches), f"N{call.spatial}C")


def summed(call: Call, switches: Collection[str] = frozenset()) -> Parts:
    """Return the exact sums (batch, spatial…, channel), without the bias, of a call that `check_call` accepts."""
    value = parts_of(call, "input", input_of(call), switches)
    for layer in layers_of(call, switches):
        kernel = parts_of(call, layer.kernel, kernel_of(call, layer), switches)
        value = convolved(call, layer, value, kernel, switches)
    return value


@np.errstate(all="ignore")
def magnitude(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return S = sum of abs(x * w) over the products of each output element, plus abs(b), as float64.

    The array has the axes and the shape of the output that `evaluate` returns for the same `switches`.

    Raises:
        Undefined: if the call has no defined result.

    """
    check_call(call, switches)
    value = _size(input_of(call))
    for layer in layers_of(call, switches):
        value = layer.join(layer.sums(layer.split(value), _size(kernel_of(call, layer))))
    if call.bias is not None:
        value = value + _size(call.bias)
    return call.deliver(value, f"N{call.spatial}C")


def products(call: Call) -> int:
    """
    Return K, the largest number of products in one output element, plus 1 for a bias.

    A product with the pointwise kernel counts 1 plus the number of products in its other factor.
    In a transposed convolution, at most ceil(taps * gcd(stride, dilation) / stride) taps of an axis reach one output.

    Raises:
        Undefined: if the call has no defined result.

    """
    check_call(call)
    count = 0
    for layer in layers_of(call):
        *taps, contracted, _ = kernel_of(call, layer).shape[1:]
        if call.op == "conv_transpose":
            steps = zip(taps, call.strides, call.dilations, strict=True)
            taps = [math.ceil(k * math.gcd(s, d) / s) for k, s, d in steps]
        count = math.prod(taps) * contracted * (count + 1)
    return count + (call.bias is not None)


def _output(call: Call) -> str:
    return call.dtype.output or call.dtype.input


def _size(array: Array) -> Array:
    return np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


def input_of(call: Call) -> Array:
    """Return the input (batch, spatial…, channel) after the padding or cropping by `before`."""
    x = call.arranged("input", f"N{call.spatial}C")
    for axis, (low, high) in enumerate(call.before or (), start=1):
        length = x.shape[axis]
        at = np.arange(-low, max(length + high, -low))
        with_zero = np.concatenate([x, np.zeros_like(x, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))], axis)
        x = with_zero.take(np.where((at >= 0) & (at < length), at, length), axis)
    return x


def kernel_of(call: Call, layer: Layer) -> Array:
    """Return the kernel of a layer as (group, tap…, in, out)."""
    groups, name = layer.groups, layer.kernel
    if "M" in call.letters(name):
        return np.moveaxis(call.arranged(name, f"{call.spatial}CM"), -2, 0)[..., np.newaxis, :]
    w = call.arranged(name, f"{call.spatial}IO")
    *taps, contracted, produced = w.shape
    if call.op == "conv_transpose":
        return np.moveaxis(w.reshape(*taps, groups, contracted // groups, produced), -3, 0)
    return np.moveaxis(w.reshape(*taps, contracted, groups, produced // groups), -2, 0)


def layers_of(call: Call, switches: Collection[str] = frozenset()) -> Iterator[Layer]:
    """Yield the layers of a call: depthwise and pointwise for a separable convolution, else a single layer."""
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


def grouped(x: Array, groups: int, width: int) -> Array:
    """Return values (batch, spatial…, channel) as (group, batch, spatial…, channel of the group)."""
    return np.moveaxis(x.reshape(*x.shape[:-1], groups, width), -2, 0)


def slotted(x: Array) -> Array:
    """Return grouped values with a zero, the slot, after each spatial axis. Taps beyond the input read the slot."""
    with_slots = np.zeros((*x.shape[:2], *(extent + 1 for extent in x.shape[2:-1]), x.shape[-1]), x.dtype)
    with_slots[(slice(None), slice(None), *map(slice, x.shape[2:-1]))] = x
    return with_slots


def parts_of(call: Call, name: str, array: Array, switches: Collection[str]) -> Parts:
    """
    Return `array` as exact numbers, after the switches that change operands.

    The dtype of `array` is the dtype of the call's array `name`.
    """
    dtype = getattr(call.dtype, name) or call.dtype.input
    parts = [array.real, array.imag] if is_complex(dtype) else [array]
    if "flush-subnormals" in switches and not is_integer(dtype):
        form = FORMATS[COMPLEX_PARTS.get(dtype, dtype)]
        parts = [flushed(part.astype(np.float64), form) for part in parts]
    if name != "bias" and not is_integer(dtype):
        parts = [_narrowed(part.astype(np.float64), switches) for part in parts]
    return tuple(map(exact, parts))


def _narrowed(values: Array, switches: Collection[str]) -> Array:
    if "operands-float16" in switches:
        return rounded(exact(values), "float16").astype(np.float64)
    for switch, bits in OPERANDS.items():
        values = shortened(values, bits) if switch in switches else values
    return values


def convolved(call: Call, layer: Layer, x: Parts, w: Parts, switches: Collection[str]) -> Parts:
    """Return the exact sums of one layer of a call for the input `x` and the kernel `w`."""
    skips = "padding-skipped" in switches and call.op != "conv_transpose"
    x = tuple(_split(layer, part, skips=skips) for part in x)
    zero_start = "zero-start" in switches or is_integer(_output(call))

    def summed(left: Exact, right: Exact) -> Exact:
        return dot(layer.sums, left, right, zero_start=zero_start)

    if len(x) == len(w) == 1:
        return (summed(x[0], w[0]).moved(layer.join),)
    (a, b), (c, d) = _alike(x, w)
    parts = add(summed(a, c), summed(b, d.negated())), add(summed(a, d), summed(b, c))
    return tuple(part.moved(layer.join) for part in parts)


def _split(layer: Layer, part: Exact, *, skips: bool) -> Exact:
    part = part.moved(layer.split)
    return without_slots(part) if skips and isinstance(layer.sums, Gather) else part


def without_slots(part: Exact) -> Exact:
    """Return slotted values with the slots marked as absent, so that no product uses a slot."""
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
    real, imaginary = (rounded(part, COMPLEX_PARTS[dtype], flush=flush) for part in _promoted(value, 2))
    result = np.empty(real.shape, numpy_type(dtype))
    result.real, result.imag = real, imaginary
    return result
