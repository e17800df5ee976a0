"""
Capture of the convolutions that a program makes with PyTorch: eager, under autocast, and compiled by torch.compile.

Convolutions are captured at PyTorch's dispatcher, which receives them after autocast has converted dtypes and after
modules have padded the input. At the dispatcher, numbers have replaced the padding `same`. So a `TorchFunctionMode`
notes this padding before the call reaches the dispatcher.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...capture import Operand, Sighting, Sightings, Unsayable, is_called_from
from ...core import SPATIAL

#: Operation of the dispatcher -> whether it is a transposed convolution; None if an argument decides this.
OPERATIONS = {
    "aten::convolution": None,
    "aten::conv1d": False,
    "aten::conv2d": False,
    "aten::conv3d": False,
    "aten::conv_transpose1d": True,
    "aten::conv_transpose2d": True,
    "aten::conv_transpose3d": True,
    "mkldnn::_convolution_pointwise": False,
    "mkldnn::_convolution_transpose_pointwise": True,
}
#: Parameter name in inductor's kernels -> parameter name in PyTorch's operations.
RENAMED = {"X": "input", "W": "weight", "B": "bias"}
#: While this thread runs a call with padding `same`, `_same.input` is the input of the call before torch pads it.
_same = threading.local()


def attach(sightings: Sightings) -> Callable[[], None]:
    """Return a function that does nothing, because `watch` sets torch's modes for each thread."""
    return lambda: None


def watch(sightings: Sightings) -> Callable[[], None]:
    """Report each convolution that this thread dispatches; return a function that stops the reports."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    framework = f"torch {torch.__version__}"

    class Watching(TorchDispatchMode):  # type: ignore[misc]
        """Reports convolutions and forwards every operation unchanged."""

        supports_higher_order_operators = True

        @classmethod
        def ignore_compile_internals(cls) -> bool:
            """Let torch.compile compile under this mode; operations of compiled code are reported when they run."""
            return True

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if isinstance(func, torch._ops.OpOverload) and "conv" in func._name and "backward" not in func._name:
                name = func._name.partition(".")[0]
                sightings.see(name.replace("::", "."), lambda: _look(name, framework, func, args, kwargs))
            return func(*args, **kwargs)

    modes = (_same_mode(torch), Watching())
    for mode in modes:
        mode.__enter__()

    def stop() -> None:
        for mode in reversed(modes):
            mode.__exit__(None, None, None)

    return stop


def _same_mode(torch: Any) -> Any:
    """Return a mode that keeps the unpadded input of a call with padding `same` while the call runs."""
    functions = [getattr(torch, f"conv{rank}d") for rank in (1, 2, 3)]

    class Same(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        """Forwards every function unchanged."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if func not in functions or torch.compiler.is_compiling() or _padding(args, kwargs) != "same":
                return func(*args, **kwargs)
            _same.input = args[0] if args else kwargs["input"]
            try:
                return func(*args, **kwargs)
            finally:
                _same.input = None

    return Same()


def _padding(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return kwargs["padding"] if "padding" in kwargs else args[4] if len(args) > 4 else None


def _look(name: str, framework: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sighting | None:
    if name not in OPERATIONS:
        raise Unsayable("capture does not know this operation")
    given = {argument.name: argument.default_value for argument in func._schema.arguments}
    given |= dict(zip(given, args, strict=False)) | dict(kwargs)
    given = {RENAMED.get(key, key): value for key, value in given.items()}
    return _sighting(name, framework, given) if _is_real(given["input"]) else None


def _is_real(tensor: Any) -> bool:
    """Return whether a tensor has values; tensors of a trace or of a shape inference have none."""
    return tensor.device.type != "meta" and type(tensor).__name__ not in ("FakeTensor", "FunctionalTensor")


def _sighting(name: str, framework: str, given: Mapping[str, Any]) -> Sighting:
    weight = given["weight"]
    rank = weight.dim() - 2
    spatial = SPATIAL[rank]
    is_transposed = given["transposed"] if OPERATIONS[name] is None else OPERATIONS[name]
    unpadded = getattr(_same, "input", None)
    signal = given["input"] if unpadded is None else unpadded
    if signal.dim() == rank + 1:
        signal = signal.unsqueeze(0)
    arrays = {
        "input": _operand(signal, f"NC{spatial}", given["input"].dtype),
        "kernel": _operand(weight, ("IO" if is_transposed else "OI") + spatial, weight.dtype),
    }
    if given["bias"] is not None:
        arrays["bias"] = _operand(given["bias"], "O", given["bias"].dtype)
    per_axis = {key: _spread(given.get(key, 0), rank) for key in ("stride", "dilation", "output_padding")}
    padding = given["padding"] if isinstance(given["padding"], str) else _spread(given["padding"], rank)
    return Sighting(
        op="conv_transpose" if is_transposed else "conv",
        arrays=arrays,
        output=f"NC{spatial}",
        said_by=name.replace("::", "."),
        framework=framework,
        strides=per_axis["stride"],
        padding="same" if unpadded is not None else padding if isinstance(padding, str) else [(p, p) for p in padding],
        dilations=per_axis["dilation"],
        output_padding=per_axis["output_padding"],
        groups=given["groups"],
        is_compiled=is_called_from(lambda code: "torchinductor" in code.co_filename),
    )


def _operand(tensor: Any, letters: str, dtype: Any) -> Operand:
    is_strided = str(tensor.layout) == "torch.strided"
    strides = tuple(tensor.stride()) if is_strided else None
    return Operand(letters, tuple(tensor.shape), str(dtype).removeprefix("torch."), strides, tensor)


def _spread(value: Any, rank: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * rank if len(values) == 1 else values
