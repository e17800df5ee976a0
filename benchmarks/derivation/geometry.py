"""
Which element each tap reads at each output position: the lengths, the padding and the crops of the specification.

A forward convolution reads the padded input at p * stride + k * dilation (CONV-1). A transposed one adds element q,
times tap k, to the output at q * stride + k * dilation - low (TRANS-1). Both become the same lists: for each output
position, the pairs of a tap and the input element under it, or None for an inserted zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

#: The pairs (tap, element or None) of each output position, along one axis or flat over all axes.
Reads: TypeAlias = "list[list[tuple[int, int | None]]]"

#: The faults of this module.
SAME_EXCHANGED, CROP_EXCHANGED = "same-halves-exchanged", "crop-halves-exchanged"


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The parameters of one spatial axis. `padding` is a word or a pair (low, high)."""

    length: int
    taps: int
    stride: int = 1
    dilation: int = 1
    input_dilation: int = 1
    padding: str | tuple[int, int] = "valid"
    mode: str = "zeros"
    output_padding: int = 0

    @property
    def window(self) -> int:
        """K_eff = (K - 1) * dilation + 1."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def dilated(self) -> int:
        """The length of the dilated input, (W - 1) * q + 1 (INDILATION-2)."""
        return (self.length - 1) * self.input_dilation + 1 if self.length else 0


def per_axis(value: Any, rank: int) -> list[Any]:
    """Return a parameter with one entry for each spatial axis; a scalar is the same entry in every axis (CONV-4)."""
    return list(value) if isinstance(value, list) else [value] * rank


def pairs(value: Any, rank: int) -> list[tuple[int, int]]:
    """Return explicit padding as a pair (low, high) for each spatial axis (PAD-1)."""
    return [(int(low), int(high)) for low, high in value] if isinstance(value, list) else [(value, value)] * rank


def axes(call: Mapping[str, Any], lengths: Sequence[int], taps: Sequence[int]) -> list[Axis]:
    """Return the spatial axes of a call, whose input and kernel have these lengths."""
    rank = len(lengths)
    padding = call.get("padding", "valid")
    paddings = [padding] * rank if isinstance(padding, str) else pairs(padding, rank)
    names = {"strides": "stride", "dilations": "dilation", "input_dilations": "input_dilation"}
    entries = {name: per_axis(call.get(key, 1), rank) for key, name in names.items()}
    entries["output_padding"] = per_axis(call.get("output_padding", 0), rank)
    return [
        Axis(
            length=lengths[axis],
            taps=taps[axis],
            padding=paddings[axis],
            mode=call.get("padding_mode", "zeros"),
            **{name: values[axis] for name, values in entries.items()},
        )
        for axis in range(rank)
    ]


def forward(axis: Axis, fault: str = "") -> Reads:
    """Return what each position of a forward convolution reads along one axis."""
    low, high = _padding(axis, fault)
    count = max((axis.dilated + low + high - axis.window) // axis.stride + 1, 0)
    return [
        [(k, _element(axis, p * axis.stride + k * axis.dilation - low)) for k in range(axis.taps)] for p in range(count)
    ]


def _padding(axis: Axis, fault: str) -> tuple[int, int]:
    """Return the low and the high padding of a forward convolution."""
    if isinstance(axis.padding, tuple):
        return axis.padding
    if axis.padding in ("same", "same_lower"):
        count = -(-axis.dilated // axis.stride)
        total = max((count - 1) * axis.stride + axis.window - axis.dilated, 0) if count else 0
        smaller, larger = total // 2, total - total // 2
        is_lower = (axis.padding == "same_lower") is not (fault == SAME_EXCHANGED)
        return (larger, smaller) if is_lower else (smaller, larger)
    around = axis.window - 1
    return {"valid": (0, 0), "causal": (around, 0), "full": (around, around)}[axis.padding]


def _element(axis: Axis, place: int) -> int | None:
    """Return the input element at a place of the dilated, padded input; place 0 is the first element."""
    last = axis.dilated - 1
    if not 0 <= place <= last:
        if axis.mode == "zeros" or last < 0:
            return None
        if axis.mode == "replicate":
            place = 0 if place < 0 else last
        elif axis.mode == "circular":
            place %= last + 1
        elif axis.mode == "reflect":
            place %= max(2 * last, 1)
            place = min(place, 2 * last - place)
        else:
            raise ValueError(f"{axis.mode} is no padding mode")
    return None if place % axis.input_dilation else place // axis.input_dilation


def transposed(axis: Axis, switches: frozenset[str] = frozenset(), fault: str = "") -> Reads:
    """Return which element, times which tap, is added to each output position of a transposed convolution."""
    low, count = _crop(axis, switches, fault)
    found: list[dict[int, int]] = [{} for _ in range(count)]
    for q, k in itertools.product(range(axis.length), range(axis.taps)):
        place = q * axis.stride + k * axis.dilation - low
        if 0 <= place < count:
            found[place][k] = q
    return [[(k, reads.get(k)) for k in range(axis.taps)] for reads in found]


def _crop(axis: Axis, switches: frozenset[str], fault: str) -> tuple[int, int]:
    """Return the crop at the low end and the length of the output of a transposed convolution."""
    longer = axis.stride - 1 if axis.length == 0 and "dilates" in switches else 0
    if axis.padding in ("same", "same_lower"):
        total = max(axis.window - axis.stride, 0)
        is_lower = (axis.padding == "same_lower") is not (fault == CROP_EXCHANGED)
        count = axis.length * axis.stride + longer + axis.output_padding
        return total - total // 2 if is_lower else total // 2, count
    low, high = (0, 0) if axis.padding == "valid" else axis.padding
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError(f"{axis.padding} is no padding of a transposed convolution")
    count = (axis.length - 1) * axis.stride + axis.window - low - high + axis.output_padding
    if axis.padding == "valid" and "trailing-zeros" in switches:
        count = max(count, axis.length * axis.stride)
    return low, max(count + longer, 0)


def joined(along: Sequence[Reads], lengths: Sequence[int], taps: Sequence[int]) -> Reads:
    """Return the reads of all positions over all axes, with taps and elements counted row-major."""
    whole: Reads = [[(0, 0)]]
    for reads, length, count in zip(along, lengths, taps, strict=True):
        whole = [
            [
                (k * count + tap, None if q is None or element is None else q * length + element)
                for k, q in before
                for tap, element in here
            ]
            for before in whole
            for here in reads
        ]
    return whole
