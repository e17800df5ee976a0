"""The PyTorch adapter: functions, layers, compiled functions, and functions under autocast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ...core import COTANGENT, Array, Call, Limit, Outputs, Prepared, Target, Unavailable, ask
from . import gradients, parameters, text
from .compiled import Compiled
from .functional import Autocast, Functional
from .inference import inference
from .layer import Layer
from .limits import LIMITS
from .nn_grad import NNGradFunctional
from .settings import SETTINGS, documented, pin, settings
from .tensors import fetched, tensor

SURFACES: Mapping[str, Callable[[Any, str], Any]] = {
    "": Functional,
    "layer": Layer,
    "compile": Compiled,
    "autocast": Autocast,
    "nn-grad": NNGradFunctional,
    **dict.fromkeys(SETTINGS, Functional),
}

#: The convolutions of a call, and the Python text of the call.
Plan: TypeAlias = tuple[tuple[parameters.Step, ...], str]
#: The largest number of plans that an adapter keeps. Plans are kept because writing a text takes longer than the call.
MOST_PLANS = 4096


class Torch:
    """PyTorch in one mode on one device; axes are permuted, because torch has no layout parameter."""

    framework = "torch"
    requires = ("torch",)
    differentiates = True
    differentiates_twice = True
    modes: Mapping[str, str] = {
        "": "torch.nn.functional, torch's own defaults",
        "layer": "the layers of torch.nn",
        "compile": "torch.compile of the functions, one graph for each call",
        "autocast": "the functions under torch.autocast to bfloat16",
        "nn-grad": "the gradients of torch.nn.grad, for functions without a bias",
        **{name: setting.sentence for name, setting in SETTINGS.items()},
    }

    def __init__(self, target: Target) -> None:
        """Import torch and set the setting of the mode; raises Unavailable if mode or device does not exist."""
        import torch

        if target.mode not in self.modes:
            raise Unavailable(f"torch has no mode {target.mode!r}; it has {', '.join(filter(None, self.modes))}")
        self.torch = torch
        self.version = torch.__version__
        self.device = "cuda" if target.device == "gpu" else target.device
        if target.mode in SETTINGS:
            pin(torch, target.mode, self.device)
        self._check_device()
        self.surface = SURFACES[target.mode](torch, self.device)
        self._inference = inference(torch, self.surface)
        self._way = gradients.differentiation(torch, self.surface)
        self.limits: Sequence[Limit] = (*LIMITS, *self.surface.limits)
        self.result_dtypes: Mapping[str, str] = self.surface.result_dtypes
        self.settings = settings(torch, self.device)
        self.precision = documented(torch, self.device)
        self._plans: dict[Any, Plan] = {}

    def _check_device(self) -> None:
        try:
            self.torch.empty(1, device=self.device)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"torch {self.version} has no device {self.device!r} here: {reason}") from error

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return the closure that creates the tensors, runs the call in torch and fetches the result."""
        plan, written = self._planned(call)
        placed = parameters.place(call, plan)
        sent = [parameters.place_cotangent(call)] if call.gradients else []
        sent += parameters.place_directions(call, plan) if call.second_order else []

        def run() -> Outputs:
            tensors = self._tensors(placed)
            if call.bias is None:
                tensors.append(None)
            if sent:
                return Outputs(self._differentiated(call, plan, tensors, *self._tensors(sent)), composed=len(plan) > 1)
            found = {"output": self.surface.compute(call, plan, tensors)}
            if call.variation.shape_inference:
                stated = self._inference.infer(call, plan, tensors)
                found["inference"] = ask(self.torch.zeros, stated.shape, dtype=stated.dtype)
            arrays = {name: ask(fetched, self.torch, each) for name, each in found.items()}
            delivered = {name: call.deliver(array, "NC" + call.spatial) for name, array in arrays.items()}
            return Outputs(delivered, composed=len(plan) > 1)

        return Prepared(run, written)

    def _tensors(self, placed: Sequence[tuple[Array, str]]) -> list[Any]:
        return [ask(tensor, self.torch, array, dtype, self.device) for array, dtype in placed]

    def _differentiated(
        self, call: Call, plan: Sequence[parameters.Step], tensors: Sequence[Any], cotangent: Any, *directions: Any
    ) -> dict[str, Array]:
        """Return the output and the gradients, in the layouts of the call."""
        leaves = self._way.leaves(call, plan, tensors)
        if COTANGENT in call.second_order:
            cotangent = ask(cotangent.requires_grad_)
        output = self.surface.compute(call, plan, leaves)
        once = self._way.gradients(call, plan, leaves, output, cotangent)
        found = {("gradient", name): once[name] for name in call.gradients}
        if call.second_order:
            assert isinstance(self._way, gradients.Autograd)  # a limit excludes second order for torch.nn.grad
            twice = self._way.gradients_again(call, plan, leaves, once, cotangent, directions)
            found |= {("second", name): each for name, each in twice.items()}
        letters, home = gradients.letters(call, plan), call.bring_home
        arrays = {place: ask(fetched, self.torch, each) for place, each in found.items()}
        homes = {f"{order}.{name}": home(name, array, letters[name]) for (order, name), array in arrays.items()}
        return {"output": call.deliver(ask(fetched, self.torch, output), "NC" + call.spatial), **homes}

    def _planned(self, call: Call) -> Plan:
        form = call.form
        if form not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[form] = self._plan(call)
        return self._plans[form]

    def _plan(self, call: Call) -> Plan:
        plan = parameters.steps(call)
        tensors = text.tensors(call, plan, self.device)
        if call.gradients:
            return plan, self._way.write(call, plan, tensors[: len(plan) + 2], self.device)
        computed = self.surface.write(call, plan, tensors)
        written = text.fetched(call, computed, self.result_dtypes.get(call.dtype.input, call.dtype.input))
        inferred = self._inference.write(call, plan, tensors) if call.variation.shape_inference else ""
        return plan, f"({inferred}, {written})" if inferred else written
