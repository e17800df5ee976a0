"""
PyTorch's functions under `torch.compile`, as a surface of the torch target.

Each call must compile exactly one graph. Graphs are counted, because torch.compile may fall back to eager without a
warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np

from ...core import Call, Limit, Unavailable, ask
from ..shared import Kept
from . import parameters, text
from .functional import extended
from .limits import NO_PADDING_MODE, ONCE, OPEN, SPECIALISED
from .parameters import Step
from .tensors import tensor


class Counted:
    """A torch.compile backend for one call; it counts graphs, and keeps the inferred result of the last graph."""

    def __init__(self, compiler: Callable[[Any, Any], Any]) -> None:
        """Wrap a compiler of graphs."""
        self._compiler = compiler
        self.graphs = 0
        self.stated: Any = None

    def __call__(self, graph: Any, inputs: Any) -> Any:
        """Return the compiled graph."""
        self.graphs += 1
        *_, last = graph.graph.nodes
        self.stated = last.args[0][0].meta["example_value"]
        return self._compiler(graph, inputs)


class Compiled:
    """`before`, convolutions and bias in one graph, which is compiled again for every call."""

    limits: Sequence[Limit] = (NO_PADDING_MODE, SPECIALISED, OPEN, ONCE)
    result_dtypes: Mapping[str, str] = {}

    def __init__(self, torch: Any, device: str) -> None:
        """Create the surface; raises Unavailable if torch finds no C++ compiler."""
        self._torch = torch
        self._device = device
        self._inductor = _inductor(torch)
        self.graphs = 0
        #: A tensor with the shape and dtype that the last graph infers for its result.
        self.stated: Any = None
        #: The call that several threads run concurrently, its compiled function and its backend.
        self._shared: tuple[Call, Callable[..., Any], Counted] | None = None
        self._trained = Kept()
        self._compiling = Lock()

    def compute(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> Any:
        """
        Return the result for `tensors`: the input, the kernels, and the bias or None.

        Raises:
            RuntimeError: if torch compiled no graph, or more than one graph.

        """
        if call.variation.threads > 1:
            run, counted = self._once(call, plan, tensors)
        elif call.training is not None:
            run, counted = self._trained.of(call.form, lambda: self._compile(call, plan, tensors))
        else:
            run, counted = self._compile(call, plan, tensors)
        if call.variation.dynamic_shape:
            run(ask(self._larger, call), *tensors[1:])
        result = run(*tensors)
        self.graphs, self.stated = counted.graphs, counted.stated
        if counted.graphs != 1:
            raise RuntimeError(f"torch.compile made {counted.graphs} graphs, expected 1")
        return result

    def _once(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> tuple[Callable[..., Any], Counted]:
        """Compile and run the call in one thread only, because torch may crash if two threads compile concurrently."""
        with self._compiling:
            if self._shared is None or self._shared[0] is not call:
                run, counted = self._compile(call, plan, tensors)
                run(*tensors)
                self._shared = call, run, counted
            return self._shared[1:]

    def _compile(self, call: Call, plan: Sequence[Step], tensors: Sequence[Any]) -> tuple[Callable[..., Any], Counted]:
        self._torch.compiler.reset()
        counted = Counted(self._inductor)
        function = _function(self._torch, call, plan)
        dynamic = None if call.variation.dynamic_shape else False
        options = {"fullgraph": True, "dynamic": dynamic, "backend": counted}
        if call.variation.kernel_constant:
            compiled = self._torch.compile(lambda x: function(x, *tensors[1:]), **options)
            return lambda x, *_: ask(compiled, x), counted
        compiled = self._torch.compile(function, **options)
        return lambda *given: ask(compiled, *given), counted

    def _larger(self, call: Call) -> Any:
        placed = replace(call, input=np.pad(call.input, _growth(call), "edge")).place("input", "NC" + call.spatial)
        larger = tensor(self._torch, placed, call.dtype.input, self._device)
        self._torch._dynamo.mark_dynamic(larger, list(range(2, larger.ndim)))
        return larger

    def write(self, call: Call, plan: Sequence[Step], operands: Sequence[str]) -> str:
        """Return the Python text of `compute`; `operands` are the texts of its tensors."""
        first, *others = operands
        function, arguments = _written(call, plan), f", {', '.join(others)}"
        if call.variation.kernel_constant:
            function, arguments = f"(lambda {', '.join(_names(plan))}: {function})({', '.join(others)})", ""
        if not call.variation.dynamic_shape:
            return f"torch.compile({function}, fullgraph=True, dynamic=False)({first}{arguments})"
        larger = f"x := {first.replace('input', f'numpy.pad(input, {_growth(call)}, {chr(39)}edge{chr(39)})', 1)}"
        marked = f"torch._dynamo.mark_dynamic(x, {list(range(2, 2 + call.rank))})"
        compiled = f"f := torch.compile({function}, fullgraph=True)"
        return f"({larger}, {marked}, {compiled}, f(x{arguments}), f({first}{arguments}))[-1]"


def _growth(call: Call) -> tuple[tuple[int, int], ...]:
    """Return the `pad_width` of `numpy.pad` that adds one element to each spatial axis of the input."""
    return tuple((0, int(letter in call.spatial)) for letter in call.layout.input)


def _function(torch: Any, call: Call, plan: Sequence[Step]) -> Callable[..., Any]:
    """
    Return the function to compile; everything except its tensors is constant.

    For `inside_graph`, the convolution is part of a larger graph: two negations precede it, and two follow.
    """
    functional, pads, cuts = torch.nn.functional, parameters.pads(call), parameters.cuts(call)
    convolutions = [(getattr(functional, step.name), dict(step.keywords)) for step in plan]

    def compute(x: Any, *operands: Any) -> Any:
        *kernels, bias = operands
        if pads:
            x = extended(functional, x, pads, cuts)
        for n, (convolve, keywords) in enumerate(convolutions):
            x = convolve(x, kernels[n], bias if n == len(kernels) - 1 else None, **keywords)
        return x

    def compute_inside(x: Any, *operands: Any) -> Any:
        return torch.neg(torch.neg(compute(torch.neg(torch.neg(x)), *operands)))

    return compute_inside if call.variation.inside_graph else compute


def _names(plan: Sequence[Step]) -> list[str]:
    return [*(step.kernel for step in plan), "bias"]


def _written(call: Call, plan: Sequence[Step]) -> str:
    twice = "torch.neg(torch.neg({}))" if call.variation.inside_graph else "{}"
    body = text.expression(call, plan, [twice.format("input"), *_names(plan)], text.functional)
    arguments = ["input"] if call.variation.kernel_constant else ["input", *_names(plan)]
    return f"lambda {', '.join(arguments)}: {twice.format(body)}"


def _inductor(torch: Any) -> Callable[[Any, Any], Any]:
    """Return inductor, torch's default compiler, which needs a C++ compiler on this machine."""
    from torch._inductor import config
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception as error:
        raise Unavailable(f"torch+compile needs a C++ compiler: {str(error).partition(chr(10))[0]}") from error
    # With more threads inductor starts compile processes, which would outlive a killed worker.
    config.compile_threads = 1
    compiler: Callable[[Any, Any], Any] = torch._dynamo.lookup_backend("inductor")
    return compiler
