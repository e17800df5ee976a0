"""Arguments for frameworks that have two layouts, have two or three padding strings, and infer groups from shapes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core import ARRAYS, DIRECTIONS, Array, Call, Limit, Pairs, Stage

#: Spatial rank -> the layouts that a `data_format` can name; the channels-last layout is the first item.
FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}

EAGER = Limit("variation: eager, nothing is compiled", lambda call: call.variation.is_compiled)
NOT_INFERRED = Limit("variation: nothing is inferred ahead of the call", lambda call: call.variation.shape_inference)
COPIES = Limit(
    "storage: the conversion copies, the difference in memory is lost",
    lambda call: any(getattr(call.storage, name) not in (None, "contiguous") for name in ARRAYS),
)


def data_format(call: Call) -> str:
    """Return the call's input layout or else its output layout, if in FORMATS; otherwise the channels-last layout."""
    formats = FORMATS[call.rank]
    return next((one for one in (call.layout.input, call.layout.output or "") if one in formats), formats[0])


def meaning(stage: Stage, words: Iterable[str]) -> str | None:
    """
    Return the first padding string in `words` that is equivalent to the padding of `stage`, or None.

    A string is equivalent to itself and to the pairs that it resolves to. For example, `same` resolves to (1, 1) for 3
    taps and stride 1. A string that cannot be resolved for this stage is equivalent only to itself.
    """
    words = tuple(words)
    if stage.padding in words:
        return str(stage.padding)
    if stage.is_padding_senseless:
        return None
    return next((word for word in words if _pairs(replace(stage, padding=word)) == stage.pairs), None)


def _pairs(stage: Stage) -> Pairs | None:
    return None if stage.is_padding_senseless else stage.pairs


def is_unsaid(stage: Stage, words: Iterable[str]) -> bool:
    """
    Return whether none of the padding strings `words` expresses the padding of `stage`.

    An invalid padding counts as expressible, because the framework receives it unchanged and must refuse it.
    """
    return meaning(stage, words) is None and not stage.is_padding_senseless


def fits(call: Call) -> bool:
    """Return whether strides, dilations, padding and output padding have one entry for each spatial axis."""
    lengths = [len(call.strides), len(call.dilations), len(call.output_padding)]
    lengths += [] if isinstance(call.padding, str) else [len(call.padding)]
    return set(lengths) == {call.rank}


def ones(call: Call) -> tuple[int, ...]:
    """Return the neutral value of strides and dilations: 1 for each spatial axis."""
    return (1,) * call.rank


def has_output_padding(call: Call) -> bool:
    """Return whether the output padding of a call differs from 0 on at least one spatial axis."""
    return call.output_padding != (0,) * call.rank


def is_bias_broadcast(call: Call) -> bool:
    """
    Return whether `output + bias` would broadcast the output or the bias along the channels.

    This happens if the bias is not 1-D, or if exactly one of output and bias has 1 channel.
    """
    if call.bias is None:
        return False
    sizes = {call.bias.size, _channels_out(call)}
    return call.bias.ndim != 1 or (1 in sizes and len(sizes) == 2)


def _channels_out(call: Call) -> int:
    last = call.stages[-1]
    shape = last.arranged_kernel(call.spatial + "IO").shape
    return int(shape[-1]) * (call.groups if call.op == "conv_transpose" else 1)


def is_grouped_by_channels(call: Call) -> bool:
    """Return whether a depthwise or separable call sets `groups`, although its channels already are its groups."""
    return call.op in ("depthwise_conv", "separable_conv") and call.groups != 1


def has_other_channels(call: Call) -> bool:
    """Return whether a depthwise kernel and the input have different numbers of channels."""
    if call.op not in ("depthwise_conv", "separable_conv"):
        return False
    stage = call.stages[0]
    return call.extent(stage.kernel, "C") != stage.groups


def has_wide_pointwise(call: Call) -> bool:
    """Return whether the pointwise kernel of a separable convolution has more than one tap."""
    return call.op == "separable_conv" and any(size != 1 for size in call.extents("pointwise_kernel"))


def infers_other_groups(call: Call) -> bool:
    """Return whether input channels / kernel channels is an integer that differs from `call.groups`."""
    if call.op != "conv" or call.array("kernel").ndim != call.array("input").ndim or not call.extent("kernel", "I"):
        return False
    inferred, rest = divmod(call.extent("input", "C"), call.extent("kernel", "I"))
    return not rest and inferred != call.groups


def before(call: Call, layout: str) -> tuple[list[list[int]], tuple[slice, ...]]:
    """
    Return `call.before` in two parts: [low, high] to pad, and the slice to keep, each for every axis of `layout`.

    Two parts are needed because pad functions accept no negative amounts. The framework must pad before it slices,
    because a crop may remove padded elements.
    """
    assert call.before is not None
    pairs = dict(zip(call.spatial, call.before, strict=True))
    ordered = [pairs.get(letter, (0, 0)) for letter in layout]
    cut = tuple(slice(max(-low, 0), min(high, 0) or None) for low, high in ordered)
    return [[max(low, 0), max(high, 0)] for low, high in ordered], cut


def before_text(call: Call, layout: str, pad: str, signal: str) -> str:
    """Return the text that applies `before` to `signal`; `pad` is the name of the framework's pad function."""
    added, cut = before(call, layout)
    parts = ", ".join(f"{part.start or ''}:{part.stop or ''}" for part in cut)
    return f"{pad}({signal}, {added!r})[{parts}]"


class Kept:
    """A cache of one entry: the compiled function of the current training run, whose calls all have the same form."""

    def __init__(self) -> None:
        self._form: Hashable = None
        self._made: Any = None

    def of(self, form: Hashable, make: Callable[[], Any]) -> Any:
        """Return the entry of `form`; create it with `make` if the cache holds another form."""
        if self._form != form:
            self._form, self._made = form, make()
        return self._made


def directions(call: Call, letters: Mapping[str, str]) -> list[Array]:
    """Return the directions of a call; the direction of the array `name` is returned in the layout letters[name]."""
    return [call.place(DIRECTIONS[name], letters[name]) for name in call.directions]


def homes(call: Call, gradients: Sequence[Array], letters: Mapping[str, str]) -> dict[str, Array]:
    """
    Return the requested gradients in the layouts of the call; the keys are `gradient.NAME` and `second.NAME`.

    `gradients` holds the gradients of the arrays in `call.pulled`, then the second-order gradients of the arrays in
    `call.second_order`. A gradient of the array NAME has the axes letters[NAME].
    """
    places = [("gradient", name) for name in call.pulled] + [("second", name) for name in call.second_order]
    return {
        f"{order}.{name}": call.bring_home(name, gradient, letters[name])
        for (order, name), gradient in zip(places, gradients, strict=True)
        if order == "second" or name in call.gradients
    }
