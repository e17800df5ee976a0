"""Calls drawn at random, every feature of the format among them, small enough to be summed term by term."""

from __future__ import annotations

import numpy as np
from conv_conformance.core import SWITCHES
from conv_conformance.core.call import Call, PerArray
from conv_conformance.core.dtypes import COMPLEX, FLOATS, INTEGERS, is_complex, is_integer, numpy_type
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import SPATIAL
from hypothesis import strategies as st

MODES = ("zeros", "reflect", "replicate", "circular")
#: The longest axis by rank, so that a call stays within some thousand products.
LONGEST = {1: 6, 2: 4, 3: 3}


@st.composite
def calls(draw: st.DrawFn, op: str | None = None, rank: int | None = None) -> Call:
    """Draw a call of any op, rank, layout, parameters, sizes (zero as well), dtypes and values."""
    op = op or draw(st.sampled_from(("conv", "depthwise_conv", "separable_conv", "conv_transpose")))
    rank = rank or draw(st.sampled_from((1, 1, 2, 2, 3)))
    shapes, groups = draw(_shapes(op, rank))
    dtypes = draw(_dtypes([*shapes]))
    layouts = {name: "".join(draw(st.permutations(letters))) for name, letters in _letters(op, rank).items()}
    arrays = {
        name: draw(_arrays(tuple(shape[letter] for letter in layouts.get(name, "O")), dtypes[name]))
        for name, shape in shapes.items()
    }
    return Call(
        op=op,
        **arrays,
        layout=PerArray(**layouts),
        dtype=PerArray(**dtypes),
        groups=groups,
        before=draw(st.none() | st.none() | _pairs(rank, -2, 2)),
        **draw(_transposed(rank) if op == "conv_transpose" else _forward(rank)),
    )


def switches() -> st.SearchStrategy[frozenset[str]]:
    """Draw switches of the reference, mostly none."""
    return st.just(frozenset()) | st.frozensets(st.sampled_from(sorted(SWITCHES)))


def _letters(op: str, rank: int) -> dict[str, str]:
    axes = SPATIAL[rank]
    letters = {"input": f"N{axes}C", "output": f"N{axes}C"}
    if op == "separable_conv":
        return {**letters, "depthwise_kernel": f"{axes}CM", "pointwise_kernel": f"{axes}IO"}
    return {**letters, "kernel": f"{axes}CM" if op == "depthwise_conv" else f"{axes}IO"}


@st.composite
def _shapes(draw: st.DrawFn, op: str, rank: int) -> tuple[dict[str, dict[str, int]], int]:
    smallest, longest = draw(st.sampled_from((1, 1, 1, 0))), LONGEST[rank]
    few = st.integers(smallest, 3)
    batch, inner, outer = draw(few), draw(few), draw(few)
    groups = draw(st.sampled_from((1, 1, 2, 3))) if op in ("conv", "conv_transpose") else 1
    taps = st.integers(1 if op == "conv_transpose" else smallest, min(longest, 4))
    axes = {axis: draw(taps) for axis in SPATIAL[rank]}
    lengths = {axis: draw(st.integers(smallest and axes[axis], longest + 1)) for axis in SPATIAL[rank]}
    shapes = {"input": {"N": batch, "C": inner * groups, **lengths}, **_kernels(op, axes, inner, outer, groups)}
    if op == "separable_conv":
        produced = draw(few)
        shapes["pointwise_kernel"] = {"I": inner * outer, "O": produced, **dict.fromkeys(axes, 1)}
    else:
        produced = inner * outer if op == "depthwise_conv" else outer * groups
    return {**shapes, **({"bias": {"O": produced}} if draw(st.booleans()) else {})}, groups


def _kernels(op: str, axes: dict[str, int], inner: int, outer: int, groups: int) -> dict[str, dict[str, int]]:
    if op == "conv":
        return {"kernel": {"I": inner, "O": outer * groups, **axes}}
    if op == "conv_transpose":
        return {"kernel": {"I": inner * groups, "O": outer, **axes}}
    return {"kernel" if op == "depthwise_conv" else "depthwise_kernel": {"C": inner, "M": outer, **axes}}


@st.composite
def _dtypes(draw: st.DrawFn, names: list[str]) -> dict[str, str]:
    every = st.sampled_from(FLOATS + INTEGERS + COMPLEX)
    if draw(st.booleans()):
        return dict.fromkeys([*names, "output"], draw(every))
    kind = draw(st.sampled_from((INTEGERS, FLOATS, FLOATS + INTEGERS, FLOATS + INTEGERS + COMPLEX)))
    dtypes = {name: draw(st.sampled_from(kind)) for name in names}
    wide = COMPLEX if any(map(is_complex, dtypes.values())) else FLOATS
    outputs = INTEGERS + wide if all(map(is_integer, dtypes.values())) else wide
    return {**dtypes, "output": draw(st.sampled_from(outputs))}


def _pairs(rank: int, low: int, high: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    return st.tuples(*[st.tuples(*[st.integers(low, high)] * 2)] * rank)


def _each(rank: int, low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * rank)


@st.composite
def _forward(draw: st.DrawFn, rank: int) -> dict[str, object]:
    mode = draw(st.sampled_from(("zeros", *MODES)))
    words = ("valid", "same", "same_lower", "full", *(["causal"] if rank == 1 else []))
    ones = (1,) * rank
    return {
        "strides": draw(_each(rank, 1, 3)),
        "dilations": draw(_each(rank, 1, 3)),
        "input_dilations": draw(st.just(ones) | _each(rank, 1, 3)) if mode == "zeros" else ones,
        "output_padding": (0,) * rank,
        "padding": draw(st.sampled_from(words) | _pairs(rank, -3 if mode == "zeros" else 0, 5 if rank == 1 else 3)),
        "padding_mode": mode,
    }


@st.composite
def _transposed(draw: st.DrawFn, rank: int) -> dict[str, object]:
    padding = draw(st.sampled_from(("valid", "same", "same_lower")) | _pairs(rank, -2, 2))
    none = (0,) * rank
    return {
        "strides": draw(_each(rank, 1, 3)),
        "dilations": draw(_each(rank, 1, 3)),
        "input_dilations": (1,) * rank,
        "output_padding": none if isinstance(padding, str) else draw(st.just(none) | _each(rank, 0, 3)),
        "padding": padding,
    }


@st.composite
def _arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: str) -> Array:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fill = draw(st.sampled_from((_small, _small, _bits, _normal, _signed_zeros, _near_special)))
    parts = 2 if is_complex(dtype) else 1
    real = numpy_type({"complex64": "float32", "complex128": "float64"}.get(dtype, dtype))
    return fill(rng, (*shape, parts), real).view(numpy_type(dtype)).reshape(shape)


def _small(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    return rng.integers(-3 if dtype.kind != "u" else 0, 4, shape).astype(dtype)


def _bits(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    return np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape).copy()


def _normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    if dtype.kind in "iu":
        return _bits(rng, shape, dtype)
    return (rng.normal(size=shape) * 2.0 ** rng.integers(-6, 3)).astype(dtype)


def _signed_zeros(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    return _chosen(rng, shape, dtype, (0.0, -0.0, -0.0, 1.0, -1.0)[: rng.integers(1, 6)])


def _near_special(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    return _chosen(rng, shape, dtype, (np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -2.0, 0.5)[rng.integers(0, 4) :])


def _chosen(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, values: tuple[float, ...]) -> Array:
    if dtype.kind in "iu":
        values = (0.0, 1.0, float(np.iinfo(dtype).max // 2))
    return rng.choice(values, shape).astype(dtype)
