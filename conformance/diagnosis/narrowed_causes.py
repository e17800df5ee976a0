"""
Narrower causes: they have the same effect as a wider cause, but on fewer calls.

Cause A is narrower than cause B if B is visible on every call on which A is visible. For example,
`depthwise-stride-ignored` is `stride-ignored` restricted to depthwise convolutions. If both explain the output of a
call, the diagnosis reports A and lists B as wider, because a single call is no evidence for the wider cause.
"""

from __future__ import annotations

from collections.abc import Collection

#: The wider causes of each narrower cause.
WIDER: dict[str, tuple[str, ...]] = {
    # Restricted to one operation
    "depthwise-stride-ignored": ("stride-ignored",),
    "depthwise-dilation-ignored": ("dilation-ignored",),
    "depthwise-padding-ignored": ("padding-ignored",),
    "depthwise-summed": ("filters-summed",),
    "separable-dilation-ignored": ("dilation-ignored",),
    "separable-order-swapped": ("group-outputs-interleaved",),
    "multiplier-major": ("group-outputs-interleaved",),
    "transposed-undilated": ("dilation-ignored",),
    "transposed-axes-swapped": ("padding-axes-swapped",),
    "transposed-ends-swapped": ("padding-ends-swapped",),
    "transposed-channels-swapped": ("kernel-channels-swapped",),
    "transposed-bias-where-nonzero": ("bias-missing-on-padding",),
    "fused-pointwise-skips": ("last-channel-dropped",),
    "pointwise-ignores-stride": ("stride-ignored",),
    "transposed-crop-missing": ("padding-ignored",),
    "transposed-same-shifted": ("transposed-one-late", "transposed-stride-as-forward"),
    "output-padding-ignored": ("tail-window-dropped",),
    "output-padding-first-axis-only": ("output-padding-ignored", "length-off-by-one"),
    "output-padding-zeros-only": ("tail-window-zero",),
    "transposed-input-gradient-zero": ("input-gradient-zero",),
    "transposed-kernel-gradient-zero": ("kernel-gradient-zero",),
    "transposed-kernel-gradient-flipped": ("kernel-gradient-flipped",),
    "transposed-input-gradient-kernel-flipped": ("input-gradient-kernel-flipped",),
    "group-gradient-first-for-all": ("input-gradient-first-channel-everywhere",),
    "group-gradient-reversed": ("input-gradient-channels-reversed",),
    "group-kernel-gradient-first-for-all": ("kernel-gradient-first-filter-everywhere",),
    "depthwise-gradient-summed": ("group-gradient-summed",),
    # Restricted to one kind of padding
    "crop-wrong-end": ("padding-ends-swapped", "transposed-ends-swapped"),
    "crop-ignored": ("padding-ignored",),
    "mode-needs-numbers": ("mode-ignored",),
    "same-keeps-length": ("stride-ignored", "depthwise-stride-ignored"),
    "length-one-axis-mishandled": ("padding-with-edge-values",),
    "input-dilation-trailing": ("length-off-by-one",),
    # The same effect on calls with one or two spatial axes
    "strides-swapped": ("strides-rolled",),
    "dilations-swapped": ("dilations-rolled",),
    "kernel-axes-swapped": ("kernel-axes-rolled",),
    "last-column-stale": ("last-row-stale",),
    # Restricted to axes whose parameters differ
    "stride-first-axis-only": ("stride-ignored",),
    "stride-last-axis-only": ("stride-ignored",),
    "dilation-first-axis-only": ("dilation-ignored",),
    "dilation-last-axis-only": ("dilation-ignored",),
    "padding-first-axis-only": ("padding-ignored",),
    "padding-last-axis-only": ("padding-ignored",),
    # Restricted to some lengths
    "length-rounded-to-nearest": ("length-rounded-up", "length-off-by-one"),
    "length-rounded-up": ("length-off-by-one",),
    "padding-high-missing": ("tail-window-dropped",),
    "padding-capped-at-kernel": ("tail-window-dropped",),
    "full-one-side": ("tail-window-dropped",),
    # Restricted to some channels
    "channel-tail-dropped": ("last-channel-dropped",),
    "channels-beyond-8-dropped": ("last-channel-dropped", "filters-beyond-8-dropped"),
    "channels-beyond-16-dropped": ("last-channel-dropped", "filters-beyond-16-dropped"),
    "channels-beyond-32-dropped": ("last-channel-dropped", "filters-beyond-32-dropped"),
    "same-rounds-length-down": ("tail-window-dropped",),
    "same-pads-negative": ("stride-phase-shifted",),
    "causal-stride-aligned-last": ("stride-phase-shifted",),
    "transposed-lower-shifted": ("transposed-one-late",),
    "input-dilation-of-one-element": ("input-dilation-trailing", "length-off-by-one"),
    "dilation-of-one-tap-counts": ("tail-window-dropped", "dilation-multiplies-stride"),
    "same-padding-capped": ("same-is-valid", "tail-window-dropped"),
    "causal-ignores-dilation": ("tail-window-dropped",),
    "crop-cancels-padding": ("padding-ignored", "crop-ignored"),
    "transposed-same-short": ("tail-window-dropped", "transposed-crop-missing"),
    # Restricted to one dtype, one storage or some values
    "output-dtype-ignored": ("dtype-of-the-kernel", "dtype-narrowed"),
    "bias-per-tap": ("bias-twice",),
    "tf32-inputs": ("float16-inputs",),
    "storage-offset-ignored": ("storage-strides-ignored",),
    "graph-moves-padding": ("padding-ends-swapped", "transposed-ends-swapped"),
    "overflow-saturated": ("infinity-as-largest",),
    "dtype-narrowed": ("dtype-always-float32",),
    "dtype-promoted": ("dtype-always-float32",),
    "channels-last-misread": ("storage-strides-ignored",),
    "storage-reversed-ignored": ("bias-reversed",),
    "storage-broadcast-misread": ("storage-strides-ignored",),
    "bias-along-the-last-axis": ("bias-along-wrong-axis", "bias-along-the-batch"),
    # Restricted to axes of equal length
    "axes-guessed": ("layout-reshaped", "layout-ignored"),
    "batch-and-channels-guessed": ("layout-reshaped",),
    "kernel-axes-guessed": (
        "kernel-layout-reshaped",
        "kernel-taps-and-channels-swapped",
        "pointwise-kernel-swapped",
    ),
}


def narrowed(causes: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split `causes` into the causes that are wider than no other of them, and the remaining, wider causes."""
    implying = {wider for name in causes for wider in WIDER.get(name, ())}
    return tuple(name for name in causes if name not in implying), tuple(name for name in causes if name in implying)
