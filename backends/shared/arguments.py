"""What a call says to frameworks of few words: two layouts, two or three padding words, shapes instead of groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core import ARRAYS, DIRECTIONS, Array, Call, Limit, Pairs, Stage

#: The layouts that a `data_format` can name, channels last first.
FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}

EAGER = Limit("variation: eager, nothing is compiled", lambda call: call.variation.is_compiled)
NOT_INFERRED = Limit("variation: nothing is inferred ahead of the call", lambda call: call.variation.shape_inference)
COPIES = Limit(
    "storage: the conversion copies, the difference in memory is lost",
    lambda call: any(getattr(call.storage, name) not in (None, "contiguous") for name in ARRAYS),
)


def data_format(call: Call) -> str:
    """Return the layout among FORMATS that is nearest to the layouts of a call."""
    formats = FORMATS[call.rank]
    return next((one for one in (call.layout.input, call.layout.output or "") if one in formats), formats[0])


def meaning(stage: Stage, words: Iterable[str]) -> str | None:
    """
    Return the first of `words` that means the padding of `stage`, None if none does.

    A word means itself, and every padding with the same pairs: (1, 1) is `same` to three taps without a stride.
    A word without a meaning here means none.
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
    """Say whether a padding is beyond `words`; a word without a meaning is said as it is, for the framework to refuse."""
    return meaning(stage, words) is None and not stage.is_padding_senseless


def fits(call: Call) -> bool:
    """Say whether strides, dilations, padding and output padding have one entry for each spatial axis."""
    lengths = [len(call.strides), len(call.dilations), len(call.output_padding)]
    lengths += [] if isinstance(call.padding, str) else [len(call.padding)]
    return set(lengths) == {call.rank}


def ones(call: Call) -> tuple[int, ...]:
    """Return what a parameter is that says nothing: 1 for each spatial axis."""
    return (1,) * call.rank


def has_output_padding(call: Call) -> bool:
    """Say whether a call speaks of output padding."""
    return call.output_padding != (0,) * call.rank


def is_bias_broadcast(call: Call) -> bool:
    """Say whether adding the bias would broadcast one of them: it is of another rank, or either has one channel alone."""
    if call.bias is None:
        return False
    sizes = {call.bias.size, _channels_out(call)}
    return call.bias.ndim != 1 or (1 in sizes and len(sizes) == 2)


def _channels_out(call: Call) -> int:
    last = call.stages[-1]
    shape = last.arranged_kernel(call.spatial + "IO").shape
    return int(shape[-1]) * (call.groups if call.op == "conv_transpose" else 1)


def is_grouped_by_channels(call: Call) -> bool:
    """Say whether a depthwise or separable convolution is given groups, which its channels are already."""
    return call.op in ("depthwise_conv", "separable_conv") and call.groups != 1


def has_other_channels(call: Call) -> bool:
    """Say whether the kernel of a depthwise stage is for other channels than the input has."""
    if call.op not in ("depthwise_conv", "separable_conv"):
        return False
    stage = call.stages[0]
    return call.extent(stage.kernel, "C") != stage.groups


def has_wide_pointwise(call: Call) -> bool:
    """Say whether the second kernel of a separable convolution has more than one tap."""
    return call.op == "separable_conv" and any(size != 1 for size in call.extents("pointwise_kernel"))


def infers_other_groups(call: Call) -> bool:
    """Say whether the shapes of a grouped convolution show another number of groups than the call has."""
    if call.op != "conv" or call.array("kernel").ndim != call.array("input").ndim or not call.extent("kernel", "I"):
        return False
    inferred, rest = divmod(call.extent("input", "C"), call.extent("kernel", "I"))
    return not rest and inferred != call.groups


def before(call: Call, layout: str) -> tuple[list[list[int]], tuple[slice, ...]]:
    """
    Return what to add to the input and what to cut from it then, for each axis of `layout`, where a pad takes no crops.

    In this order a crop may reach into what was added.
    """
    assert call.before is not None
    pairs = dict(zip(call.spatial, call.before, strict=True))
    ordered = [pairs.get(letter, (0, 0)) for letter in layout]
    cut = tuple(slice(max(-low, 0), min(high, 0) or None) for low, high in ordered)
    return [[max(low, 0), max(high, 0)] for low, high in ordered], cut


def before_text(call: Call, layout: str, pad: str, signal: str) -> str:
    """Return the text of `before`, done to the array `signal` by the function `pad`."""
    added, cut = before(call, layout)
    parts = ", ".join(f"{part.start or ''}:{part.stop or ''}" for part in cut)
    return f"{pad}({signal}, {added!r})[{parts}]"


class Kept:
    """What was compiled for the steps of a training, which are calls of one form; another training takes its place."""

    def __init__(self) -> None:
        self._form: Hashable = None
        self._made: Any = None

    def of(self, form: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for this form, or make it."""
        if self._form != form:
            self._form, self._made = form, make()
        return self._made


def directions(call: Call, letters: Mapping[str, str]) -> list[Array]:
    """Return the directions of a call, each in the axes that `letters` gives its array."""
    return [call.place(DIRECTIONS[name], letters[name]) for name in call.directions]


def homes(call: Call, gradients: Sequence[Array], letters: Mapping[str, str]) -> dict[str, Array]:
    """
    Return by where, in the layouts of a call, what it asks for of gradients in the axes that `letters` gives.

    They are those of the `pulled` arrays and, behind them, those of the second order.
    """
    places = [("gradient", name) for name in call.pulled] + [("second", name) for name in call.second_order]
    named = zip(places, gradients, strict=True)
    asked = (one for one in named if one[0][0] == "second" or one[0][1] in call.gradients)
    return {f"{order}.{name}": call.bring_home(name, each, letters[name]) for (order, name), each in asked}
