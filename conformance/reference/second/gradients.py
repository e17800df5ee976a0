"""
Gradients by the second formulation: contractions with the transposed linear maps of a call.

A map (outputs, taps, length), transposed to (length, taps, outputs), maps the cotangent to the input gradient.
Transposed to (taps, outputs, length), the map takes the input to the kernel gradient. The second contraction uses the
cotangent as its kernel, and sums over samples instead of input channels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ...core import ARRAYS, Array, Call, permuted
from ..undefined import check_directions, check_fit, check_gradients, of_sums
from . import forward as again
from .axis_maps import Axis, AxisMap, forward
from .contraction import Contraction

#: One map (outputs, taps, length) for each spatial axis.
Maps: TypeAlias = tuple[AxisMap, ...]


@np.errstate(all="ignore")  # signalling NaNs warn when they are read
def gradients_again(call: Call, cotangent: Array, switches: Collection[str] = frozenset()) -> dict[str, Array]:
    """
    Return the exact gradients of <cotangent, output>: the same result as `gradients`, by the second formulation.

    Raises:
        Undefined: if the call has no defined result, or if an array does not have a real floating-point dtype.
        ValueError: for an unknown switch, or if the cotangent does not have the shape and dtype of the output.

    """
    check_gradients(call, switches)
    maps = again.maps_of(call, switches)
    found, g = {}, _cotangent(call, cotangent, maps, switches)
    if call.bias is not None:
        found["bias"] = _by_bias(_cotangent(call, cotangent, maps, of_sums(switches)), switches)
    *values, _ = again.values_of(call, switches)
    for (name, matrices), (x,) in reversed([*zip(maps.items(), values, strict=True)]):
        found[name] = _by_kernel(call, name, matrices, x, g, switches)
        g = _by_values(call, name, matrices, g, switches)
    found["input"] = g if call.before is None else _by_elements(call, g)
    return {name: _delivered(call, name, found[name], switches) for name in ARRAYS if name in found}


@np.errstate(all="ignore")
def second_order_again(
    call: Call, cotangent: Array, directions: Mapping[str, Array], switches: Collection[str] = frozenset()
) -> dict[str, Array]:
    """
    Return the same result as `second_order`, by the second formulation.

    Raises:
        Undefined: as `gradients_again` does, and for a separable convolution.
        ValueError: as `gradients_again` does, and for missing, surplus or misshapen directions.

    """
    check_directions(call, directions, switches)
    along_input = replace(call, input=directions["input"])
    along_kernel = replace(call, kernel=directions["kernel"])
    (*_, (one,)), (*_, (other,)) = (again.values_of(along, switches) for along in (along_input, along_kernel))
    total = again.plus(one, other)
    if "bias" in directions:
        total = again.plus(total, *again.parts_of(call, "bias", directions["bias"], switches))
    return {
        "cotangent": _delivered(call, "output", total, switches),
        "input": gradients_again(along_kernel, cotangent, switches)["input"],
        "kernel": gradients_again(along_input, cotangent, switches)["kernel"],
    }


def _cotangent(call: Call, cotangent: Array, maps: Mapping[str, Maps], switches: Collection[str]) -> Array:
    *_, (name, matrices) = maps.items()
    channels = again.connected(call, name, again.kernel_of(call, name)).shape[1]
    own = call.letters("output")
    sizes = {"N": call.extent("input", "N"), "C": channels, **dict(zip(call.spatial, map(len, matrices), strict=True))}
    check_fit(call, "output", cotangent, tuple(sizes[letter] for letter in own))
    (g,) = again.parts_of(call, "output", permuted(cotangent, own, f"N{call.spatial}C"), switches)
    return g


def _by_values(call: Call, name: str, maps: Maps, g: Array, switches: Collection[str]) -> Array:
    kernel = again.kernel_of(call, name)
    (weights,) = again.parts_of(call, name, kernel, switches)
    transposed = Contraction(
        maps=tuple(matrix.transpose(2, 1, 0) for matrix in maps),
        kernel=again.dense(call, name, weights).swapaxes(-1, -2),
        connected=again.connected(call, name, kernel).T,
        pads=False,
        zero_start="zero-start" in switches,
    )
    return transposed(g)


def _by_kernel(call: Call, name: str, maps: Maps, x: Array, g: Array, switches: Collection[str]) -> Array:
    kernel = again.kernel_of(call, name)
    gradient = np.empty(kernel.shape, object)
    for rows, columns, block in again.blocks(call, name, gradient):
        block[...] = _by_taps(maps, x[..., rows], g[..., columns], switches)
    return gradient


def _by_taps(maps: Maps, x: Array, g: Array, switches: Collection[str]) -> Array:
    """Return the gradient (tap…, in, out) of a kernel that connects all channels of x with all channels of g."""
    exchanged = Contraction(
        maps=tuple(matrix.transpose(1, 0, 2) for matrix in maps),
        kernel=np.moveaxis(g, 0, -2),
        connected=np.ones((len(g), g.shape[-1]), bool),
        pads=False,
        zero_start="zero-start" in switches,
    )
    return np.moveaxis(exchanged(x.swapaxes(0, -1)), 0, -2)


def _by_bias(g: Array, switches: Collection[str]) -> Array:
    # The bias gradient equals the gradient of a one-tap kernel, if all outputs read the same input element 1.
    maps = tuple(AxisMap.reading(np.zeros((extent, 1), np.int64), 1) for extent in g.shape[1:-1])
    ones = np.ones((len(g), *(1 for _ in maps), 1))
    return _by_taps(maps, ones, g, switches).reshape(g.shape[-1])


def _by_elements(call: Call, g: Array) -> Array:
    """
    Return the gradient by the call's input from `g`, the gradient by the input that `before` has padded or cropped.

    `before` is a linear map: a convolution with a kernel of one tap, equal to 1.
    """
    axes = zip(call.extents("input"), call.before or (), strict=True)
    maps = [forward(Axis(length=length, taps=1, stride=1, dilation=1, padding=pair)) for length, pair in axes]
    one = np.eye(g.shape[-1])
    return Contraction(
        maps=tuple(matrix.transpose(2, 1, 0) for matrix in maps),
        kernel=one.reshape(*(1 for _ in maps), *one.shape),
        connected=one.astype(bool),
        pads=False,
        zero_start=False,
    )(g)


def _delivered(call: Call, name: str, values: Array, switches: Collection[str]) -> Array:
    dtype = getattr(call.dtype, name) or call.dtype.input
    result = again.nearest([values], dtype, switches)
    if name == "bias":
        return result
    letters = call.spatial + ("CM" if "M" in call.letters(name) else "IO") if "kernel" in name else f"N{call.spatial}C"
    return permuted(result, letters, call.letters(name))
