"""The numbers of the exact reference: rounding, wrapping, special values, and the sizes of sums."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conv_conformance.core.storage import Array
from conv_conformance.reference import evaluate, evaluate_again, magnitude, products

from ...support.builders import call_of, ramp
from ...support.formulations import Evaluate, bits, each_formulation, line, outcome, whole


@each_formulation
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_integers_wrap_as_in_numpy(reference: Evaluate, dtype: str) -> None:
    """Integer results are those of NumPy's own wrapping arithmetic, at the ends of the range."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x, w = np.array([low, high, high, 3, high - 5], dtype), np.array([high, high - 2, 7], dtype)
    call = call_of("conv", x.reshape(1, -1, 1), w.reshape(-1, 1, 1), dtype=dtype)
    with np.errstate(over="ignore"):
        assert np.correlate(x, w, "valid").tolist() == reference(call).ravel().tolist()


@each_formulation
def test_a_wider_output_does_not_wrap(reference: Evaluate) -> None:
    """100 * 2 + 100 is 300 in int32 though the arrays are int8."""
    call = line(100, 100, taps=(2, 1), dtype={"input": "int8", "kernel": "int8", "output": "int32"})
    assert [300] == reference(call).ravel().tolist()
    assert "int32" == reference(call).dtype.name


@each_formulation
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rounding_is_numpys(reference: Evaluate, dtype: str) -> None:
    """A copy into a narrower dtype rounds as NumPy casts: ties, subnormals, overflow."""
    copied = np.concatenate([_hard_values(dtype), np.random.default_rng(7).normal(size=200)])
    with np.errstate(over="ignore"):
        expected = copied.astype(dtype)
    for part, wanted in _parts(copied, expected):
        call = line(*part, dtype={"input": "float64", "kernel": "float64", "output": dtype})
        assert bits(wanted) == bits(reference(call).ravel())


@each_formulation
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_rounding_is_that_of_ml_dtypes(reference: Evaluate, dtype: str) -> None:
    """A copy of float32 into a narrow float rounds as ml_dtypes casts; float8_e4m3fn overflows to NaN."""
    copied = np.concatenate([_hard_values(dtype), np.random.default_rng(8).normal(size=200)])
    with np.errstate(over="ignore"):
        copied = copied.astype(np.float32)
    expected = copied.astype(getattr(ml_dtypes, dtype))
    for part, wanted in _parts(copied, expected):
        call = line(*part, dtype={"input": "float32", "kernel": "float32", "output": dtype})
        assert bits(wanted) == bits(reference(call).ravel())


def _parts(values: Array, results: Array) -> Iterator[tuple[Array, Array]]:
    # All at once, their exponents far apart, and a few of nearly one size at a time: two ways of rounding.
    yield values, results
    order = np.argsort(np.abs(values))
    for few in np.array_split(order, len(order) // 4):
        yield values[few], results[few]


def _hard_values(dtype: str) -> Array:
    # Around the ends of the range and of the subnormals: elements, ties between them, and beside the ties.
    form = ml_dtypes.finfo(dtype)
    top, step = float(form.max), float(form.max) - float(np.nextafter(form.max, form.dtype.type(0)))
    smallest = float(form.smallest_subnormal)
    near = [top + step * part for part in (0, 0.25, 0.5, 0.75, 1)] + [smallest * part / 4 for part in range(15)]
    near += [1 + float(form.eps) * part / 4 for part in range(9)]
    beside = [np.nextafter(np.float32(value), np.float32(np.inf)) for value in near if abs(value) < 1e38]
    return np.array([*near, *beside, *(-value for value in near)], np.float64)


@each_formulation
def test_rounding_happens_once(reference: Evaluate) -> None:
    """1 + 2**-11 + 2**-60 is above a tie of float16, which a detour over float32 would lose."""
    call = line(
        1, 2.0**-11, 2.0**-60, taps=(1, 1, 1), dtype={"input": "float64", "kernel": "float64", "output": "float16"}
    )
    assert [1 + 2.0**-10] == reference(call).ravel().tolist()
    biased = line(1, 2.0**-11, taps=(1, 1), bias=[2.0**-60], dtype={"input": "float64", "output": "float16"})
    assert [1 + 2.0**-10] == reference(biased).ravel().tolist()


@each_formulation
def test_sums_of_doubles_are_correctly_rounded(reference: Evaluate) -> None:
    """Sums are those of math.fsum, products those of Fraction, exponents far apart included."""
    rng = np.random.default_rng(9)
    x, w = rng.normal(size=(2, 40)) * 2.0 ** rng.integers(-200, 200, (2, 40))
    ones = call_of("conv", x.reshape(40, 1, 1), [[[1.0]]], dtype="float64")
    np.testing.assert_array_equal(x.reshape(40, 1, 1), reference(ones))
    assert [math.fsum(x)] == reference(line(*x, taps=(1,) * 40, dtype="float64")).ravel().tolist()
    exact = sum(Fraction(a) * Fraction(b) for a, b in zip(x, w, strict=True))
    assert [float(exact)] == reference(line(*x, taps=tuple(w), dtype="float64")).ravel().tolist()


@each_formulation
def test_a_finite_sum_does_not_overflow_on_the_way(reference: Evaluate) -> None:
    """60000 + 60000 - 60000 is 60000 in float16."""
    call = line(60000, 60000, -60000, taps=(1, 1, 1), dtype="float16")
    assert [60000] == reference(call).ravel().tolist()


@each_formulation
@pytest.mark.parametrize(
    ("values", "taps", "expected"),
    [
        ((math.inf, 1), (1, 1), math.inf),
        ((math.inf, 1), (-1, 1), -math.inf),
        ((math.inf, 1), (0, 1), math.nan),
        ((0, 1), (-math.inf, 1), math.nan),
        ((math.inf, -math.inf), (1, 1), math.nan),
        ((math.inf, -math.inf), (1, -1), math.inf),
        ((math.nan, 1), (0, 1), math.nan),
        ((-0.0, -0.0), (1, 1), -0.0),
        ((-0.0, 0.0), (1, 1), 0.0),
        ((0.0, 0.0), (-1, -2), -0.0),
        ((0.0, 0.0), (-0.3, -1e30), -0.0),
        ((1, 1), (1, -1), 0.0),
    ],
)
def test_special_values(
    reference: Evaluate, values: tuple[float, ...], taps: tuple[float, ...], expected: float
) -> None:
    """NaN, infinities and zeros follow IEEE 754, term by term."""
    assert bits(np.float32([expected])) == bits(reference(line(*values, taps=taps)).ravel())


@each_formulation
def test_a_bias_of_minus_zero_is_added(reference: Evaluate) -> None:
    """-0.0 + -0.0 is -0.0; an empty sum is 0.0, and 0.0 + -0.0 is 0.0."""
    assert bits(np.float32([-0.0])) == bits(reference(line(0.0, taps=(-1,), bias=[-0.0])).ravel())
    assert bits(np.float32([0.0])) == bits(reference(line(0.0, taps=(1,), bias=[-0.0])).ravel())
    assert bits(np.float32([0.0, 0.0])) == bits(reference(line(-1, taps=(), bias=[-0.0])).ravel())


@each_formulation
def test_padding_is_multiplied(reference: Evaluate) -> None:
    """An infinite tap over zero padding makes a NaN, unless padding is skipped."""
    call = line(1, 2, taps=(math.inf, 1), padding="same_lower")
    assert bits(np.float32([np.nan, np.inf])) == bits(reference(call).ravel())
    assert [1, math.inf] == reference(call, {"padding-skipped"}).ravel().tolist()


@each_formulation
def test_zeros_of_a_transposed_convolution_may_be_multiplied(reference: Evaluate) -> None:
    """An infinite tap is infinite where it falls, and makes a NaN over zeros between and beside elements, if asked."""
    between = call_of("conv_transpose", [[[1], [2]]], [[[math.inf]], [[3]]], strides=2, padding="valid")
    assert [math.inf, 3, math.inf, 6] == reference(between).ravel().tolist()
    expected = bits(np.float32([np.inf, np.nan, np.inf, np.nan]))
    assert expected == bits(reference(between, {"zeros-multiplied"}).ravel())
    beside = call_of("conv_transpose", [[[1], [2]]], [[[5]], [[math.inf]]], dilations=2, padding=((1, 0),))
    assert [10, math.inf, math.inf] == reference(beside).ravel().tolist()
    assert bits(np.float32([np.nan, np.inf, np.inf])) == bits(reference(beside, {"zeros-multiplied"}).ravel())


@each_formulation
def test_a_sum_may_start_from_zero(reference: Evaluate) -> None:
    """With `zero-start` a sum of -0.0 is 0.0."""
    call = line(-0.0, taps=(1,))
    assert bits(np.float32([-0.0])) == bits(reference(call).ravel())
    assert bits(np.float32([0.0])) == bits(reference(call, {"zero-start"}).ravel())


@each_formulation
def test_subnormals_may_be_flushed(reference: Evaluate) -> None:
    """With `flush-subnormals` they are read and written as zeros of their sign."""
    tiny = 2.0**-126
    call = line(tiny, -tiny / 2, tiny, taps=(0.5,))
    assert [tiny / 2, -tiny / 4, tiny / 2] == reference(call).ravel().tolist()
    assert bits(np.float32([0.0, -0.0, 0.0])) == bits(reference(call, {"flush-subnormals"}).ravel())
    scaled = line(tiny, -tiny / 2, taps=(8,))
    assert bits(np.float32([8 * tiny, -0.0])) == bits(reference(scaled, {"flush-subnormals"}).ravel())


@each_formulation
def test_unknown_switches_are_refused(reference: Evaluate) -> None:
    """A misspelt alternative never computes the ordinary one."""
    with pytest.raises(ValueError, match="unknown switches of the reference: zero-stop"):
        reference(line(1), {"zero-start", "zero-stop"})


@each_formulation
def test_zeros_may_trail(reference: Evaluate) -> None:
    """With `trailing-zeros` a valid transposed convolution has the length W * s where the window is shorter."""
    call = line(1, 2, taps=(7,), op="conv_transpose", strides=3)
    assert [7, 0, 0, 14] == reference(call).ravel().tolist()
    assert [7, 0, 0, 14, 0, 0] == reference(call, {"trailing-zeros"}).ravel().tolist()
    longer = line(1, 2, taps=(7, 1, 1, 1), op="conv_transpose", strides=3)
    assert reference(longer).tolist() == reference(longer, {"trailing-zeros"}).tolist()


@each_formulation
def test_no_elements_may_have_no_gaps(reference: Evaluate) -> None:
    """With `dilated-nothing` the transposed output of no elements is stride - 1 longer, that of some is not."""
    nothing = call_of("conv_transpose", np.zeros((1, 0, 1)), np.ones((5, 1, 1)), strides=3)
    assert [2, 4] == [reference(nothing, chosen).shape[1] for chosen in (set(), {"dilated-nothing"})]
    same = replace(nothing, padding="same")
    assert [0, 2] == [reference(same, chosen).shape[1] for chosen in (set(), {"dilated-nothing"})]
    short = call_of("conv_transpose", np.zeros((1, 0, 1)), np.ones((1, 1, 1)), strides=3)
    both = {"dilated-nothing", "trailing-zeros"}
    assert [0, 0, 2] == [reference(short, chosen).shape[1] for chosen in (set(), {"dilated-nothing"}, both)]
    some = line(1, 2, taps=(7, 1), op="conv_transpose", strides=3)
    assert reference(some).tolist() == reference(some, {"dilated-nothing"}).tolist()


def test_magnitude_sums_sizes() -> None:
    """S = |3 * -1| + |-4 * 2| + |-5|."""
    call = line(3, -4, taps=(-1, 2), bias=[-5])
    assert [3 + 8 + 5] == magnitude(call).ravel().tolist()
    separable = call_of("separable_conv", [[[3], [-4]]], depthwise_kernel=[[[1]], [[-2]]], pointwise_kernel=[[[-5]]])
    assert [(3 + 8) * 5] == magnitude(separable).ravel().tolist()
    assert [50] == magnitude(line(3 + 4j, taps=(6 - 8j,), dtype="complex64")).ravel().tolist()


def test_magnitude_has_the_outputs_layout() -> None:
    """S stands where its output stands."""
    call = call_of("conv", ramp(2, 5, 3), -ramp(2, 3, 4), layout={"input": "NWC", "kernel": "WIO", "output": "CNW"})
    np.testing.assert_array_equal(-evaluate(call).astype(np.float64), magnitude(call))


def test_products_are_counted() -> None:
    """K is taps times channels of a group, and 1 for a bias; of a transposed convolution, those of one phase."""
    x = np.ones((1, 9, 4))
    assert 3 * 2 == products(call_of("conv", x, np.ones((3, 2, 6)), groups=2))
    assert 3 * 4 + 1 == products(call_of("conv", x, np.ones((3, 4, 6)), bias=np.ones(6)))
    assert 3 == products(call_of("depthwise_conv", x, np.ones((3, 4, 2))))
    assert 8 * (3 + 1) == products(
        call_of("separable_conv", x, depthwise_kernel=np.ones((3, 4, 2)), pointwise_kernel=np.ones((1, 8, 5)))
    )
    assert 2 * 4 == products(call_of("conv_transpose", x, np.ones((3, 4, 6)), strides=2))
    assert 3 * 4 == products(call_of("conv_transpose", x, np.ones((3, 4, 6)), strides=2, dilations=2))
    assert 1 * 2 == products(call_of("conv_transpose", x, np.ones((3, 4, 6)), strides=5, groups=2))


@pytest.mark.parametrize("few", [0, math.inf], ids=["slices", "integers"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "complex64"])
@pytest.mark.parametrize("op", ["conv", "depthwise_conv", "separable_conv", "conv_transpose"])
def test_matrix_products_equal_plain_integers(op: str, dtype: str, few: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast ways in float64 give the bits that slices, Python's integers and Fraction give."""
    rng, unit = np.random.default_rng(10), 1 - 2j if dtype == "complex64" else 1
    kernels: dict[str, Any] = {"kernel": whole(rng, 2, 3, 4, 4) * unit}
    if op == "separable_conv":
        kernels = {"depthwise_kernel": whole(rng, 2, 3, 4, 2), "pointwise_kernel": whole(rng, 1, 1, 8, 3)}
        kernels = {name: kernel * unit for name, kernel in kernels.items()}
    call = call_of(op, whole(rng, 2, 5, 6, 4) * unit, strides=(2, 1), padding="same", dtype=dtype, **kernels)
    fast = outcome(evaluate, call, frozenset()), outcome(evaluate_again, call, frozenset())
    monkeypatch.setattr("conv_conformance.reference.exact.array.LIMIT", 0)
    monkeypatch.setattr("conv_conformance.reference.exact.array.FEW", few)
    monkeypatch.setattr("conv_conformance.reference.second.contraction._LIMIT", 0)
    assert fast == (outcome(evaluate, call, frozenset()), outcome(evaluate_again, call, frozenset()))
    assert fast[0] == fast[1]
