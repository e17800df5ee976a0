"""
The NumPy adapter, which implements every operation by windows and matrix products.

Floats up to float32 are summed in float32, float64 in float64, and the parts of complex numbers likewise.
Integers are computed in the output dtype and wrap modulo 2**n.
The output is empty if the window is longer than the input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...core import Array, Call, Limit, Outputs, Refused, Stage, Target, Unavailable, dtypes
from .gradients import convolve_back, convolve_transposed_back, unextend
from .refusals import crops, objections
from .sums import convolve, convolve_transposed, extend

#: Function that convolves -> function that computes the gradients of this convolution.
BACK: Mapping[Callable[..., Array], Callable[..., tuple[Array, Array]]] = {
    convolve: convolve_back,
    convolve_transposed: convolve_transposed_back,
}


def _lacks_types(call: Call) -> bool:
    return any(name in dtypes.NARROW and dtypes.numpy_type(name).kind == "u" for name in vars(call.dtype).values())


class NumPy:
    """NumPy on the CPU; it refuses invalid calls, and can express all valid calls except those in `limits`."""

    framework = "numpy"
    requires = ("numpy",)
    version = np.__version__
    differentiates = True
    differentiates_twice = True
    limits = (
        Limit("eager: nothing is compiled", lambda call: call.variation.is_compiled),
        Limit("nothing is inferred ahead of the call", lambda call: call.variation.shape_inference),
        Limit("no narrow floats where ml_dtypes is not installed", _lacks_types),
    )

    def __init__(self, target: Target | None = None) -> None:
        """Create the target; raises Unavailable for any mode and for any device but `cpu`."""
        target = target or Target(name="numpy")
        if target.mode or target.device != "cpu":
            raise Unavailable(f"numpy has no modes and one device, cpu; got {target}")
        self.settings = {"accumulator": "float32 for floats up to float32, else the dtype itself", "blas": _blas()}

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that first checks the call, then places the arrays and computes the call."""
        return lambda: _answer(call)


def _answer(call: Call) -> Outputs:
    for objection in objections(call):
        raise Refused(objection)
    work = _work_type(call)
    with np.errstate(all="ignore"):
        received, kernels = [_ready(call, work)], _kernels(call, work)
        for stage, kernel in zip(call.stages, kernels, strict=True):
            function, parameters = _function(stage)
            received.append(function(received[-1], kernel, **parameters))
        output = _biased(call, received.pop()).astype(dtypes.numpy_type(_output_type(call)))
        found = _gradients(call, received, kernels) if call.gradients else {}
        found |= _second_order(call, received, kernels) if call.second_order else {}
    arrays = {"output": call.deliver(output, "NC" + call.spatial), **found}
    # Gradients are computed in several steps, which have no short text.
    return Outputs(arrays, "" if call.gradients else _text(call))


def _ready(call: Call, work: np.dtype, name: str = "input") -> Array:
    x: Array = call.place(name, "NC" + call.spatial).astype(work)
    return x if call.before is None else extend(x, call.before)


def _kernels(call: Call, work: np.dtype) -> list[Array]:
    return [stage.place_kernel(_kernel_letters(call)).astype(work) for stage in call.stages]


def _biased(call: Call, x: Array, name: str = "bias") -> Array:
    if getattr(call, name) is None:
        return x
    bias = call.place(name, "O").astype(x.dtype)
    sums: Array = x + bias.reshape(bias.size, *(1,) * call.rank)
    return sums


def _gradients(call: Call, received: Sequence[Array], kernels: Sequence[Array]) -> dict[str, Array]:
    """Return the requested gradients with keys `gradient.NAME`; received[i] is the input of stage i."""
    canonical, letters = "NC" + call.spatial, _kernel_letters(call)
    g = call.place("cotangent", canonical).astype(received[0].dtype)
    found = {"bias": (g.sum((0, *range(2, g.ndim))), "O")}
    for stage, x, kernel in reversed([*zip(call.stages, received, kernels, strict=True)]):
        g, by_kernel = BACK[_function(stage)[0]](g, x, kernel, **_function(stage)[1])
        found[stage.kernel] = (by_kernel, letters)
    found["input"] = (_elements(call, g), canonical)
    homes = {name: call.bring_home(name, *found[name]) for name in call.gradients}
    return {f"gradient.{name}": each.astype(call.array(name).dtype) for name, each in homes.items()}


def _elements(call: Call, g: Array) -> Array:
    return g if call.before is None else unextend(g, call.extents("input"), call.before)


def _second_order(call: Call, received: Sequence[Array], kernels: Sequence[Array]) -> dict[str, Array]:
    """
    Return the requested second-order gradients with keys `second.NAME`.

    The output is bilinear in input and kernel. So a second-order gradient is a sum of first-order terms, and in each
    term a direction replaces one array.
    """
    (stage,), (x, *_), (kernel,) = call.stages, received, kernels
    canonical, letters = "NC" + call.spatial, _kernel_letters(call)
    function, parameters = _function(stage)
    along, taps = _ready(call, x.dtype, "input_direction"), stage.directed.place_kernel(letters).astype(x.dtype)
    g = call.place("cotangent", canonical).astype(x.dtype)
    sums = function(along, kernel, **parameters) + function(x, taps, **parameters)
    by_input, _ = BACK[function](g, x, taps, **parameters)
    _, by_kernel = BACK[function](g, along, kernel, **parameters)
    found = {
        "cotangent": (_biased(call, sums, "bias_direction"), canonical),
        "input": (_elements(call, by_input), canonical),
        "kernel": (by_kernel, letters),
    }
    homes = {name: call.bring_home(name, *found[name]) for name in call.second_order}
    return {f"second.{name}": each.astype(call.array(name).dtype) for name, each in homes.items()}


def _kernel_letters(call: Call) -> str:
    return ("IO" if call.op == "conv_transpose" else "OI") + call.spatial


def _function(stage: Stage) -> tuple[Callable[..., Array], dict[str, Any]]:
    call = stage.call
    common = {"strides": stage.strides, "dilations": stage.dilations, "groups": stage.groups}
    if call.op == "conv_transpose":
        return convolve_transposed, {"crops": crops(stage), **common}
    if stage is not call.stages[0]:
        return convolve, {"pairs": stage.pairs, **common}
    first = {"pairs": stage.pairs, "mode": call.padding_mode, "input_dilations": call.input_dilations}
    return convolve, {**first, **common}


def _output_type(call: Call) -> str:
    return call.dtype.output or call.dtype.input


def _work_type(call: Call) -> np.dtype:
    names = {name for name in vars(call.dtype).values() if name}
    if all(map(dtypes.is_integer, names)):
        return np.dtype(_output_type(call))
    wide = ("float32" if name in dtypes.NARROW else name for name in names)
    return reduce(np.promote_types, wide, np.dtype("float32"))


def _blas() -> str:
    try:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (TypeError, KeyError):  # NumPy before 1.25, or built by other means
        return "unknown"
    return f"{found['name']} {found['version']}"


def _text(call: Call) -> str:
    canonical = "NC" + call.spatial
    text = _permuted(f"input.astype({_work_type(call).name!r})", call.letters("input"), canonical)
    if call.before is not None:
        text = f"{__name__}.extend({text}, {call.before})"
    for stage in call.stages:
        text = _stage_text(stage, text)
    if call.bias is not None:
        text = f"({text} + bias.reshape({(call.bias.size, *(1,) * call.rank)}))"
    text = _permuted(text, canonical, call.layout.output or call.layout.input)
    return f"{text}.astype({_output_type(call)!r})"


def _stage_text(stage: Stage, text: str) -> str:
    call = stage.call
    kernel = f"{stage.kernel}.astype({_work_type(call).name!r})"
    if "M" in call.letters(stage.kernel):
        merged = (*call.extents(stage.kernel), 1, -1)
        kernel = _permuted(kernel, call.letters(stage.kernel), call.spatial + "CM") + f".reshape({merged})"
        kernel = _permuted(kernel, call.spatial + "IO", _kernel_letters(call))
    else:
        kernel = _permuted(kernel, call.letters(stage.kernel), _kernel_letters(call))
    name, parameters = _function(stage)
    keywords = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    return f"{__name__}.{name.__name__}({text}, {kernel}, {keywords})"


def _permuted(text: str, letters: str, wanted: str) -> str:
    return text if letters == wanted else f"{text}.transpose({[letters.index(letter) for letter in wanted]})"
