"""
Calls whose results are rounded, right results of them in many orders of summation, and wrong ones of many kinds.

Everything is drawn from a seed. A right result sums the exact products in float32 (float64 for that dtype), in an order
that does not look at the data, and is rounded once to the output's dtype; a wrong one has one of `FAULTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from conv_conformance import Call
from conv_conformance.core.call import PerArray
from conv_conformance.core.dtypes import FORMATS, numpy_type
from conv_conformance.core.storage import Array
from conv_conformance.reference.exact.array import exact
from conv_conformance.reference.exact.rounding import rounded, shortened
from conv_conformance.reference.first.forward import input_of, kernel_of, layers_of
from conv_conformance.reference.first.sequential_sum import stepwise

KINDS = ("gaussian", "positive", "cancelling", "wide", "sparse")
DTYPES = ("float32", "float32", "float32", "bfloat16", "float16", "float64")
OPS = ("conv", "conv", "conv_transpose", "depthwise_conv")
#: Up to so many products, so that all of them can be held.
MOST = 600_000
AXES = ("W", "HW", "DHW")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A call with the kind of its data, and its exact products, (K, outputs) in the order of taps and channels."""

    call: Call
    kind: str
    products: Array

    @property
    def dtype(self) -> str:
        """The dtype of the output."""
        return str(self.call.dtype.output)

    @property
    def accumulator(self) -> str:
        """The dtype of sums."""
        return "float64" if self.dtype == "float64" else "float32"

    @property
    def outputs(self) -> int:
        """How many outputs there are."""
        return int(self.products.shape[1])

    def delivered(self, sums: Array) -> Array:
        """Return sums as the output, rounded to its dtype."""
        with np.errstate(over="ignore", invalid="ignore"):
            flat = sums.astype(np.float64).reshape(shape_of(self.call))
            return self.call.deliver(_to(flat, self.dtype), f"N{self.call.spatial}C")


def shape_of(call: Call) -> tuple[int, ...]:
    """Return the shape of an output with its axes in the order batch, space, channels."""
    (layer,) = layers_of(call)
    x, w = layer.split(input_of(call)), kernel_of(call, layer)
    return layer.join(layer.sums.finished(layer.sums.zeros(x, w))).shape


def products(call: Call) -> Array:
    """Return the exact products (K, outputs) of a call of one stage as float64, 0 where a tap reads nothing."""
    (layer,) = layers_of(call)
    x = layer.split(input_of(call).astype(np.float64))
    w = kernel_of(call, layer).astype(np.float64)
    found = []
    for step in layer.sums.steps():
        for channel in range(x.shape[-1]):
            y = layer.sums.zeros(x, w)
            weights = np.expand_dims(w[step.tap][:, channel], tuple(range(1, x.ndim - 1)))
            y[step.added] += x[..., channel : channel + 1][step.read] * weights
            found.append(layer.join(layer.sums.finished(y)).reshape(-1))
    return np.array(found)


def drawn(seed: int, count: int, *, fewest: int = 1) -> Iterator[Drawn]:
    """Yield calls of every op, rank, dtype and kind of data, with `fewest` outputs at least."""
    draw = np.random.default_rng(seed)
    made = 0
    while made < count:
        call, kind = _call(draw)
        shape = shape_of(call)
        outputs, terms = int(np.prod(shape)), _terms(call)
        if outputs < fewest or outputs * terms > MOST or outputs == 0:
            continue
        made += 1
        yield Drawn(call=call, kind=kind, products=products(call))


def _terms(call: Call) -> int:
    (layer,) = layers_of(call)
    return int(kernel_of(call, layer)[0, ..., 0].size)


def _call(draw: np.random.Generator) -> tuple[Call, str]:
    op, rank = str(draw.choice(OPS)), int(draw.integers(1, 4))
    dtype, kind = str(draw.choice(DTYPES)), str(draw.choice(KINDS, p=(0.4, 0.2, 0.15, 0.15, 0.1)))
    axes = AXES[rank - 1]
    channels, filters = (int(draw.choice([1, 2, 3, 8, 16, 17, 64, 256])) for _ in range(2))
    taps = [int(draw.choice([1, 2, 3, 5] if rank > 1 else [1, 3, 7, 31])) for _ in axes]
    stride = 1 if min(taps) == 1 and op == "conv_transpose" else int(draw.choice([1, 1, 2]))
    stride = min(stride, *taps) if op == "conv_transpose" else stride
    places = [int(draw.choice([1, 2, 3, 5, 9] if rank > 1 else [1, 4, 17, 60])) for _ in axes]
    lengths = places if op == "conv_transpose" else [k + (n - 1) * stride for k, n in zip(taps, places, strict=True)]
    batch = int(draw.choice([1, 3, 4, 16]))
    kernel = (*taps, channels, int(draw.choice([1, 2]))) if op == "depthwise_conv" else (*taps, channels, filters)
    letters = f"{axes}CM" if op == "depthwise_conv" else f"{axes}IO"
    x, w = _data(draw, kind, (batch, *lengths, channels), kernel)
    call = Call(
        op=op,
        input=_to(x, dtype),
        kernel=_to(w, dtype),
        layout=PerArray(input=f"N{axes}C", kernel=letters, output=f"N{axes}C"),
        dtype=PerArray(input=dtype, kernel=dtype, output=dtype),
        strides=(stride,) * rank,
        dilations=(1,) * rank,
        input_dilations=(1,) * rank,
        output_padding=(0,) * rank,
    )
    return call, kind


def _data(draw: np.random.Generator, kind: str, shape: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[Array, Array]:
    x, w = draw.normal(size=shape), draw.normal(size=kernel) / 8
    if kind == "positive":
        x, w = np.abs(x), np.abs(w)
    if kind == "wide":
        x *= 2.0 ** draw.integers(-6, 7, shape)
        w *= 2.0 ** draw.integers(-6, 7, kernel)
    if kind == "sparse":
        x *= draw.random(shape) < 0.1
    if kind == "cancelling":
        half = shape[-1] // 2
        x[..., half : 2 * half] = x[..., :half]
        w[..., half : 2 * half, :] = -w[..., :half, :] * (1 + 2.0**-6 * draw.normal(size=w[..., :half, :].shape))
    return x, w


def _to(values: Array, dtype: str) -> Array:
    """Return float64 values rounded once to a dtype."""
    return rounded(exact(values), dtype)


# Right results


def orders(it: Drawn, draw: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """Yield right outputs of a call, by the name of the order in which their products were summed."""
    kind = numpy_type(it.accumulator)
    exact = it.products
    rounded = exact.astype(kind)
    yield "natural", it.delivered(_loop(rounded))
    yield "reversed", it.delivered(_loop(rounded[::-1]))
    for number in range(3):
        yield f"random {number}", it.delivered(_loop(rounded[draw.permutation(len(rounded))]))
    yield "pairwise", it.delivered(_pairwise(rounded))
    for lanes in (4, 8, 16, 64):
        yield f"in {lanes} lanes", it.delivered(_pairwise(_lanes(rounded, lanes)))
    for block in (8, 32, 256):
        yield f"in blocks of {block}", it.delivered(_loop(_blocks(rounded, block)))
    yield "compensated", it.delivered(_compensated(rounded))
    yield "fused", it.delivered(_fused(exact, kind))
    yield "in float64", it.delivered(exact.sum(0))
    yield "random tree", it.delivered(_tree(rounded, draw))


def _loop(terms: Array) -> Array:
    total = np.zeros(terms.shape[1:], terms.dtype)
    for term in terms:
        total = total + term
    return total


def _pairwise(terms: Array) -> Array:
    while len(terms) > 1:
        even = len(terms) // 2 * 2
        paired = terms[0:even:2] + terms[1:even:2]
        terms = np.concatenate([paired, terms[even:]])
    return terms[0]


def _lanes(terms: Array, lanes: int) -> Array:
    return np.array([_loop(terms[lane::lanes]) for lane in range(min(lanes, len(terms)))])


def _blocks(terms: Array, block: int) -> Array:
    return np.array([_loop(terms[start : start + block]) for start in range(0, len(terms), block)])


def _compensated(terms: Array) -> Array:
    total, lost = np.zeros(terms.shape[1:], terms.dtype), np.zeros(terms.shape[1:], terms.dtype)
    for term in terms:
        corrected = term - lost
        after = total + corrected
        lost, total = (after - total) - corrected, after
    return total


def _fused(exact: Array, kind: np.dtype[np.floating]) -> Array:
    total = np.zeros(exact.shape[1:], np.float64)
    for term in exact:
        total = (total + term).astype(kind).astype(np.float64)
    return total


def _tree(terms: Array, draw: np.random.Generator) -> Array:
    left = list(terms)
    while len(left) > 1:
        one, other = sorted(draw.choice(len(left), 2, replace=False))
        left[one] = left[one] + left.pop(other)
    return left[0]


# Wrong results

Wrong = Callable[[Drawn, np.random.Generator], "Array | None"]


def _operands(rounding: Callable[[Array], Array], *names: str) -> Wrong:
    def wrong(it: Drawn, _: np.random.Generator) -> Array | None:
        if it.dtype not in ("float32", "float64"):
            return None
        changed = {name: rounding(getattr(it.call, name).astype(np.float64)) for name in names}
        call = replace(it.call, **{name: values.astype(numpy_type(it.dtype)) for name, values in changed.items()})
        return it.delivered(_pairwise(products(call).astype(numpy_type(it.accumulator))))

    return wrong


def _cut(bits: int) -> Callable[[Array], Array]:
    def cut(values: Array) -> Array:
        exponents = np.frexp(values)[1] - bits
        return np.ldexp(np.trunc(np.ldexp(values, -exponents)), exponents)

    return cut


def _accumulated(dtype: str, block: int = 1) -> Wrong:
    def wrong(it: Drawn, _: np.random.Generator) -> Array | None:
        if FORMATS[dtype].bits >= FORMATS[it.accumulator].bits or len(it.products) < 8:
            return None
        kind = numpy_type(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            terms = it.products.astype(np.float32) if block == 1 else _blocks(it.products.astype(np.float32), block)
            total = np.zeros(terms.shape[1:], np.float64)
            for term in terms:
                total = (total + term).astype(kind).astype(np.float64)
        return it.delivered(total)

    return wrong


def _returned(dtype: str) -> Wrong:
    def wrong(it: Drawn, _: np.random.Generator) -> Array | None:
        if FORMATS[dtype].bits >= FORMATS[it.dtype].bits:
            return None
        with np.errstate(over="ignore"):
            return it.delivered(_to(_pairwise(it.products.astype(numpy_type(it.accumulator))), dtype))

    return wrong


def _weighted(weight: Callable[[int, np.random.Generator], Mapping[int, float]]) -> Wrong:
    def wrong(it: Drawn, draw: np.random.Generator) -> Array | None:
        if len(it.products) < 2:
            return None
        terms = it.products.copy()
        for at, factor in weight(len(terms), draw).items():
            terms[at] *= factor
        return it.delivered(_pairwise(terms.astype(numpy_type(it.accumulator))))

    return wrong


def _swapped(it: Drawn, draw: np.random.Generator) -> Array | None:
    w = it.call.kernel
    taps = w.shape[0]
    if w is None or taps < 2:
        return None
    order = np.arange(taps)
    order[[0, taps - 1]] = order[[taps - 1, 0]]
    call = replace(it.call, kernel=np.ascontiguousarray(w[order]))
    return it.delivered(_pairwise(products(call).astype(numpy_type(it.accumulator))))


def _last_channel(it: Drawn, _: np.random.Generator) -> Array | None:
    channels = it.call.input.shape[-1]
    if it.call.op == "depthwise_conv" or channels < 2:
        return None
    terms = it.products.copy()
    terms[channels - 1 :: channels] = 0
    return it.delivered(_pairwise(terms.astype(numpy_type(it.accumulator))))


def _one_element(it: Drawn, draw: np.random.Generator) -> Array | None:
    if it.dtype not in ("float32", "float64"):
        return None
    sums = it.products.sum(0)
    at = int(draw.integers(sums.size))
    sums[at] += 1e-3 * np.abs(it.products[:, at]).sum()
    return it.delivered(sums)


FAULTS: Mapping[str, Wrong] = {
    "tf32-inputs": _operands(lambda values: shortened(values, 11), "input", "kernel"),
    "tf32-inputs-cut": _operands(_cut(11), "input", "kernel"),
    "bfloat16-inputs": _operands(lambda values: shortened(values, 8), "input", "kernel"),
    "bfloat16-kernel": _operands(lambda values: shortened(values, 8), "kernel"),
    "float16-inputs": _operands(lambda values: values.astype(np.float16).astype(np.float64), "input", "kernel"),
    "sixteen-bit-inputs": _operands(lambda values: shortened(values, 16), "input", "kernel"),
    "float16-sums": _accumulated("float16"),
    "bfloat16-sums": _accumulated("bfloat16"),
    "bfloat16-sums-of-blocks": _accumulated("bfloat16", 16),
    "float16-output": _returned("float16"),
    "bfloat16-output": _returned("bfloat16"),
    "tap-dropped": _weighted(lambda count, draw: {int(draw.integers(count)): 0.0}),
    "tap-doubled": _weighted(lambda count, draw: {int(draw.integers(count)): 2.0}),
    "tap-negated": _weighted(lambda count, draw: {int(draw.integers(count)): -1.0}),
    "taps-swapped": _swapped,
    "last-channel-missing": _last_channel,
    "one-element-off": _one_element,
}


def wrong(it: Drawn, draw: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """Yield wrong outputs of a call by their faults, where the call can have them."""
    for name, make in FAULTS.items():
        found = make(it, draw)
        if found is not None:
            yield name, found


def stepwise_orders(it: Drawn) -> Iterator[Array]:
    """Yield the outputs of eight plain loops: what a result must be worse than, to be told from right ones."""
    for number, order in enumerate(("natural", "reversed", *["random"] * 6)):
        yield it.delivered(_arranged(it.call, stepwise(it.call, it.accumulator, order, seed=100 + number)))


def _arranged(call: Call, sums: Array) -> Array:
    letters = call.layout.output or call.layout.input
    return sums.transpose([letters.index(letter) for letter in f"N{call.spatial}C"])
