"""
A call in the words of PyTorch: functions, keywords, limits, text.

Imports no torch.
What torch has no word for is said all the same, under the format's own name or form, so that torch refuses it
where the limits are not asked first; nothing is dropped on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..adapter import Limit
from ..call import Array, Call, Stage
from ..dtypes import NARROW
from . import text

#: The padding words of torch's `conv`; its `conv_transpose` has none.
WORDS = ("valid", "same")
#: The integers that carry the bits of narrow floats, the kinds that every torch has.
SIGNED = {name: bits.removeprefix("u") for name, bits in NARROW.items()}


class Step(NamedTuple):
    """
    One convolution: the function's name (`conv1d`), its keywords, and its kernel.

    `kernel` is the array's name, `letters` its axes for torch, `source` its text; `sizes` are the input channels,
    output channels and kernel size that it is for.
    """

    name: str
    keywords: Mapping[str, Any]
    kernel: str
    letters: str
    source: str
    sizes: tuple[int, int, tuple[int, ...]]


def form(call: Call) -> tuple[Any, ...]:
    """
    Return all of a call but its values: calls of one form have the same steps and text.
    """
    kernels = (call.kernel, call.depthwise_kernel, call.pointwise_kernel)
    shapes = [None if kernel is None else kernel.shape for kernel in kernels]
    step = (call.strides, call.padding, call.dilations, call.groups, call.output_padding)
    area = (call.padding_mode, call.input_dilations, call.before, call.variation, call.bias is None)
    return (call.op, call.layout, call.dtype, call.storage, call.input.shape, *shapes, *step, *area)


def steps(call: Call) -> tuple[Step, ...]:
    """
    Return the call as one convolution of torch, or two if it is separable.
    """
    transposed = call.op == "conv_transpose"
    name = f"{'conv_transpose' if transposed else 'conv'}{call.rank}d"
    letters = ("IO" if transposed else "OI") + call.spatial
    return tuple(
        Step(name, _keywords(stage), stage.kernel, letters, text.kernel(stage, letters), _sizes(stage, letters))
        for stage in call.stages
    )


def _sizes(stage: Stage, letters: str) -> tuple[int, int, tuple[int, ...]]:
    shape = stage.arranged_kernel(letters).shape
    contracted, produced = (shape[letters.index(letter)] for letter in "IO")
    if stage.call.op == "conv_transpose":
        return contracted, produced * stage.groups, shape[2:]
    return contracted * stage.groups, produced, shape[2:]


def place(call: Call, plan: Sequence[Step]) -> list[tuple[Array, str]]:
    """
    Return the arrays of a call for torch, each with its dtype's name: input, kernels, bias if it has one.
    """
    arrays = [(call.place("input", "NC" + call.spatial), call.dtype.input)]
    for n, step in enumerate(plan):
        # Only a depthwise kernel needs its stage, and stages cost more than the rest of this.
        own = "M" not in call.letters(step.kernel)
        placed = call.place(step.kernel, step.letters) if own else call.stages[n].place_kernel(step.letters)
        arrays.append((placed, getattr(call.dtype, step.kernel)))
    if call.bias is not None:
        arrays.append((call.place("bias", "O"), call.dtype.bias or call.dtype.input))
    return arrays


def pads(call: Call) -> tuple[int, ...]:
    """
    Return `before` as torch's `pad` takes it: low and high of the last axis first; empty where there is none.

    Crops are negative pads, unless they have to be cuts.
    """
    amounts = (amount for pair in reversed(call.before or ()) for amount in pair)
    return tuple(max(amount, 0) for amount in amounts) if cuts(call) else tuple(amounts)


def cuts(call: Call) -> tuple[slice, ...]:
    """
    Return what is left of each spatial axis after the positive pads, where torch's `pad` takes no such crop.

    It takes none that is longer than the axis, even where pads make up for it.
    """
    if call.before is None:
        return ()
    axes = list(zip(call.extents("input"), call.before, strict=True))
    if all(w + min(low, 0) + min(high, 0) >= 0 for w, (low, high) in axes):
        return ()
    return tuple(slice(max(-low, 0), max(w + max(low, 0) + high, 0)) for w, (low, high) in axes)


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

    So (low, high) is padding = low and output_padding = low - high, where torch takes that much.
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
    if set(call.input_dilations) != {1}:
        foreign["input_dilation"] = call.input_dilations
    if call.op != "conv_transpose" and any(call.output_padding):
        foreign["output_padding"] = call.output_padding
    return foreign


def _is_lopsided(call: Call) -> bool:
    if call.op == "conv_transpose" or call.padding in WORDS:
        return False
    if call.padding == "causal" and call.rank > 1:
        return True
    return any(low != high for low, high in call.pairs)


def _is_lopsided_crop(call: Call) -> bool:
    """
    Say whether a crop is beyond `padding` and `output_padding`, which must be below the stride or the dilation.

    Equal crops are always said: an output padding that is too large is then the call's own.
    """
    if call.op != "conv_transpose" or call.padding in ("causal", "full"):
        return False
    axes = zip(call.pairs, call.output_padding, call.strides, call.dilations, strict=True)
    return any(low != high and not 0 <= low - high + extra < max(s, d) for (low, high), extra, s, d in axes)


def _is_other_depthwise(call: Call) -> bool:
    if call.op not in ("depthwise_conv", "separable_conv"):
        return False
    stage = call.stages[0]
    return call.groups != 1 or call.extent(stage.kernel, "C") != stage.groups


def _lies(call: Call, storage: str) -> bool:
    return storage in vars(call.storage).values()


def _results(call: Call) -> Iterator[int]:
    """
    Yield the spatial sizes of the output.
    """
    stage = call.stages[0]
    sizes = zip(call.lengths, stage.window, stage.strides, stage.pairs, call.output_padding, strict=True)
    for w, k, s, (low, high), extra in sizes:
        if call.op == "conv_transpose":
            yield (w - 1) * s + k - low - high + extra
        else:
            yield (w + low + high - k) // s + 1


#: What torch has no words for in any mode.
LIMITS = (
    Limit("torch's convNd has one padding for both ends of an axis", _is_lopsided),
    Limit(
        "torch's conv_transposeNd has one padding for both ends, and gives back few at the high end", _is_lopsided_crop
    ),
    Limit(
        "torch's conv_transposeNd has no padding words",
        lambda call: call.op == "conv_transpose" and call.padding in ("causal", "full"),
    ),
    Limit("torch's convNd has no input dilation", lambda call: set(call.input_dilations) != {1}),
    Limit(
        "torch's convNd has no output_padding",
        lambda call: call.op != "conv_transpose" and any(call.output_padding),
    ),
    Limit(
        "torch's convNd has no parameter for the result's dtype",
        lambda call: call.dtype.output not in (None, call.dtype.input),
    ),
    Limit("torch's groups say of a depthwise convolution only how many channels the input has", _is_other_depthwise),
    Limit("torch's tensors have no negative strides", lambda call: _lies(call, "reversed")),
    Limit("torch's tensors have no read-only flag", lambda call: _lies(call, "readonly")),
)
#: What functions lack and layers have.
NO_PADDING_MODE = Limit("torch's convNd has no padding_mode", lambda call: call.padding_mode != "zeros")
NOT_COMPILED = Limit("eager: nothing is compiled", lambda call: call.variation.is_compiled)
#: Torch compiles again for a size of 0 or 1, by design, so one graph cannot serve both calls.
SPECIALISED = Limit(
    "torch.compile specialises sizes 0 and 1",
    lambda call: call.variation.dynamic_shape and min(*call.extents("input"), *call.lengths, *_results(call)) < 2,
)


def tensors(call: Call, plan: Sequence[Step], device: str) -> list[str]:
    """
    Return the text of each tensor: input, kernels, bias (`None` without one).
    """
    canonical = "NC" + call.spatial
    texts = [_tensor(call, "input", text.array(call, "input", canonical), canonical, device)]
    texts += [_tensor(call, step.kernel, step.source, step.letters, device) for step in plan]
    texts.append("None" if call.bias is None else _tensor(call, "bias", "bias", "O", device))
    return texts


def _tensor(call: Call, name: str, array: str, letters: str, device: str) -> str:
    storage, dtype = getattr(call.storage, name), getattr(call.dtype, name)
    if storage not in (None, "contiguous"):
        array = f"conv_conformance.storage.stored({array}, {storage!r}, {letters!r})"
    elif not array.isidentifier():
        array += ".copy()"
    if dtype in NARROW:
        tensor = f"torch.from_numpy({array}.view({SIGNED[dtype]!r})).view(torch.{dtype})"
    else:
        tensor = f"torch.from_numpy({array})"
    return tensor if device == "cpu" else f"{tensor}.to({device!r})"


def expression(call: Call, plan: Sequence[Step], operands: Sequence[str], write: Callable[..., str]) -> str:
    """
    Return the text of the whole computation on tensors; `write(step, x, kernel, bias)` writes one step.
    """
    x, *kernels, bias = operands
    if call.before is not None:
        x = f"torch.nn.functional.pad({x}, {pads(call)}){_cut(call)}"
    for step, kernel in zip(plan, kernels, strict=True):
        x = write(step, x, kernel, bias if step is plan[-1] else "None")
    return x


def _cut(call: Call) -> str:
    kept = ", ".join(f"{cut.start}:{cut.stop}" for cut in cuts(call))
    return f"[..., {kept}]" if kept else ""


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
