"""
PyTorch as a target: functions, layers, compiled and under autocast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..adapter import Limit, Outputs, Target, Unavailable, ask
from ..call import Call
from . import torch_text as writing
from . import torch_words as words
from .torch_compiled import Compiled
from .torch_functional import Autocast, Functional, deterministic, tf32
from .torch_inference import inference
from .torch_layer import Layer
from .torch_limits import LIMITS
from .torch_tensors import fetched, tensor

SURFACES: Mapping[str, Callable[[Any, str], Any]] = {
    "": Functional,
    "layer": Layer,
    "compile": Compiled,
    "autocast": Autocast,
    "deterministic": deterministic,
    "tf32": tf32,
}

#: The steps of a call and its text.
Plan: TypeAlias = tuple[tuple[words.Step, ...], str]
#: How many forms of calls are remembered: writing a call down costs more than making it.
MOST_PLANS = 4096


class Torch:
    """
    PyTorch in one mode on one device; axes are permuted, for torch has no parameter for a layout.
    """

    framework = "torch"
    requires = ("torch",)
    modes: Mapping[str, str] = {
        "": "torch.nn.functional, torch's own defaults",
        "layer": "the layers of torch.nn",
        "compile": "torch.compile of the functions, one graph for each call",
        "autocast": "the functions under torch.autocast to bfloat16",
        "deterministic": "the functions under torch.use_deterministic_algorithms",
        "tf32": "the functions with TF32 allowed for convolutions and matrix products",
    }

    def __init__(self, target: Target) -> None:
        """
        Import torch and set what the mode pins; raises Unavailable where mode or device is not there.
        """
        import torch

        if target.mode not in self.modes:
            raise Unavailable(f"torch has no mode {target.mode!r}; it has {', '.join(filter(None, self.modes))}")
        self.torch = torch
        self.version = torch.__version__
        self.device = "cuda" if target.device == "gpu" else target.device
        self._check_device()
        self.surface = SURFACES[target.mode](torch, self.device)
        self._inference = inference(torch, self.surface)
        self.limits: Sequence[Limit] = (*LIMITS, *self.surface.limits)
        self.result_dtypes: Mapping[str, str] = self.surface.result_dtypes
        self.settings = settings(torch, self.device)
        self._plans: dict[Any, Plan] = {}

    def _check_device(self) -> None:
        try:
            self.torch.empty(1, device=self.device)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"torch {self.version} has no device {self.device!r} here: {reason}") from error

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """
        Return the closure that makes the tensors, asks torch for the call and fetches the result.
        """
        plan, written = self._planned(call)
        placed = words.place(call, plan)

        def run() -> Outputs:
            tensors = [ask(tensor, self.torch, array, dtype, self.device) for array, dtype in placed]
            if call.bias is None:
                tensors.append(None)
            found = {"output": self.surface.compute(call, plan, tensors)}
            if call.variation.shape_inference:
                stated = self._inference.infer(call, plan, tensors)
                found["inference"] = ask(self.torch.zeros, stated.shape, dtype=stated.dtype)
            arrays = {name: ask(fetched, self.torch, each) for name, each in found.items()}
            delivered = {name: call.deliver(array, "NC" + call.spatial) for name, array in arrays.items()}
            return Outputs(delivered, written, len(plan) > 1)

        return run

    def _planned(self, call: Call) -> Plan:
        form = call.form
        if form not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[form] = self._plan(call)
        return self._plans[form]

    def _plan(self, call: Call) -> Plan:
        plan = words.steps(call)
        tensors = writing.tensors(call, plan, self.device)
        computed = self.surface.write(call, plan, tensors)
        written = writing.fetched(call, computed, self.result_dtypes.get(call.dtype.input, call.dtype.input))
        inferred = self._inference.write(call, plan, tensors) if call.variation.shape_inference else ""
        return plan, f"({inferred}, {written})" if inferred else written


def settings(torch: Any, device: str) -> dict[str, str]:
    """
    Return what decides the numbers, as torch has it now.
    """
    found = {
        "threads": torch.get_num_threads(),
        "cpu_capability": _told(torch, r"CPU capability usage: (\w+)"),
        "onednn": _onednn(torch),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    if torch.device(device).type == "cuda":
        found["device"] = torch.cuda.get_device_name(device)
        found["cudnn"] = torch.backends.cudnn.version()
        found["tf32.conv"] = torch.backends.cudnn.allow_tf32
        found["tf32.matmul"] = torch.backends.cuda.matmul.allow_tf32
    return {name: str(value) for name, value in found.items()}


def _told(torch: Any, pattern: str) -> str:
    """Return what torch tells of its build, in the words of every release."""
    told = re.search(pattern, torch.__config__.show())
    return told.group(1) if told else "none"


def _onednn(torch: Any) -> str:
    version = _told(torch, r"MKL-DNN v([0-9.]+)")
    return version if torch.backends.mkldnn.enabled else f"{version}, off"
