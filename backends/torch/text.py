"""A PyTorch call as Python text that a user can paste."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core import DIRECTIONS, NARROW, Call
from ..shared import expressions
from .parameters import Step, cuts, pads
from .tensors import SIGNED


def tensors(call: Call, plan: Sequence[Step], device: str) -> list[str]:
    """Return the text of each tensor: input, kernels, bias (`None` without one)."""
    canonical = "NC" + call.spatial
    texts = [_tensor(call, "input", expressions.array(call, "input", canonical), canonical, device)]
    texts += [_tensor(call, step.kernel, step.source, step.letters, device) for step in plan]
    texts.append("None" if call.bias is None else _tensor(call, "bias", "bias", "O", device))
    return texts


def cotangent(call: Call, device: str) -> str:
    """Return the text of the cotangent."""
    canonical = "NC" + call.spatial
    return _tensor(call, "cotangent", expressions.array(call, "cotangent", canonical), canonical, device)


def directions(call: Call, plan: Sequence[Step], device: str) -> list[str]:
    """Return the text of each direction."""
    canonical, (stage,), (step,) = "NC" + call.spatial, call.stages, plan
    texts = {
        "input": (expressions.array(call, DIRECTIONS["input"], canonical), canonical),
        "kernel": (expressions.kernel(stage.directed, step.letters), step.letters),
        "bias": (DIRECTIONS["bias"], "O"),
    }
    return [_tensor(call, DIRECTIONS[name], *texts[name], device) for name in call.directions]


def _tensor(call: Call, name: str, array: str, letters: str, device: str) -> str:
    storage, dtype = getattr(call.storage, name, None), call.dtype_of(name)
    if storage not in (None, "contiguous"):
        array = f"conv_conformance.core.storage.stored({array}, {storage!r}, {letters!r})"
    elif not array.isidentifier():
        array += ".copy()"
    if dtype in NARROW:
        tensor = f"torch.from_numpy({array}.view({SIGNED[dtype]!r})).view(torch.{dtype})"
    else:
        tensor = f"torch.from_numpy({array})"
    return tensor if device == "cpu" else f"{tensor}.to({device!r})"


def expression(call: Call, plan: Sequence[Step], operands: Sequence[str], write: Callable[..., str]) -> str:
    """Return the text of the whole computation on tensors; write(step, x, kernel, bias) returns the text of a step."""
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
    """Return the text of a step as a call of `torch.nn.functional`."""
    return expressions.function(f"torch.nn.functional.{step.name}", x, kernel, bias, **step.keywords)


def fetched(call: Call, computed: str, dtype: str) -> str:
    """Return the text that converts a result of `dtype` to NumPy in the call's layout; narrow floats become float32."""
    wide = f"{computed}.float()" if dtype in NARROW else computed
    return expressions.transposed(
        f"{wide}.numpy(force=True)", "NC" + call.spatial, call.layout.output or call.layout.input
    )
