"""Apply the values of sweep axes to a plain call and update all sizes that depend on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ...core import SPATIAL, STRUCTURE_LIMIT, Plain
from ..format import geometry
from ..format.array_specs import Spec
from ..format.arrays import FIT
from ..format.calls import dtype_of

#: Returns an input length. The arguments are (window - explicit padding), the stride, and the number of later axes.
Length: TypeAlias = "Callable[[int, int, int], int]"

LENGTHS: Mapping[str, Length] = {
    "below": lambda window, stride, behind: window - 1,
    "window": lambda window, stride, behind: window,
    "above": lambda window, stride, behind: window + 1,
    "stride": lambda window, stride, behind: window + stride,
    "long": lambda window, stride, behind: window + (3 + behind) * stride + 1,
}

#: The axes that set array sizes or drop the bias. Every other axis has the name of the call key that it sets.
SHAPES = (
    "rank",
    "batch",
    "length",
    "channels",
    "filters",
    "group_channels",
    "group_filters",
    "kernel_size",
    "multiplier",
    "bias",
)
#: The values of the axis `bias`: `without` drops the bias of the base, and `with` keeps the bias.
BIAS = ("without", "with")
#: The fraction of the limit on S that the mean of S may reach with a thinned input.
SHARE = 0.4


def at(base: Plain, values: Mapping[str, Any]) -> Plain:
    """
    Return the plain call at one point, with updated dependent sizes (I, the length of the bias).

    If `rank` is an axis, the base has one spatial axis, and its letter W is replaced by W, HW or DHW.
    Of values with three entries, only the last `rank` entries are then used.
    """
    call = {**base, "arrays": dict(base["arrays"])}
    if "rank" in values:
        values = {name: _cut(value, values["rank"]) for name, value in values.items()}
        values = {name: _spread(value, values["rank"]) if name == "layout" else value for name, value in values.items()}
        _widen(call, values["rank"])
    call |= {name: value for name, value in values.items() if name not in SHAPES}
    for name, resize in _SIZED.items():
        if name in values:
            resize(call, values[name])
    _follow(call)
    _thin(call)
    return call


def _cut(value: Any, rank: int) -> Any:
    return value[-rank:] if isinstance(value, tuple) and len(value) == len(SPATIAL) else value


def _spread(layout: Mapping[str, str], rank: int) -> dict[str, str]:
    return {name: letters.replace("W", SPATIAL[rank]) for name, letters in layout.items()}


def _widen(call: Plain, rank: int) -> None:
    call["layout"] = _spread(call["layout"], rank)
    for name, spec in call["arrays"].items():
        sizes = dict(zip(spec["letters"], spec["shape"], strict=True))
        letters = spec["letters"].replace("W", SPATIAL[rank])
        shape = tuple(sizes.get(letter, sizes.get("W", 1)) for letter in letters)
        call["arrays"][name] = {**spec, "letters": letters, "shape": shape}


def _resize(call: Plain, name: str, letters: str, sizes: int | tuple[int, ...]) -> None:
    """Set the sizes of some axes of an array, unless its elements are written out."""
    spec: Spec = call["arrays"][name]
    if "values" in spec or "one_hot" in spec:
        return
    spread = (sizes,) * len(letters) if isinstance(sizes, int) else sizes
    wanted = dict(zip(spec["letters"], spec["shape"], strict=True)) | dict(zip(letters, spread, strict=True))
    call["arrays"][name] = {**spec, "shape": tuple(wanted[letter] for letter in spec["letters"])}


def _kernel(call: Plain) -> str:
    return "depthwise_kernel" if call["op"] == "separable_conv" else "kernel"


def _groups(call: Plain) -> int:
    groups: int = call.get("groups", 1)
    return max(groups, 1)


def _filters(call: Plain, filters: int) -> None:
    name = "pointwise_kernel" if call["op"] == "separable_conv" else "kernel"
    _resize(call, name, "O", filters // _groups(call) if call["op"] == "conv_transpose" else filters)


def _length(call: Plain, sizes: Any) -> None:
    """Set the spatial sizes of the input; compute named lengths from window, stride and padding."""
    letters = geometry.spatial(call)
    spread = sizes if isinstance(sizes, tuple) else (sizes,) * len(letters)
    _resize(call, "input", letters, tuple(_resolved_length(call, axis, size) for axis, size in enumerate(spread)))


def _resolved_length(call: Plain, axis: int, size: int | str) -> int:
    if isinstance(size, int):
        return size
    settled = geometry.settled(call)
    taps = geometry.extents(call, _kernel(call))[geometry.spatial(call)[axis]]
    window = (taps - 1) * settled["dilations"][axis] + 1 if taps else 0
    if not isinstance(settled["padding"], str) and settled["op"] != "conv_transpose":
        window -= sum(settled["padding"][axis])
    behind = len(settled["strides"]) - 1 - axis
    return max(LENGTHS[size](window, settled["strides"][axis], behind), 0 if size == "below" else 1)


def _bias(call: Plain, word: str) -> None:
    if word == "without":
        call["arrays"].pop("bias", None)


_SIZED: Mapping[str, Callable[[Plain, Any], None]] = {
    "batch": lambda call, size: _resize(call, "input", "N", size),
    "channels": lambda call, size: _resize(call, "input", "C", size),
    "group_channels": lambda call, size: _resize(call, "input", "C", size * _groups(call)),
    "kernel_size": lambda call, size: _resize(call, _kernel(call), geometry.spatial(call), size),
    "multiplier": lambda call, size: _resize(call, _kernel(call), "M", size),
    "filters": _filters,
    "group_filters": lambda call, size: _filters(call, size * _groups(call)),
    "bias": _bias,
    "length": _length,
}


def _follow(call: Plain) -> None:
    channels = geometry.extents(call, "input")["C"]
    if call["op"] == "conv":
        _resize(call, "kernel", "I", channels // _groups(call))
    elif call["op"] == "conv_transpose":
        _resize(call, "kernel", "I", channels)
    else:
        _resize(call, _kernel(call), "C", channels)
    if call["op"] == "separable_conv":
        depthwise = geometry.extents(call, "depthwise_kernel")
        _resize(call, "pointwise_kernel", "I", depthwise["C"] * depthwise["M"])
    if "bias" in call["arrays"]:
        _resize(call, "bias", "O", geometry.channels_out(geometry.settled(call)))


def _thin(call: Plain) -> None:
    """Replace the input density `fit` by the largest ratio up to 1 that keeps the mean of S within SHARE * limit."""
    spec: Spec = call["arrays"]["input"]
    if spec.get("density") == FIT:
        share = SHARE * STRUCTURE_LIMIT.get(dtype_of(call, "input"), math.inf) / max(_expected(call), 1.0)
        density = (1, 1) if share >= 1 else (max(math.floor(1000 * share), 1), 1000)
        call["arrays"]["input"] = {**spec, "density": density}


def _expected(call: Plain) -> float:
    """Return the expected S = sum abs(x * w) of one output element, for an input of density 1."""
    kernels = [spec for name, spec in call["arrays"].items() if "kernel" in name]
    terms = math.prod(_terms(kernel) for kernel in kernels)
    return terms * math.prod(map(_mean, [call["arrays"]["input"], *kernels]))


def _terms(kernel: Spec) -> int:
    """Return the number of kernel elements that contribute to one output element: taps times contracted channels."""
    sizes = zip(kernel["letters"], kernel["shape"], strict=True)
    return math.prod(size for letter, size in sizes if letter not in "OCM")


def _mean(spec: Spec) -> float:
    """Return the mean of abs(n) over the integers n from `low` to `high`."""
    numbers = range(spec["low"], spec["high"] + 1)
    return sum(map(abs, numbers)) / len(numbers)
