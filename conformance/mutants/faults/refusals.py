"""Faults in which an undefined call is accepted, or a defined call is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Array, Call, PerArray
from ..evaluator import Stages
from ..objections import produced
from .edits import Edit

#: The parameters that have one entry for each spatial axis, except `padding`.
LISTS = ("strides", "dilations", "input_dilations", "output_padding")


def _accepting(objection: str, repair: Callable[[Call], Call]) -> Edit:
    """Return a fault that computes `repair(call)` where refusing the call for the reason `objection` is correct."""

    def edit(stages: Stages) -> Stages:
        def repaired(call: Call) -> Call:
            return repair(call) if objection in set(_reasons(stages, call)) else call

        return _with_call(stages, repaired)

    return edit


def _reasons(stages: Stages, call: Call) -> Iterator[str]:
    try:
        yield from stages.object(call)
    except (IndexError, KeyError, ValueError):
        return


def _with_call(stages: Stages, repaired: Callable[[Call], Call]) -> Stages:
    return Stages(
        object=lambda call: stages.object(repaired(call)),
        read=lambda call, name: stages.read(repaired(call), name),
        translate=lambda call: stages.translate(repaired(call)),
        arrange=lambda call, name, array, params: stages.arrange(repaired(call), name, array, params),
        step=lambda call, x: stages.step(repaired(call), x),
        stuff=stages.stuff,
        measure=stages.measure,
        fill=stages.fill,
        contract=stages.contract,
        scatter=stages.scatter,
        shift=lambda call, y, bias: stages.shift(repaired(call), y, bias),
        round=lambda call, y: stages.round(repaired(call), y),
        deliver=lambda call, y: stages.deliver(repaired(call), y),
        infer=lambda call, y: stages.infer(repaired(call), y),
    )


def _with(call: Call, **changes: Any) -> Call:
    return replace(call, **changes)


def _resized(array: Array, shape: Sequence[int]) -> Array:
    return np.resize(array, shape) if array.size else np.zeros(shape, array.dtype)


def _ranks(call: Call) -> Call:
    changed = {}
    for name in ("input", "kernel", "depthwise_kernel", "pointwise_kernel"):
        array = getattr(call, name)
        if array is None or array.ndim == len(call.letters(name)):
            continue
        more = len(call.letters(name)) - array.ndim
        changed[name] = (
            array.reshape((1,) * more + array.shape) if more > 0 else array.reshape(*array.shape[: -1 + more], -1)
        )
    return _fitting(replace(call, **changed))


def _fitting(call: Call) -> Call:
    """Repeat or cut the channels of the kernel, so that their number fits the number of input channels."""
    if call.op == "separable_conv":
        return _pointwise(_by_channel(call, "depthwise_kernel"))
    if call.op == "depthwise_conv":
        return _by_channel(call, "kernel")
    channels = call.extent("input", "C")
    share = channels if call.op == "conv_transpose" else max(channels // max(call.groups, 1), 1)
    return replace(call, kernel=_along(call, "kernel", "I", share))


def _by_channel(call: Call, name: str) -> Call:
    return _with(call, **{name: _along(call, name, "C", call.extent("input", "C"))})


def _along(call: Call, name: str, letter: str, count: int) -> Array:
    array = call.array(name)
    axis = call.letters(name).index(letter)
    return array.take(np.arange(count) % max(array.shape[axis], 1), axis) if array.shape[axis] else array


def _pointwise(call: Call) -> Call:
    between = call.extent("input", "C") * call.extent("depthwise_kernel", "M")
    first = replace(call, pointwise_kernel=_along(call, "pointwise_kernel", "I", between))
    array = first.array("pointwise_kernel")
    for letter in call.spatial:
        array = array.take([0], first.letters("pointwise_kernel").index(letter))
    return replace(first, pointwise_kernel=array)


def _groups(call: Call) -> Call:
    """Return a copy of the call without the channels and filters that do not fill a whole group."""
    call = replace(call, groups=max(call.groups, 1) if call.op in ("conv", "conv_transpose") else 1)
    if call.op not in ("conv", "conv_transpose"):
        return call
    channels, groups = call.extent("input", "C"), call.groups
    if channels < groups or (call.op == "conv" and call.extent("kernel", "O") < groups):
        return _fitting(replace(call, groups=1))
    kept = channels // groups * groups
    call = replace(call, input=_along(call, "input", "C", kept))
    if call.op == "conv":
        call = replace(call, kernel=_along(call, "kernel", "O", call.extent("kernel", "O") // groups * groups))
    return _bias(_fitting(call))


def _bias(call: Call) -> Call:
    return call if call.bias is None else replace(call, bias=_resized(call.bias.reshape(-1), (produced(call),)))


def _at_least(name: str, least: int) -> Callable[[Call], Call]:
    return lambda call: _with(call, **{name: tuple(max(entry, least) for entry in getattr(call, name))})


def _no_output_padding(call: Call) -> Call:
    return replace(call, output_padding=(0,) * call.rank)


def _entries(call: Call) -> Call:
    """Repeat the last entry of each parameter list, or drop surplus entries, to get one entry for each spatial axis."""
    changed = {name: _spread(getattr(call, name), call.rank) for name in LISTS}
    padding = call.padding if isinstance(call.padding, str) else _spread(call.padding, call.rank)
    return _with(call, **changed, padding=padding)


def _spread(entries: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    return (*entries, *(entries[-1:] * rank))[:rank] if entries else (1,) * rank


def _kinds(call: Call) -> Call:
    output = call.dtype.output or call.dtype.input
    taken: dict[str, Any] = {name: None if dtype is None else output for name, dtype in vars(call.dtype).items()}
    arrays = {
        name: array.astype(output)
        for name in ("input", "kernel", "depthwise_kernel", "pointwise_kernel", "bias")
        if (array := getattr(call, name)) is not None
    }
    with np.errstate(all="ignore"):
        return _with(call, dtype=PerArray(**{**taken, "input": output}), **arrays)


def _causal_everywhere(stages: Stages) -> Stages:
    """Accept padding `causal` for any number of spatial axes, and pad the low end of each axis."""

    def objecting(call: Call) -> Iterator[str]:
        return (each for each in stages.object(call) if each != "causal-rank")

    return replace(stages, object=objecting)


def _refusing(wanted: Callable[[Call], bool], reason: str) -> Edit:
    """Return a fault that refuses defined calls for which `wanted(call)` holds."""

    def edit(stages: Stages) -> Stages:
        def objecting(call: Call) -> Iterator[str]:
            yield from stages.object(call)
            if wanted(call):
                yield reason

        return replace(stages, object=objecting)

    return edit


def _is_more_than_plain(call: Call) -> bool:
    """Return whether a call has two or more spatial axes, two or more samples, or no input axis of length 1."""
    return call.rank > 1 or call.input.shape[0] > 1 or 1 not in call.input.shape


def _zero_bias(call: Call) -> Call:
    return replace(call, bias=np.zeros(produced(call), call.array("bias").dtype))


EDITS: dict[str, Edit] = {
    "rank-mismatch-accepted": _accepting("rank", _ranks),
    "channel-mismatch-accepted": _accepting("channels", _fitting),
    "groups-mismatch-accepted": _accepting("groups", _groups),
    "zero-stride-accepted": _accepting("stride", _at_least("strides", 1)),
    "zero-dilation-accepted": _accepting("dilation", _at_least("dilations", 1)),
    "zero-input-dilation-accepted": _accepting("input-dilation", _at_least("input_dilations", 1)),
    "bias-mismatch-accepted": _accepting("bias", _bias),
    "bias-mismatch-ignored": _accepting("bias", _zero_bias),
    "bias-rank-accepted": _accepting("bias-rank", _bias),
    "output-padding-accepted": _accepting("output-padding", _no_output_padding),
    "entries-mismatch-accepted": _accepting("entries", _entries),
    "unknown-padding-accepted": _accepting("word", lambda call: replace(call, padding="valid")),
    "unknown-mode-accepted": _accepting("mode", lambda call: replace(call, padding_mode="zeros")),
    "causal-in-any-rank": _causal_everywhere,
    "pointwise-mismatch-accepted": _accepting("pointwise", _pointwise),
    "kinds-mismatch-accepted": _accepting("kinds", _kinds),
    "legal-call-refused": _refusing(_is_more_than_plain, "the mutant refuses this defined call"),
}
