"""
The second formulation: a linear map for each spatial axis, and one dense kernel between all channels.

Values have the axes (batch, spatial…, channel), kernels (tap…, in, out); they hold float64,
or Python numbers where float64 could not hold them.
Complex ones are two such arrays, their real and their imaginary parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ..call import Array, Call
from ..dtypes import PARTS, is_complex, is_integer, numpy_type
from . import terms
from .contraction import Contraction
from .maps import Axis, backward, forward
from .undefined import check


@np.errstate(all="ignore")  # signalling NaNs warn when they are read
def evaluate_again(call: Call, switches: Collection[str] = frozenset()) -> Array:
    """
    Return the exact result of a call, rounded once, by another way than `evaluate`; the contract is the same.

    Raises:
        Undefined: if the call has no meaning.
        ValueError: for an unknown switch.

    """
    check(call, switches)
    values = [_ended(call, part) for part in _parts(call, "input", f"N{call.spatial}C", switches)]
    first = "depthwise_kernel" if call.op == "separable_conv" else "kernel"
    values = _convolved(call, first, values, _maps(call, first, values[0].shape[1:-1], switches), switches)
    if call.op == "separable_conv":
        pointwise = tuple(np.eye(extent)[:, np.newaxis] for extent in values[0].shape[1:-1])
        values = _convolved(call, "pointwise_kernel", values, pointwise, switches)
    if call.bias is not None:
        bias = _parts(call, "bias", "O", switches)
        count = max(len(values), len(bias))
        values = [_plus(value, part) for value, part in zip(_made(values, count), _made(bias, count), strict=True)]
    return call.deliver(_rounded(call, values, switches), f"N{call.spatial}C")


def _parts(call: Call, name: str, letters: str, switches: Collection[str]) -> list[Array]:
    array, dtype = call.arranged(name, letters), getattr(call.dtype, name) or call.dtype.input
    if is_integer(dtype):
        return [array.astype(object if array.dtype.itemsize == 8 else np.float64)]
    parts = [array.real, array.imag] if is_complex(dtype) else [array]
    values = [part.astype(np.float64) for part in parts]
    return [_flushed(value, parts[0].dtype) for value in values] if "flush-subnormals" in switches else values


def _flushed(values: Array, dtype: np.dtype[Any]) -> Array:
    smallest = float(terms.finfo(dtype).smallest_normal)
    return np.where(np.abs(values) < smallest, np.copysign(0.0, values), values)


def _ended(call: Call, x: Array) -> Array:
    if call.before is None:
        return x
    ends = ((0, 0), *call.before, (0, 0))
    x = np.pad(x, [(max(low, 0), max(high, 0)) for low, high in ends])
    cropped = (slice(max(-low, 0), max(n + min(high, 0), 0)) for n, (low, high) in zip(x.shape, ends, strict=True))
    return x[tuple(cropped)]


def _maps(call: Call, kernel: str, lengths: Sequence[int], switches: Collection[str]) -> tuple[Array, ...]:
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
    call: Call, name: str, x: list[Array], maps: tuple[Array, ...], switches: Collection[str]
) -> list[Array]:
    letters = "CM" if "M" in call.letters(name) else "IO"
    kernel = _parts(call, name, call.spatial + letters, switches)
    count = max(len(x), len(kernel))
    contraction = Contraction(
        maps=maps,
        kernel=_block([_dense(call, name, part) for part in _made(kernel, count)]),
        connected=np.tile(_connected(call, name, kernel[0]), (count, count)),
        pads="zeros-multiplied" in switches if call.op == "conv_transpose" else "padding-skipped" not in switches,
        zero_start="zero-start" in switches,
    )
    return np.split(contraction(np.concatenate(_made(x, count), -1)), count, -1)


def _made(parts: list[Array], count: int) -> list[Array]:
    # A real array among complex ones has imaginary parts 0.
    return parts if len(parts) == count else [*parts, np.zeros(parts[0].shape)]


def _block(parts: list[Array]) -> Array:
    if len(parts) == 1:
        return parts[0]
    real, imaginary = parts
    return np.concatenate([np.concatenate([real, imaginary], -1), np.concatenate([-imaginary, real], -1)], -2)


def _dense(call: Call, name: str, kernel: Array) -> Array:
    inputs, outputs = _channels(call, name, kernel)
    dense = np.zeros((*kernel.shape[:-2], inputs, outputs), kernel.dtype)
    for rows, columns, block in _blocks(call, name, kernel):
        dense[..., rows, columns] = block
    return dense


def _connected(call: Call, name: str, kernel: Array) -> Array:
    connected = np.zeros(_channels(call, name, kernel), bool)
    for rows, columns, _ in _blocks(call, name, kernel):
        connected[rows, columns] = True
    return connected


def _channels(call: Call, name: str, kernel: Array) -> tuple[int, int]:
    first, second = kernel.shape[-2:]
    if "M" in call.letters(name):
        return first, first * second
    groups = 1 if name == "pointwise_kernel" else call.groups
    return (first, second * groups) if call.op == "conv_transpose" else (first * groups, second)


def _blocks(call: Call, name: str, kernel: Array) -> Iterator[tuple[slice, slice, Array]]:
    inputs, outputs = _channels(call, name, kernel)
    groups = inputs if "M" in call.letters(name) else 1 if name == "pointwise_kernel" else call.groups
    tall, wide = (inputs // groups, outputs // groups) if groups else (0, 0)
    for group in range(groups):
        rows, columns = slice(group * tall, (group + 1) * tall), slice(group * wide, (group + 1) * wide)
        if "M" in call.letters(name) or call.op == "conv_transpose":
            yield rows, columns, kernel[..., rows, :]
        else:
            yield rows, columns, kernel[..., :, columns]


def _plus(value: Array, bias: Array) -> Array:
    if value.dtype != object and bias.dtype != object:
        added = value + bias
        share = added - value
        lost = np.abs(value - (added - share)) + np.abs(bias - share)
        if (lost == 0).all():
            return added
    pairs = np.broadcast(terms.numbers(value), terms.numbers(bias))
    return np.array([terms.total(pair) for pair in pairs], object).reshape(value.shape)


def _rounded(call: Call, values: list[Array], switches: Collection[str]) -> Array:
    dtype = call.dtype.output or call.dtype.input
    if is_integer(dtype):
        return _wrapped(values[0], numpy_type(dtype))
    part = numpy_type(PARTS.get(dtype, dtype))
    results = [_nearest(value, part) for value in _made(values, 2 if is_complex(dtype) else 1)]
    if "flush-subnormals" in switches:
        results = [_flushed(result, part) for result in results]
    result = np.zeros(results[0].shape, numpy_type(dtype))
    if not is_complex(dtype):
        result[...] = results[0]
        return result
    result.real, result.imag = results
    return result


def _wrapped(values: Array, dtype: np.dtype[Any]) -> Array:
    return np.array([terms.wrapped(value, dtype) for value in values.flat], dtype).reshape(values.shape)


def _nearest(values: Array, dtype: np.dtype[Any]) -> Array:
    if values.dtype != object and (np.rint(values) == values).all() and _held(values, dtype):
        return values
    nearest = [terms.nearest(value, dtype) for value in terms.numbers(values).flat]
    return np.array(nearest, np.float64).reshape(values.shape)


def _held(values: Array, dtype: np.dtype[Any]) -> bool:
    return bool((np.abs(values) <= 2.0 ** (terms.finfo(dtype).nmant + 1)).all())
