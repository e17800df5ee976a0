"""
The output of a call by the second formulation: a linear map for each spatial axis, and one dense kernel per layer.

Values have the axes (batch, spatial…, channel). Kernels have the axes (tap…, in, out). Both are float64 arrays, or
object arrays of exact Python numbers if float64 is not exact. Complex values are two such arrays: the real parts and
the imaginary parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from ...core import COMPLEX_PARTS, Array, Call, is_complex, is_integer, numpy_type
from ..exact import scalar
from ..undefined import check_call
from .axis_maps import Axis, AxisMap, backward, forward, identity
from .contraction import Contraction


@np.errstate(all="ignore")  # signalling NaNs warn when they are read
def evaluate_again(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return the exact output of a call, rounded once: the same result as `evaluate`, by the second formulation.

    Raises:
        Undefined: if the call has no defined result.
        ValueError: for an unknown switch.

    """
    check_call(call, switches)
    *_, values = values_of(call, switches)
    if call.bias is not None:
        bias = parts_of(call, "bias", call.bias, switches)
        count = max(len(values), len(bias))
        values = [
            plus(value, part) for value, part in zip(_promoted(values, count), _promoted(bias, count), strict=True)
        ]
    return call.deliver(nearest(values, call.dtype.output or call.dtype.input, switches), f"N{call.spatial}C")


def values_of(call: Call, switches: Collection[str]) -> Iterator[list[Array]]:
    """Yield the input (batch, spatial…, channel) of each layer, then the output of the last layer without the bias."""
    x = parts_of(call, "input", call.arranged("input", f"N{call.spatial}C"), switches)
    values = [_ended(call, part) for part in x]
    yield values
    for name, maps in maps_of(call, switches).items():
        values = _convolved(call, name, values, maps, switches)
        yield values


def parts_of(call: Call, name: str, array: Array, switches: Collection[str]) -> list[Array]:
    """
    Return the real part, or the real and the imaginary part, of `array`, after the switches that change operands.

    The dtype of `array` is the dtype of the call's array `name`.
    """
    dtype = getattr(call.dtype, name) or call.dtype.input
    if is_integer(dtype):
        return [array.astype(object if array.dtype.itemsize == 8 else np.float64)]
    parts = [array.real, array.imag] if is_complex(dtype) else [array]
    values = [part.astype(np.float64) for part in parts]
    if "flush-subnormals" in switches:
        values = [_flushed(value, parts[0].dtype) for value in values]
    return values if name == "bias" else [_narrowed(value, switches) for value in values]


def _narrowed(values: Array, switches: Collection[str]) -> Array:
    if "operands-float16" in switches:
        return values.astype(np.float16).astype(np.float64)
    bits = next((bits for bits in (8, 11, 16) if f"operands-{bits}-bits" in switches), 0)
    if not bits:
        return values
    return np.array([scalar.shortened(value, bits) for value in values.flat]).reshape(values.shape)


def _flushed(values: Array, dtype: np.dtype[Any]) -> Array:
    smallest = float(scalar.finfo(dtype).smallest_normal)
    return np.where(np.abs(values) < smallest, np.copysign(0.0, values), values)


def _ended(call: Call, x: Array) -> Array:
    if call.before is None:
        return x
    ends = ((0, 0), *call.before, (0, 0))
    x = np.pad(x, [(max(low, 0), max(high, 0)) for low, high in ends])
    cropped = (slice(max(-low, 0), max(n + min(high, 0), 0)) for n, (low, high) in zip(x.shape, ends, strict=True))
    return x[tuple(cropped)]


def maps_of(call: Call, switches: Collection[str]) -> dict[str, tuple[AxisMap, ...]]:
    """Return, by kernel name, one map (outputs, taps, length) for each spatial axis."""
    name = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    maps = _maps(call, name, switches)
    if call.op != "separable_conv":
        return {name: maps}
    return {name: maps, "pointwise_kernel": tuple(identity(len(matrix)) for matrix in maps)}


def _maps(call: Call, kernel: str, switches: Collection[str]) -> tuple[AxisMap, ...]:
    lengths = _ended(call, call.arranged("input", f"N{call.spatial}C")).shape[1:-1]
    axes = [_axis(call, number, lengths[number], taps) for number, taps in enumerate(call.extents(kernel))]
    if call.op == "conv_transpose":
        ends = {"trailing_zeros": "trailing-zeros" in switches, "dilated_nothing": "dilated-nothing" in switches}
        return tuple(backward(axis, **ends) for axis in axes)
    return tuple(map(forward, axes))


def _axis(call: Call, number: int, length: int, taps: int) -> Axis:
    return Axis(
        length=length,
        taps=taps,
        stride=call.strides[number],
        dilation=call.dilations[number],
        stuffing=call.input_dilations[number],
        padding=call.padding if isinstance(call.padding, str) else call.padding[number],
        mode=call.padding_mode,
        restored=call.output_padding[number],
    )


def _convolved(
    call: Call, name: str, x: list[Array], maps: tuple[AxisMap, ...], switches: Collection[str]
) -> list[Array]:
    kernel = parts_of(call, name, kernel_of(call, name), switches)
    count = max(len(x), len(kernel))
    contraction = Contraction(
        maps=maps,
        kernel=_block([dense(call, name, part) for part in _promoted(kernel, count)]),
        connected=np.tile(connected(call, name, kernel[0]), (count, count)),
        pads="zeros-multiplied" in switches if call.op == "conv_transpose" else "padding-skipped" not in switches,
        zero_start="zero-start" in switches,
    )
    return np.split(contraction(np.concatenate(_promoted(x, count), -1)), count, -1)


def kernel_of(call: Call, name: str) -> Array:
    """Return a kernel as (tap…, in, out), or a depthwise kernel as (tap…, channel, multiplier)."""
    return call.arranged(name, call.spatial + ("CM" if "M" in call.letters(name) else "IO"))


def _promoted(parts: list[Array], count: int) -> list[Array]:
    # A real array has an imaginary part of 0 if another array is complex.
    return parts if len(parts) == count else [*parts, np.zeros(parts[0].shape)]


def _block(parts: list[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    real, imaginary = parts
    return np.concatenate([np.concatenate([real, imaginary], -1), np.concatenate([-imaginary, real], -1)], -2)


def dense(call: Call, name: str, kernel: Array) -> Array:
    """Return a dense kernel (tap…, in, out) over all channels, with 0 between channels of different groups."""
    inputs, outputs = _channels(call, name, kernel)
    whole = np.zeros((*kernel.shape[:-2], inputs, outputs), kernel.dtype)
    for rows, columns, block in blocks(call, name, kernel):
        whole[..., rows, columns] = block
    return whole


def connected(call: Call, name: str, kernel: Array) -> Array:
    """Return a boolean array (in, out), true where a kernel connects an input and an output channel."""
    meeting = np.zeros(_channels(call, name, kernel), bool)
    for rows, columns, _ in blocks(call, name, kernel):
        meeting[rows, columns] = True
    return meeting


def _channels(call: Call, name: str, kernel: Array) -> tuple[int, int]:
    first, second = kernel.shape[-2:]
    if "M" in call.letters(name):
        return first, first * second
    groups = 1 if name == "pointwise_kernel" else call.groups
    return (first, second * groups) if call.op == "conv_transpose" else (first * groups, second)


def blocks(call: Call, name: str, kernel: Array) -> Iterator[tuple[slice, slice, Array]]:
    """Yield (input channels, output channels, view of the kernel) for each group."""
    inputs, outputs = _channels(call, name, kernel)
    groups = inputs if "M" in call.letters(name) else 1 if name == "pointwise_kernel" else call.groups
    tall, wide = (inputs // groups, outputs // groups) if groups else (0, 0)
    for group in range(groups):
        rows, columns = slice(group * tall, (group + 1) * tall), slice(group * wide, (group + 1) * wide)
        if "M" in call.letters(name) or call.op == "conv_transpose":
            yield rows, columns, kernel[..., rows, :]
        else:
            yield rows, columns, kernel[..., :, columns]


def plus(value: Array, bias: Array) -> Array:
    """Return the exact sums value + bias; `bias` is broadcast to the shape of `value`."""
    if value.dtype != object and bias.dtype != object:
        total = value + bias
        share = total - value
        error = np.abs(value - (total - share)) + np.abs(bias - share)
        if (error == 0).all():
            return total
    pairs = np.broadcast(scalar.numbers(value), scalar.numbers(bias))
    return np.array([scalar.total(pair) for pair in pairs], object).reshape(value.shape)


def nearest(values: list[Array], dtype: str, switches: Collection[str]) -> Array:
    """Return an array of `dtype`, rounded once, from its exact real part, or its exact real and imaginary parts."""
    if is_integer(dtype):
        return _wrapped(values[0], numpy_type(dtype))
    part = numpy_type(COMPLEX_PARTS.get(dtype, dtype))
    results = [_nearest(value, part) for value in _promoted(values, 2 if is_complex(dtype) else 1)]
    if "flush-subnormals" in switches:
        results = [_flushed(result, part) for result in results]
    result = np.zeros(results[0].shape, numpy_type(dtype))
    if not is_complex(dtype):
        result[...] = results[0]
        return result
    result.real, result.imag = results
    return result


def _wrapped(values: Array, dtype: np.dtype[Any]) -> Array:
    return np.array([scalar.wrapped(value, dtype) for value in values.flat], dtype).reshape(values.shape)


def _nearest(values: Array, dtype: np.dtype[Any]) -> Array:
    if values.dtype != object and (np.rint(values) == values).all() and _fits(values, dtype):
        return values
    nearest = [scalar.nearest(value, dtype) for value in scalar.numbers(values).flat]
    return np.array(nearest, np.float64).reshape(values.shape)


def _fits(values: Array, dtype: np.dtype[Any]) -> bool:
    return bool((np.abs(values) <= 2.0 ** (scalar.finfo(dtype).nmant + 1)).all())
