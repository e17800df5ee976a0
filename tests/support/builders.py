"""Calls for tests, with what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

import numpy as np
from conv_conformance.core.call import Call, Pairs, PerArray
from conv_conformance.core.dtypes import numpy_type
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import SPATIAL

OWN_KERNEL = {"depthwise_conv": "CM", "conv_transpose": "IO", "conv": "IO"}


def call_of(
    op: str,
    input: Any,
    kernel: Any = None,
    *,
    layout: dict[str, str] | None = None,
    dtype: str | dict[str, str] = "float32",
    storage: dict[str, str] | None = None,
    padding: int | str | Pairs = "valid",
    **parameters: Any,
) -> Call:
    """
    Return a call with the format's defaults: channels last, float32, everything 1, no padding.

    Arrays are nested lists or NumPy arrays; a scalar parameter holds for every spatial axis.
    """
    rank = np.asarray(input).ndim - 2 if layout is None else len(layout["input"]) - 2
    letters = {**_layout(op, rank), **(layout or {})}
    letters.setdefault("output", letters["input"])
    arrays = {"input": input, "kernel": kernel, **{name: parameters.pop(name, None) for name in EXTRA}}
    given = {name: value for name, value in arrays.items() if value is not None}
    types = dtype if isinstance(dtype, dict) else {"input": dtype}
    types = {**dict.fromkeys(given, types["input"]), "output": types["input"], **types}
    return Call(
        op=op,
        layout=PerArray(**{name: text for name, text in letters.items() if name == "output" or name in given}),
        dtype=PerArray(**types),
        storage=PerArray(**{"input": "contiguous", **(storage or {})}),
        padding=tuple(((padding, padding),) * rank) if isinstance(padding, int) else padding,
        **{name: np.asarray(value).astype(numpy_type(types[name])) for name, value in given.items()},
        **{name: spread(parameters.pop(name, default), rank) for name, default in SPREAD.items()},
        **parameters,
    )


EXTRA = ("depthwise_kernel", "pointwise_kernel", "bias")
SPREAD = {"strides": 1, "dilations": 1, "input_dilations": 1, "output_padding": 0}


def spread(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return a parameter with one entry for each spatial axis."""
    return (value,) * rank if isinstance(value, int) else value


def ramp(*shape: int) -> Array:
    """Return an array of the integers from 1 on, row-major: each element tells its place."""
    return np.arange(1, 1 + int(np.prod(shape))).reshape(shape)


def _layout(op: str, rank: int) -> dict[str, str]:
    spatial = SPATIAL[rank]
    return {
        "input": f"N{spatial}C",
        "kernel": spatial + OWN_KERNEL.get(op, "IO"),
        "depthwise_kernel": spatial + "CM",
        "pointwise_kernel": spatial + "IO",
    }
