"""The rules of other projects reject where their authors' numbers say so, and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.dtypes import numpy_type
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from support.tolerances import JAX, RULES, Result

Array = NDArray[Any]


def result(got: Array, expected: Array | float, **changes: Any) -> Result:
    """Return a result of K = 9 whose exact value is `expected`, unless said otherwise."""
    wide = np.complex128 if np.iscomplexobj(got) else np.float64
    exact = np.broadcast_to(np.asarray(expected, wide), got.shape)
    with np.errstate(over="ignore"):
        rounded = exact.astype(got.dtype).astype(wide)
    told: dict[str, Any] = {
        "exact": exact,
        "rounded": rounded,
        "magnitude": np.full(got.shape, 8.0),
        "products": 9,
        "accumulate": "float64" if got.dtype.name in ("float64", "complex128") else "float32",
        "op": "conv",
        "rank": 2,
    }
    return Result(got=got, dtype=got.dtype.name, **{**told, **changes})


def off(value: float, dtype: str, expected: float, **changes: Any) -> Result:
    """Return 64 results that are all right but for one, which is `value`."""
    with np.errstate(over="ignore"):
        got = np.full(64, expected).astype(numpy_type(dtype))
    got[5] = value
    return result(got, expected, **changes)


def drawn(dtype: str) -> Array:
    """Return a thousand exact results, of both signs."""
    draw = np.random.default_rng(1)
    real = 2 * draw.standard_normal(1000)
    return real + 1j * draw.standard_normal(1000) if dtype.startswith("complex") else real


@pytest.mark.parametrize("dtype", JAX)
@pytest.mark.parametrize("name", RULES)
def test_the_exact_result_rounded_once_is_accepted(name: str, dtype: str) -> None:
    """No rule rejects what cannot be better; an empty result is right."""
    exact = drawn(dtype)
    assert not RULES[name](result(exact.astype(numpy_type(dtype)), exact))
    assert not RULES[name](result(np.zeros((2, 0), numpy_type(dtype)), 0.0))


@pytest.mark.parametrize("dtype", JAX)
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("wrong", [-96.0, np.nan])
def test_a_gross_error_is_rejected(name: str, dtype: str, wrong: float) -> None:
    """One element of a thousand that is far off, or no number, is enough for every rule."""
    exact = drawn(dtype)
    exact[7] = 3
    got = exact.astype(numpy_type(dtype))
    got[7] = wrong
    assert RULES[name](result(got, exact))


@pytest.mark.parametrize(
    ("name", "dtype", "expected", "inside", "outside", "changes"),
    [
        ("onnx", "float32", 1.0, 1.001, 1.0010005, {}),
        ("onnx", "float32", 0.0, 0.99e-7, 1.01e-7, {}),
        ("torch", "float32", 1.0, 1 + 1.12e-5, 1 + 1.14e-5, {}),
        ("torch", "float16", 1.0, 1 + 2**-10, 1 + 2**-9, {}),
        ("torch", "bfloat16", 1.0, 1 + 2**-6, 1 + 3 * 2**-7, {}),
        ("torch", "float64", 1.0, 1 + 1.99e-7, 1 + 2.01e-7, {}),
        ("torch", "complex64", 1.0, 1 + 1.12e-5j, 1 + 1.14e-5j, {}),
        ("torch", "float8_e5m2", 1.0, 1.0, 1.25, {}),
        ("keras", "float32", 1.0, 1 + 1.9e-6, 1 + 2.1e-6, {"rank": 1}),
        ("keras", "float32", 1.0, 1 + 5.00e-4, 1 + 5.02e-4, {"rank": 2}),
        ("keras", "float32", 1.0, 1 + 1.000e-3, 1 + 1.002e-3, {"rank": 3}),
        ("keras", "float32", 1.0, 1 + 1.09e-5, 1 + 1.11e-5, {"op": "conv_transpose"}),
        ("jax", "float32", 1.0, 1 + 1.9e-6, 1 + 2.1e-6, {}),
        ("jax", "float16", 1.0, 1 + 2 * 2**-10, 1 + 3 * 2**-10, {}),
        ("jax", "bfloat16", 1.0, 1 + 2 * 2**-7, 1 + 3 * 2**-7, {}),
        ("jax", "float64", 1.0, 1 + 8 * 2**-52, 1 + 10 * 2**-52, {}),
        ("stablehlo", "float32", 1000.0, 1000 + 16 * 2**-14, 1000 + 17 * 2**-14, {}),
        ("stablehlo", "float32", 1e-6, 9.9e-4, 1.1e-3, {}),
        ("wpt", "float32", 1.0, 1 + 18 * 2**-23, 1 + 19 * 2**-23, {}),
        ("wpt", "float32", 0.0, -18 * 2**-149, -19 * 2**-149, {}),
        ("wpt", "float16", 1.0, 1 + 18 * 2**-10, 1 + 19 * 2**-10, {}),
        ("wpt", "float16", 2**-24, 19 * 2**-24, -(2**-24), {}),
        ("wpt", "float16", 0.0, -0.0, -(2**-24), {}),
        ("gamma", "float32", 0.0, 4.0, 4.000002, {"products": 4, "magnitude": np.full(64, 2.0**24)}),
        ("gamma", "float16", 1.0, 1 + 2**-11, 1 + 2**-10, {"products": 4, "magnitude": np.full(64, 1.0)}),
        ("gamma", "bfloat16", 0.0, 2.0, 2.02, {"products": 2, "magnitude": np.full(64, 2.0**24)}),
        ("tosa", "float32", 0.0, 18.0, 18.001, {"magnitude": np.full(64, 2.0**24)}),
        ("tosa", "bfloat16", 0.0, 4.0, 4.04, {"products": 512, "magnitude": np.full(64, 2.0**8)}),
        ("tosa", "float16", 0.0, 2.0, 2.01, {"products": 90, "magnitude": np.full(64, 2.0**11)}),
        ("tosa", "float16", 0.0, 4.0, 4.01, {"products": 91, "magnitude": np.full(64, 2.0**11)}),
        ("tosa", "float32", 0.0, 0.0, 2.0**-149, {"magnitude": np.zeros(64)}),
    ],
)
def test_limits_are_where_their_authors_put_them(
    name: str, dtype: str, expected: float, inside: float, outside: float, changes: dict[str, Any]
) -> None:
    """One element just inside is accepted, one just outside rejected."""
    assert not RULES[name](off(inside, dtype, expected, **changes))
    assert RULES[name](off(outside, dtype, expected, **changes))


def test_the_mean_square_is_limited() -> None:
    """Errors that are each allowed are too many for TOSA together: their mean square may be 1.6 per product."""
    for size, is_rejected in ((0.999, False), (1.001, True)):
        got = np.full(64, size * np.sqrt(1.6 * 9), np.float32)
        assert RULES["tosa"](result(got, 0.0, magnitude=np.full(64, 2.0**24))) == is_rejected


def test_complex_results_are_judged_by_parts() -> None:
    """An imaginary part that is off is seen, and granted what a sum of 2 * K real products is."""
    for name, inside in (("gamma", 18.0), ("tosa", 36.0)):
        for size, is_rejected in ((inside, False), (1.001 * inside, True)):
            assert RULES[name](off(size * 1j, "complex64", 0.0, magnitude=np.full(64, 2.0**24))) == is_rejected


def test_an_overflow_is_judged_as_its_authors_do() -> None:
    """An infinity where the exact result rounds to one is right; TOSA grants anything where S overflows."""
    for name, rule in RULES.items():
        assert not rule(off(np.inf, "float16", 7e4, magnitude=np.full(64, 7e4), products=1)), name
        assert rule(off(1.0, "float16", 7e4, magnitude=np.full(64, 7e4), products=1)) == (name != "tosa"), name


def test_nan_is_what_a_nan_is_held_against() -> None:
    """A NaN that is expected is accepted, but by PyTorch's default; a number in its place is rejected."""
    for name, rule in RULES.items():
        assert rule(off(np.nan, "float32", np.nan)) == (name == "torch"), name
        assert rule(off(1.0, "float32", np.nan)), name


def test_nothing_is_rejected_beyond_the_reach_of_the_theorem() -> None:
    """From K * u = 1 on, no order of summation in bfloat16 is known to be wrong."""
    assert RULES["gamma"](off(100.0, "bfloat16", 0.0, products=128, accumulate="bfloat16"))
    assert not RULES["gamma"](off(100.0, "bfloat16", 0.0, products=256, accumulate="bfloat16"))


def test_what_cannot_be_compared_is_refused() -> None:
    """Another shape is not stretched, another dtype not converted."""
    with pytest.raises(ValueError, match="differ in shape"):
        result(np.zeros(3, np.float32), 0.0, magnitude=np.zeros(1))
    with pytest.raises(ValueError, match="of float64, not of float32"):
        Result(**{**_fields(result(np.zeros(3), 0.0)), "dtype": "float32"})


def _fields(of: Result) -> dict[str, Any]:
    return {name: getattr(of, name) for name in Result.__dataclass_fields__}
