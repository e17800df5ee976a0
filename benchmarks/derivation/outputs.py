"""The output of a call and its gradients, from the arrays as a case describes them, rounded once at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from . import geometry
from .arrays import Array, build
from .dtypes import PARTS, Number, flushed, python, rounded, to_bits
from .sums import Stage, Value, minus, plus, product, value

#: An element of a result: an integer, a float, or the two parts of a complex number.
Element: TypeAlias = "int | float | tuple[float, float]"

TAPS_REVERSED = "taps-reversed"
#: The alternatives of clauses that change the numbers, beside those of the geometry and of special values.
BITS = {"eight-bits": 8, "eleven-bits": 11}


@dataclass(frozen=True, kw_only=True)
class Elements:
    """An array that was derived: its sizes by letter in canonical order, its dtype, its elements flat in this order."""

    sizes: Mapping[str, int]
    dtype: str
    elements: list[Element]


@dataclass(frozen=True, kw_only=True)
class Result:
    """An output, the gradients by array, and the second-order gradients by `cotangent`, `input` and `kernel`."""

    output: Elements
    gradients: Mapping[str, Elements] = field(default_factory=dict)
    second_order: Mapping[str, Elements] = field(default_factory=dict)


class Call:
    """
    A call of a case: its arrays and its stages.

    `alternatives` has names of alternatives of implementation-defined clauses; `fault` names a deliberate error of this
    derivation. ValueError if the call is not one that has an output.
    """

    def __init__(self, said: Mapping[str, Any], alternatives: frozenset[str] = frozenset(), fault: str = "") -> None:
        self.said, self.alternatives, self.fault = said, alternatives, fault
        self.op = said["op"]
        self.layout = {"output": said["layout"]["input"], "bias": "O", **said["layout"]}
        self.kernels = [name for name in ("kernel", "depthwise_kernel", "pointwise_kernel") if name in said]
        self.arrays = {name: self.array(said[name], name) for name in ("input", *self.kernels, "bias") if name in said}
        self.letters = [a for a in "DHW" if a in self.layout["input"]]
        self.lengths = [self.arrays["input"].sizes[a] for a in self.letters]
        self.samples, self.channels = (self.arrays["input"].sizes[a] for a in "NC")
        self.before = geometry.pairs(said.get("before", {"pad": 0})["pad"], len(self.lengths))
        self.stages = self._stages()

    def dtype(self, name: str) -> str:
        """Return the dtype of an array; without one of its own it has the dtype of the input (DTYPE-1)."""
        said = self.said.get("dtype", "float32")
        return str(said if isinstance(said, str) else said.get(name, said["input"]))

    def array(self, spec: Any, name: str) -> Array:
        """Return an array with the layout and the dtype of the array `name`."""
        return build(spec, self.layout[name], self.dtype(name), self.fault)

    @property
    def padded(self) -> list[int]:
        """The lengths of the input after the padding step ahead of the call."""
        return [max(w + low + high, 0) for w, (low, high) in zip(self.lengths, self.before, strict=True)]

    def _stages(self) -> list[Stage]:
        first = self.arrays[self.kernels[0]].sizes
        taps = [first[a] for a in self.letters]
        along = [self._reads(axis) for axis in geometry.axes(self.said, self.padded, taps)]
        self.counts = [len(reads) for reads in along]
        reads = geometry.joined(along, self.padded, taps)
        kind = {"conv_transpose": "transposed", "conv": "conv"}.get(self.op, "depthwise")
        groups = self.channels if kind == "depthwise" else self.said.get("groups", 1)
        rows, columns = first["C" if kind == "depthwise" else "I"], first["M" if kind == "depthwise" else "O"]
        stages = [
            Stage(
                reads=reads,
                samples=self.samples,
                positions=math.prod(self.padded),
                taps=math.prod(taps),
                channels=self.channels,
                groups=groups,
                filters=columns // groups if kind == "conv" else columns,
                rows=rows,
                columns=columns,
                kind=kind,
            )
        ]
        if self.op == "separable_conv":
            stages.append(self._pointwise(stages[0]))
        return stages

    def _pointwise(self, first: Stage) -> Stage:
        """Return the second stage of a separable convolution: one tap, stride 1, no padding (SEPARABLE-1)."""
        sizes = self.arrays["pointwise_kernel"].sizes
        return Stage(
            reads=[[(0, p)] for p in range(len(first.reads))],
            samples=self.samples,
            positions=len(first.reads),
            taps=1,
            channels=first.outputs,
            groups=1,
            filters=sizes["O"],
            rows=sizes["I"],
            columns=sizes["O"],
            kind="conv",
        )

    def _reads(self, axis: geometry.Axis) -> geometry.Reads:
        if self.op == "conv_transpose":
            reads = geometry.transposed(axis, self.alternatives, self.fault)
        else:
            reads = geometry.forward(axis, self.fault)
        if self.fault == TAPS_REVERSED:
            return [[(axis.taps - 1 - k, q) for k, q in here] for here in reads]
        return reads

    def products(self) -> int:
        """Return the number of products of the output."""
        return sum(stage.samples * sum(map(len, stage.reads)) * stage.filters * stage.channels for stage in self.stages)

    def output_sizes(self) -> dict[str, int]:
        """Return the sizes of the output by letter, in canonical order."""
        lengths = dict(zip(self.letters, self.counts, strict=True))
        return {"N": self.samples, **lengths, "C": self.stages[-1].outputs}

    def parts(self, array: Array, name: str) -> list[Value]:
        """Return the real part of an array, and the imaginary part of a complex one, as the alternative reads them."""
        return [value([self._operand(number, name, array.real) for number in part]) for part in array.parts]

    def _operand(self, number: Number, name: str, dtype: str) -> Number:
        if "flushed" in self.alternatives:
            number = flushed(number, dtype)
        if name == "bias":
            return number
        for alternative, bits in BITS.items():
            if alternative in self.alternatives:
                number = to_bits(number, bits)
        return rounded(number, "float16") if "float16" in self.alternatives else number

    def input_parts(self, array: Array) -> list[Value]:
        """Return the parts of an input after the padding step ahead of the call."""
        return [self._moved(part) for part in self.parts(array, "input")]

    def _places(self) -> list[int | None]:
        """Return for each position of the padded input the position of the input, or None for a zero."""
        found: list[int | None] = [0]
        for length, count, (low, _) in zip(self.lengths, self.padded, self.before, strict=True):
            along = [q - low if 0 <= q - low < length else None for q in range(count)]
            found = [None if a is None or b is None else a * length + b for a in found for b in along]
        return found

    def _moved(self, part: Value) -> Value:
        if not any(map(any, self.before)):
            return part
        integers, kinds, c, whole = [], {}, self.channels, math.prod(self.lengths)
        for n in range(self.samples):
            for place in self._places():
                for channel in range(c):
                    old = None if place is None else (n * whole + place) * c + channel
                    if old is not None and old in part.kinds:
                        kinds[len(integers)] = part.kinds[old]
                    integers.append(0 if old is None else part.integers[old])
        return Value(integers, part.exponent, kinds)

    def moved_back(self, part: Value) -> Value:
        """Return the gradient of the input ahead of the padding step; what it crops has a gradient of zero."""
        if not any(map(any, self.before)):
            return part
        c, whole = self.channels, math.prod(self.lengths)
        integers, kinds = [0] * (self.samples * whole * c), {}
        places = self._places()
        for n in range(self.samples):
            for place, old in enumerate(places):
                for channel in range(c) if old is not None else ():
                    here, there = (n * len(places) + place) * c + channel, (n * whole + (old or 0)) * c + channel
                    integers[there] = part.integers[here]
                    if here in part.kinds:
                        kinds[there] = part.kinds[here]
        return Value(integers, part.exponent, kinds)

    def result(self, parts: Sequence[Value], sizes: Mapping[str, int], dtype: str) -> Elements:
        """Return exact values rounded once to a dtype."""
        real = PARTS.get(dtype, dtype)
        columns = [[self._final(number, real) for number in part.numbers()] for part in parts]
        elements: list[Element] = list(zip(*columns, strict=True)) if dtype in PARTS else columns[0]  # type: ignore[arg-type]
        return Elements(sizes=sizes, dtype=dtype, elements=elements)

    def _final(self, number: Number, dtype: str) -> int | float:
        found = rounded(number, dtype)
        return python(flushed(found, dtype) if "flushed" in self.alternatives else found, dtype)


def derive(
    said: Mapping[str, Any],
    expect: Mapping[str, Any] | None = None,
    alternatives: frozenset[str] = frozenset(),
    fault: str = "",
) -> Result:
    """
    Return the output of a call and the gradients that its expectation requests.

    `said` holds the keys of the call; `expect` those of the expectation, of which only `gradients`, `second_order` and
    `compare` are read, and of these no expected number.
    """
    expect = expect or {}
    call = Call(said, alternatives, fault)
    is_signed = expect.get("compare") == "signed-zero"
    weights = [call.parts(call.arrays[name], name) for name in call.kernels]
    inputs = [call.input_parts(call.arrays["input"])]
    for stage, weight in zip(call.stages, weights, strict=True):
        inputs.append(_complex(_function(call, stage.forward, is_signed=is_signed), inputs[-1], weight))
    total = inputs.pop()
    if "bias" in call.arrays:
        spread = _spread(call, call.parts(call.arrays["bias"], "bias"))
        total = [plus(*both, zero_start=not is_signed) for both in zip(total, spread, strict=False)] + total[
            len(spread) :
        ]
    if is_signed and "zero-start" in alternatives:
        total = [Value(t.integers, t.exponent, {k: v for k, v in t.kinds.items() if v != "-0"}) for t in total]
    output = call.result(total, call.output_sizes(), call.dtype("output"))
    if "gradients" not in expect:
        return Result(output=output)
    cotangent = call.array(expect["gradients"]["cotangent"], "output")
    wanted = [name for name in expect["gradients"] if name != "cotangent"]
    second = expect.get("second_order")
    return Result(
        output=output,
        gradients=_gradients(call, inputs, weights, cotangent, wanted),
        second_order=_second_order(call, inputs[0], weights[0], cotangent, second) if second else {},
    )


def _function(call: Call, function: Any, *, is_signed: bool = False) -> Callable[[Value, Value], Value]:
    """Return a bilinear map of values; the clauses NAN-3 and NAN-5 say whether inserted zeros are multiplied."""
    if call.op == "conv_transpose":
        multiplied = "multiplied" in call.alternatives
    else:
        multiplied = "skipped" not in call.alternatives
    return lambda one, other: product(function, one, other, multiplied=multiplied, signed_zero=is_signed)


def _complex(function: Callable[[Value, Value], Value], one: Sequence[Value], other: Sequence[Value]) -> list[Value]:
    """Return a bilinear map of complex factors by their parts; neither is conjugated (COMPLEX-1)."""
    if len(one) == 1 or len(other) == 1:
        return [function(a, b) for a in one for b in other]
    (a, b), (c, d) = one, other
    return [plus(function(a, c), minus(function(b, d))), plus(function(a, d), function(b, c))]


def _spread(call: Call, parts: Sequence[Value]) -> list[Value]:
    """Return a bias repeated over samples and positions."""
    times, width = call.samples * math.prod(call.counts), call.stages[-1].outputs
    return [
        Value(
            part.integers * times,
            part.exponent,
            {n * width + o: kind for o, kind in part.kinds.items() for n in range(times)},
        )
        for part in parts
    ]


def _gradients(
    call: Call,
    inputs: Sequence[Sequence[Value]],
    weights: Sequence[Sequence[Value]],
    cotangent: Array,
    wanted: list[str],
) -> dict[str, Elements]:
    """Return the gradients of <cotangent, output>; those of a separable convolution pass its stages in reverse."""
    (g,) = call.parts(cotangent, "cotangent")
    found: dict[str, Value] = {}
    if "bias" in wanted:
        width = call.stages[-1].outputs
        sums = [sum(g.integers[o::width]) for o in range(width)]
        found["bias"] = Value(sums, g.exponent)
    for stage, name, (x,), (w,) in reversed(list(zip(call.stages, call.kernels, inputs, weights, strict=True))):
        found[name] = _function(call, stage.by_kernel)(g, x)
        g = _function(call, stage.by_input)(g, w)
    found["input"] = call.moved_back(g)
    return {name: call.result([found[name]], call.arrays[name].sizes, call.dtype(name)) for name in wanted}


def _second_order(
    call: Call, inputs: Sequence[Value], weights: Sequence[Value], cotangent: Array, said: Mapping[str, Any]
) -> dict[str, Elements]:
    """Return the gradients of H = <dx, u> + <dw, v> + <db, t> (GRAD-13, GRAD-14)."""
    (stage,) = call.stages
    (g,) = call.parts(cotangent, "cotangent")
    (x,), (w,) = inputs, weights
    (u,) = call.input_parts(call.array(said["input"], "input"))
    (v,) = call.parts(call.array(said["kernel"], "kernel"), "kernel")
    wanted = said["expect"]
    found = {}
    if "cotangent" in wanted:
        forward = _function(call, stage.forward)
        total = plus(forward(u, w), forward(x, v))
        if "bias" in said:
            (t,) = _spread(call, call.parts(call.array(said["bias"], "bias"), "bias"))
            total = plus(total, t)
        found["cotangent"] = call.result([total], call.output_sizes(), call.dtype("output"))
    if "input" in wanted:
        dx = call.moved_back(_function(call, stage.by_input)(g, v))
        found["input"] = call.result([dx], call.arrays["input"].sizes, call.dtype("input"))
    if "kernel" in wanted:
        dw = _function(call, stage.by_kernel)(g, u)
        found["kernel"] = call.result([dw], call.arrays["kernel"].sizes, call.dtype("kernel"))
    return found
