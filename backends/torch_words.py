"""
A call in the words of PyTorch: functions, keywords, limits, text.

Imports no torch.
What torch has no word for is said all the same, under the format's own name or form, so that torch refuses it
where the limits are not asked first; nothing is dropped on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..adapter import Limit
from ..call import ARRAYS, Call, Stage
from ..dtypes import NARROW
from . import text

#: The padding words of torch's `conv`; its `conv_transpose` has none.
WORDS = ("valid", "same")


class Step(NamedTuple):
    """
    One convolution: the function's name (`conv1d`), its keywords, and the kernel's name, axes and size.
    """

    name: str
    keywords: Mapping[str, Any]
    stage: Stage
    letters: str


def steps(call: Call) -> tuple[Step, ...]:
    """
    Return the call as one convolution of torch, or two if it is separable.
    """
    transposed = call.op == "conv_transpose"
    name = f"{'conv_transpose' if transposed else 'conv'}{call.rank}d"
    letters = ("IO" if transposed else "OI") + call.spatial
    return tuple(Step(name, _keywords(stage), stage, letters) for stage in call.stages)


def pads(call: Call) -> tuple[int, ...]:
    """
    Return `before` as torch's `pad` takes it: low and high of the last axis first; empty where there is none.
    """
    return tuple(amount for pair in reversed(call.before or ()) for amount in pair)


def _keywords(stage: Stage) -> dict[str, Any]:
    call = stage.call
    keywords: dict[str, Any] = {"stride": stage.strides, "dilation": stage.dilations, "groups": stage.groups}
    if call.op == "conv_transpose":
        keywords.update(_cropping(stage))
    else:
        keywords["padding"] = _padding(stage)
    if stage is call.stages[0]:
        keywords.update(_foreign(call))
    if call.dtype.output not in (None, call.dtype.input):
        keywords["dtype"] = call.dtype.output
    return keywords


def _padding(stage: Stage) -> Any:
    if stage.padding in WORDS:
        return stage.padding
    return tuple(low if low == high else (low, high) for low, high in stage.pairs)


def _cropping(stage: Stage) -> dict[str, Any]:
    """
    Return the crop as torch has it: `padding` off both ends, `output_padding` given back at the high end.

    So (low, high) is padding = low and output_padding = low - high; a larger high has no words.
    """
    if stage.padding in ("causal", "full"):
        return {"padding": stage.padding}
    given = zip(stage.pairs, stage.call.output_padding, strict=True)
    back = tuple(low - high + extra for (low, high), extra in given)
    return {"padding": tuple(low for low, _ in stage.pairs), "output_padding": back}


def _foreign(call: Call) -> dict[str, Any]:
    foreign: dict[str, Any] = {}
    if call.padding_mode != "zeros":
        foreign["padding_mode"] = call.padding_mode
    if any(q != 1 for q in call.input_dilations):
        foreign["input_dilation"] = call.input_dilations
    if call.op != "conv_transpose" and any(call.output_padding):
        foreign["output_padding"] = call.output_padding
    return foreign


def _is_lopsided(call: Call) -> bool:
    if call.op == "conv_transpose" or call.padding in WORDS:
        return False
    return any(low != high for low, high in call.pairs)


def _crops_more_at_the_end(call: Call) -> bool:
    if call.op != "conv_transpose" or call.padding in ("causal", "full"):
        return False
    return any(high - extra > low for (low, high), extra in zip(call.pairs, call.output_padding, strict=True))


def _mismatches_depthwise(call: Call) -> bool:
    stage = call.stages[0]
    return "M" in call.letters(stage.kernel) and call.extent(stage.kernel, "C") != stage.groups


def _lies(call: Call, storage: str) -> bool:
    return any(getattr(call.storage, name) == storage for name in ARRAYS)


#: What torch has no words for in any mode.
LIMITS = (
    Limit("torch's convNd has one padding for both ends of an axis", _is_lopsided),
    Limit("torch's conv_transposeNd cannot crop more at the high end than at the low one", _crops_more_at_the_end),
    Limit(
        "torch's conv_transposeNd has no padding words",
        lambda call: call.op == "conv_transpose" and call.padding in ("causal", "full"),
    ),
    Limit("torch's convNd has no input dilation", lambda call: any(q != 1 for q in call.input_dilations)),
    Limit(
        "torch's convNd has no output_padding",
        lambda call: call.op != "conv_transpose" and any(call.output_padding),
    ),
    Limit(
        "torch's convNd has no parameter for the result's dtype",
        lambda call: call.dtype.output not in (None, call.dtype.input),
    ),
    Limit("a grouped kernel of torch's does not tell the channels of the input", _mismatches_depthwise),
    Limit("torch's tensors have no negative strides", lambda call: _lies(call, "reversed")),
    Limit("torch's tensors have no read-only flag", lambda call: _lies(call, "readonly")),
)
#: What functions lack and layers have.
NO_PADDING_MODE = Limit("torch's convNd has no padding_mode", lambda call: call.padding_mode != "zeros")
NOT_COMPILED = Limit("eager: nothing is compiled", lambda call: call.variation.is_compiled)
#: Torch compiles again for a size of 0 or 1, by design, so one graph cannot serve both calls.
SPECIALISED = Limit(
    "torch.compile specialises sizes 0 and 1",
    lambda call: call.variation.dynamic_shape and min(call.extents("input")) < 2,
)


def tensors(call: Call, plan: Sequence[Step], device: str) -> list[str]:
    """
    Return the text of each tensor: input, kernels, bias (`None` without one).
    """
    canonical = "NC" + call.spatial
    texts = [_tensor(call, "input", text.array(call, "input", canonical), canonical, device)]
    for step in plan:
        texts.append(_tensor(call, step.stage.kernel, text.kernel(step.stage, step.letters), step.letters, device))
    texts.append("None" if call.bias is None else _tensor(call, "bias", "bias", "O", device))
    return texts


def _tensor(call: Call, name: str, array: str, letters: str, device: str) -> str:
    return _tensor_text(array, letters, getattr(call.storage, name), getattr(call.dtype, name), device)


@lru_cache(maxsize=1024)
def _tensor_text(array: str, letters: str, storage: str | None, dtype: str, device: str) -> str:
    if storage not in (None, "contiguous"):
        array = f"conv_conformance.storage.stored({array}, {storage!r}, {letters!r})"
    elif not array.isidentifier():
        array += ".copy()"
    if dtype in NARROW:
        tensor = f"torch.from_numpy({array}.view({NARROW[dtype]!r})).view(torch.{dtype})"
    else:
        tensor = f"torch.from_numpy({array})"
    return tensor if device == "cpu" else f"{tensor}.to({device!r})"


def expression(call: Call, plan: Sequence[Step], operands: Sequence[str], write: Callable[..., str]) -> str:
    """
    Return the text of the whole computation on tensors; `write(step, x, kernel, bias)` writes one step.
    """
    x, *kernels, bias = operands
    if call.before is not None:
        x = f"torch.nn.functional.pad({x}, {pads(call)})"
    for step, kernel in zip(plan, kernels, strict=True):
        x = write(step, x, kernel, bias if step is plan[-1] else "None")
    return x


def functional(step: Step, x: str, kernel: str, bias: str) -> str:
    """
    Return the text of a step as a call of `torch.nn.functional`.
    """
    return text.function(f"torch.nn.functional.{step.name}", x, kernel, bias, **step.keywords)


def fetched(call: Call, computed: str, dtype: str) -> str:
    """
    Return the text that brings a result (of `dtype`) back to NumPy in the call's layout, narrow floats as float32.
    """
    widened = f"{computed}.float()" if dtype in NARROW else computed
    return text.transposed(f"{widened}.numpy(force=True)", "NC" + call.spatial, call.layout.output or call.layout.input)
