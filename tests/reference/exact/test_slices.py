"""Exact sums by slices in float64: equal to those of Fraction and of Python's integers, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from conv_conformance.core.call import Call
from conv_conformance.core.dtypes import numpy_type
from conv_conformance.core.storage import Array
from conv_conformance.reference import evaluate
from conv_conformance.reference.exact import array, scalar, slices
from conv_conformance.reference.exact.expansion import expansion, to_nearest, to_odd

from ...support.builders import call_of
from ...support.formulations import bits

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

FLOATS = ("float32", "float64", "float16", "bfloat16", "float8_e5m2")


def _gaussian(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape)


def _wide(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape) * 2.0 ** rng.integers(-60, 60, shape)


def _apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    # The sums do not stay in the range of float64, once they are made integers.
    return rng.normal(size=shape) * 2.0 ** rng.integers(-330, 330, shape)


def _few_bits(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (1 + rng.integers(0, 4, shape) / 2.0 ** rng.integers(5, 24, shape)) * rng.choice([-1, 1], shape)


@pytest.fixture(autouse=True)
def always_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices are taken however little there is to do."""
    monkeypatch.setattr(array, "FEW", 0)


@pytest.mark.parametrize("draw", [_gaussian, _wide, _apart, _few_bits])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_dot_products_are_those_of_fraction(dtype: str, draw: Draw) -> None:
    """Each sum is the Fraction, rounded once to every dtype; half of each sum cancels."""
    rng = np.random.default_rng(3)
    for output, count in product(FLOATS, (1, 4, 29)):
        left, right = draw(rng, (4, count)), draw(rng, (count, 5))
        half = count // 2
        left[:, half : 2 * half], right[half : 2 * half, 1:] = left[:, :half], -right[:half, 1:]
        x, w = _held(left, dtype), _held(right, dtype)
        got = evaluate(_pointwise(x, w, output)).astype(np.float64)[0]
        wanted = [[_rounded(row, column, output) for column in w.T] for row in x]
        np.testing.assert_array_equal(np.array(wanted), got)


def _held(values: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):
        held = values.astype(numpy_type(dtype)).astype(np.float64)
    return np.where(np.isfinite(held), held, 1.0)


def _pointwise(x: Array, w: Array, output: str) -> Call:
    return call_of("conv", x[np.newaxis], w[np.newaxis], dtype={"input": "float64", "output": output})


def _rounded(row: Array, column: Array, dtype: str) -> float:
    total = sum((Fraction(a) * Fraction(b) for a, b in zip(row, column, strict=True)), Fraction(0))
    return float(np.float64(scalar.nearest(total, np.dtype(numpy_type(dtype)))).astype(numpy_type(dtype)))


@pytest.mark.parametrize("beside", [-(2.0**-90), 0.0, 2.0**-90])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn"])
def test_ties_are_told_from_what_lies_beside_them(dtype: str, beside: float) -> None:
    """Half a step beyond a number rounds to the even one, a trace more or less to the nearer, whatever its place."""
    p = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8, "float8_e4m3fn": 4}[dtype]
    for base in (1.0, 1 + 2.0 ** (1 - p), 2 - 2.0 ** (1 - p)):
        terms_of = [base, 2.0**-p * 0.75, 2.0**-p * 0.25, beside]
        for order in (terms_of, terms_of[::-1]):
            x, w = np.array([order]), np.ones((4, 1))
            got = float(evaluate(_pointwise(x, w, dtype))[0, 0, 0])
            assert _rounded(x[0], w[:, 0], dtype) == got


def test_powers_of_two_have_a_smaller_step_below_them() -> None:
    """1 - 2**-54 is a tie between 1 and the number below it, 1 - 2**-54 - a trace is not."""
    below = 1 - 2.0**-53
    first, beside, trace = np.ones(3), np.full(3, -(2.0**-54)), np.array([0, -(2.0**-120), 2.0**-120])
    assert [1.0, below, 1.0] == to_nearest(expansion([first, beside, trace])).tolist()


def test_an_expansion_keeps_the_sum_and_sorts_it() -> None:
    """The first array is the sum rounded, with its sign; zeros sink to the end and are dropped."""
    rng = np.random.default_rng(4)
    parts = [rng.integers(-(2**40), 2**40, 50) * 2.0**shift for shift in (60, 0, 30, 55)]
    sums = [sum(int(part[at]) for part in parts) for at in range(50)]
    numbers = expansion(parts)
    assert sums == [sum(int(part[at]) for part in numbers) for at in range(50)]
    assert [float(value) for value in sums] == numbers[0].tolist()
    assert [4.0] == expansion([np.array([2.0]), np.array([-3.0]), np.array([5.0])])[0].tolist()
    assert 1 == len(expansion([np.array([2.0]), np.array([-3.0]), np.array([5.0])]))


def test_rounding_to_odd_marks_what_was_cut() -> None:
    """A number with an even last bit moves toward what was cut off, one with an odd bit stays."""
    even, odd = 2.0**60, 2.0**60 + 2.0**8
    got = to_odd((np.array([even, even, odd, even]), np.array([1.0, -1.0, -1.0, 0.0])))
    assert [odd, even - 2.0**7, odd, even] == got.tolist()


@pytest.mark.parametrize("count", [2**16 - 1, 2**17 - 1, 2**20 - 1])
@pytest.mark.parametrize("places", [(1, 0), (1, 1), (2, 0), (1, 1, 1)])
def test_digits_are_narrow_enough_for_the_number_of_products(count: int, places: tuple[int, ...]) -> None:
    """Products of digits that all have their largest size are summed exactly."""
    for width in range(2, 27):
        digits = [(place << (width - 1)) - 1 if place else 0 for place in places]
        most = sum(digit << (width * at) for at, digit in enumerate(reversed(digits)))
        if slices._width(most.bit_length(), most.bit_length(), count) == width:
            break
    left, right = np.full((1, 1, count), float(most)), np.full((1, count, 1), -float(most))
    total = slices.summed(np.matmul, (left,), (right,), count)
    assert -count * most**2 == sum(int(part[0, 0, 0]) for part in total)


def test_too_many_products_for_digits_of_any_width() -> None:
    """A number of products that no digits are narrow enough for is an error, not a wrong sum."""
    with pytest.raises(OverflowError, match="too many"):
        slices.summed(np.matmul, (np.ones((1, 1, 1)),), (np.ones((1, 1, 1)),), 2**60)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_large_integers_wrap_as_in_numpy(dtype: str) -> None:
    """Results of 64 bits are NumPy's own, over the whole range of operands."""
    rng, ends = np.random.default_rng(5), np.iinfo(dtype)
    x, w = (rng.integers(ends.min, ends.max, shape, dtype, endpoint=True) for shape in ((6, 9), (9, 4)))
    got = evaluate(call_of("conv", x[np.newaxis], w[np.newaxis], dtype=dtype))
    with np.errstate(over="ignore"):
        assert (x @ w).tolist() == got[0].tolist()


def test_special_values_stay_by_themselves() -> None:
    """A NaN, an infinity and a row of -0.0 leave every other sum as it is."""
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(6, 8)), np.abs(rng.normal(size=(8, 3)))
    plain = evaluate(_pointwise(x, w, "float32"))[0]
    x[1, 2], x[3, 4], x[5] = np.nan, -np.inf, -0.0
    got = evaluate(_pointwise(x, w, "float32"))[0]
    assert np.isnan(got[1]).all() and (got[3] == -np.inf).all()
    assert bits(np.full(3, -0.0, np.float32)) == bits(got[5])
    np.testing.assert_array_equal(plain[[0, 2, 4]], got[[0, 2, 4]])


@pytest.mark.parametrize("op", ["conv", "separable_conv", "conv_transpose"])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_every_operation_gives_the_bits_of_plain_integers(op: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stages, biases and complex parts go through slices as through Python's integers."""
    rng, unit = np.random.default_rng(8), 1 - 2j if dtype == "complex64" else 1
    kernels = {"kernel": rng.normal(size=(2, 3, 4, 4)) * unit}
    if op == "separable_conv":
        kernels = {"depthwise_kernel": rng.normal(size=(2, 3, 4, 2)), "pointwise_kernel": rng.normal(size=(1, 1, 8, 4))}
    x, bias = rng.normal(size=(2, 5, 6, 4)) * unit, rng.normal(size=4)
    call = call_of(op, x, strides=(2, 1), padding="same", bias=bias, dtype=dtype, **kernels)
    sliced = evaluate(call)
    monkeypatch.setattr(array, "FEW", np.inf)
    assert bits(evaluate(call)) == bits(sliced)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_ordinary_numbers_stay_in_float64(dtype: str) -> None:
    """Their grid begins at their lowest bit: a grid far below it would leave all sums to Python's integers."""
    numbers = np.random.default_rng(1).normal(size=1000).astype(numpy_type(dtype))
    found = array.exact(numbers)
    assert np.float64 == found.integers.dtype
    assert (np.rint(found.integers) == found.integers).all() and (found.integers % 2 == 1).any()


@pytest.mark.parametrize(
    ("values", "exponent"), [([1.5, 0.25], -2), ([0.0, 0.75], -2), ([3.0, 0.1], -55), ([1e300, 2e300], 946)]
)
def test_a_grid_begins_at_the_lowest_bit(values: list[float], exponent: int) -> None:
    """Whatever the size of the numbers; integers that float64 holds have none of their own."""
    assert exponent == array._lowest(np.array(values))
