"""Arrays of case files: numbers rounded once and exactly, generators that any language can rebuild."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.dtypes import FORMATS, numpy_type
from conv_conformance.core.vocabulary import MODULUS
from conv_conformance.corpus import array_builder
from conv_conformance.corpus.format import numbers
from conv_conformance.corpus.format.array_specs import Spec, recast
from conv_conformance.corpus.format.arrays import read_array
from conv_conformance.corpus.format.numbers import Unfit
from conv_conformance.corpus.format.reader import Reader
from conv_conformance.corpus.format.yaml_tree import parse_yaml


def spec_of(text: str, letters: str, dtype: str = "float32") -> Spec:
    """Return the spec of an array that is written right."""
    root, problems = parse_yaml(text.encode(), "x.yaml")
    assert root is not None
    reader = Reader("x.yaml")
    spec = read_array(reader, root, letters, dtype)
    assert [] == [*problems, *reader.problems]
    assert spec is not None
    return spec


def array_of(text: str, letters: str, dtype: str = "float32") -> Any:
    """Return the array that a text writes."""
    return array_builder.build(spec_of(text, letters, dtype))


def drawn(seed: int) -> Any:
    """Return the generator of the format as plain loops: a function that returns the next draw."""
    state = seed * 16807 % MODULUS

    def draw() -> int:
        nonlocal state
        state = state * 16807 % MODULUS
        return state

    return draw


def test_a_nested_list_is_an_array_of_its_layout() -> None:
    """Rows nest once for each axis, and the result cannot be written to."""
    array = array_of("[[[0, 1], [2, 3], [4, 5]]]", "NWC")
    assert (1, 3, 2) == array.shape
    assert np.float32 == array.dtype
    assert [0, 1, 2, 3, 4, 5] == array.ravel().tolist()
    assert not array.flags.writeable


def test_values_fill_and_one_hot() -> None:
    """The three short forms give the arrays that their names say, also without elements."""
    assert [[[7.0, 8.0]]] == array_of("{shape: [1, 1, 2], values: [7, 8]}", "NWC").tolist()
    assert (0, 3, 2) == array_of("{shape: [0, 3, 2], values: []}", "NWC").shape
    assert [[[2.5], [2.5]]] == array_of("{shape: [1, 2, 1], fill: 2.5}", "NWC").tolist()
    assert [0, 0, 0, 0, 1, 0] == array_of("{shape: [1, 3, 2], one_hot: [0, 2, 0]}", "NWC").ravel().tolist()
    assert (1 - 2j) == array_of("{shape: [1], fill: {re: 1, im: -2}}", "O", "complex64")[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e5m2", "int8", "uint64", "complex128"])
def test_every_dtype_is_built_as_its_numpy_type(dtype: str) -> None:
    """The array has the type that `numpy_type` names, and small integers are exact in it."""
    array = array_of("[[[1], [2], [3]]]", "NWC", dtype)
    assert numpy_type(dtype) == array.dtype
    assert [1, 2, 3] == array.ravel().astype(np.complex128).real.tolist()


def test_a_layout_moves_axes_and_keeps_values() -> None:
    """An array written in one layout is the same array, transposed, in another."""
    spec = spec_of("[[[0, 1], [2, 3], [4, 5]]]", "NWC")
    assert np.array_equal(array_builder.build(spec, "NCW"), array_builder.build(spec).transpose(0, 2, 1))


def test_a_decimal_between_two_floats_is_not_rounded_twice() -> None:
    """Just above the middle of two float32 it goes up, though the nearest double is the middle, which goes down."""
    middle = "1.000000059604644775390625"
    assert 1.0 == numbers.read(middle, "float32")
    assert float(np.nextafter(np.float32(1), np.float32(2))) == numbers.read(f"{middle}0000000001", "float32")


@pytest.mark.parametrize("dtype", [name for name in FORMATS if numpy_type(name).itemsize <= 2])
def test_decimals_round_to_the_nearest_of_all_elements(dtype: str) -> None:
    """The middle of two neighbours goes to the even one, a number beside it to the near one."""
    kind = numpy_type(dtype)
    bits = np.arange(2 ** (8 * kind.itemsize - 1), dtype=f"uint{8 * kind.itemsize}")
    with np.errstate(invalid="ignore"):
        values = [float(value) for value in bits.view(kind).astype(np.float64) if math.isfinite(value)]
    step = max(len(values) // 97, 1)
    for low, high in list(pairwise(values))[step::step]:
        middle = (Fraction(low) + Fraction(high)) / 2
        even = low if values.index(low) % 2 == 0 else high
        nearby = (Fraction(high) - Fraction(low)) / 10**12
        wanted = [low, even, high]
        texts = [exact(middle + delta) for delta in (-nearby, 0, nearby)]
        assert wanted == [numbers.read(text, dtype) for text in texts]


def exact(value: Fraction) -> str:
    """Return a fraction whose denominator divides a power of ten as a decimal, all digits written."""
    places = 0
    while value.denominator != 1:
        value *= 10
        places += 1
    digits = str(value.numerator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else f"{digits}.0"


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("0x1.8p-3", "float16", 0.1875),
        ("-0x1p-149", "float32", -(2.0**-149)),
        ("0x1.fffffffffffffp+1023", "float64", 1.7976931348623157e308),
        ("65519.0", "float16", 65504.0),
        ("1.0e-45", "float32", 2.0**-149),
        ("16777216", "float32", 16777216.0),
        ("18446744073709551615", "uint64", 2**64 - 1),
        ("-9223372036854775808", "int64", -(2**63)),
        ("inf", "float16", math.inf),
    ],
)
def test_numbers_at_the_edges_of_their_dtypes(text: str, dtype: str, value: float) -> None:
    """The last number that a dtype holds is read, and as exactly that."""
    assert value == numbers.read(text, dtype)


def test_signs_of_zero_and_nan() -> None:
    """-0.0 keeps its sign, and nan is one."""
    assert -1.0 == math.copysign(1, float(numbers.read("-0.0", "float16")))
    assert math.isnan(numbers.read("nan", "bfloat16"))


@pytest.mark.parametrize(
    ("text", "dtype", "message"),
    [
        ("128", "int8", "128 is out of range for int8"),
        ("-1", "uint8", "-1 is out of range for uint8"),
        ("2.0", "int32", "2.0 is not an integer"),
        ("nan", "int32", "nan is not an integer"),
        ("16777217", "float32", "16777217 is not a float32"),
        ("257", "bfloat16", "257 is not a bfloat16"),
        ("65520", "float16", "65520 is too large for float16"),
        ("65520.0", "float16", "65520.0 is too large for float16"),
        ("1.0e+39", "float32", "1.0e+39 is too large for float32"),
        ("1.0e+999999", "float64", "1.0e+999999 is too large for float64"),
        ("1.0e-50", "float32", "1.0e-50 rounds to zero in float32"),
        ("1.0e-999999", "float64", "1.0e-999999 rounds to zero in float64"),
        ("0x1.000001p0", "bfloat16", "0x1.000001p0 is not a bfloat16"),
        ("0x1p-1075", "float64", "0x1p-1075 is not a float64"),
        ("0x1p99999", "float64", "0x1p99999 is out of range for every dtype"),
        ("inf", "float8_e4m3fn", "float8_e4m3fn has no infinity"),
        ("1e3", "float32", "'1e3' is not a number"),
        ("1" * 402, "float64", f"'{'1' * 402}' is not a number"),
    ],
)
def test_numbers_that_a_dtype_cannot_hold(text: str, dtype: str, message: str) -> None:
    """Integers and hex floats must be exact, decimals neither overflow nor vanish."""
    with pytest.raises(Unfit) as caught:
        numbers.read(text, dtype)
    assert message == caught.value.message


def test_the_generator_is_the_minimal_standard_one() -> None:
    """The published check value: from seed 1, draw 10,000 is 1043618065; the first draw is not given out."""
    draws = array_builder.sequence(1, 10_000)
    assert [282475249, 1622650073, 984943658] == draws[:3].tolist()
    assert 1043618065 == draws[9_998]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_draws_by_blocks_are_draws_one_by_one(count: int) -> None:
    """Doubling gives what the recurrence gives."""
    draw = drawn(77)
    assert [draw() for _ in range(count)] == array_builder.sequence(77, count).tolist()


def test_integers_follow_the_formula_in_canonical_order() -> None:
    """low + floor(x * (high - low + 1) / (2**31 - 1)), row-major over batch, spatial axes, channels."""
    draw = drawn(5)
    wanted = [[[-3 + draw() * 7 // MODULUS for _ in range(2)] for _ in range(3)] for _ in range(2)]
    assert wanted == array_of("{shape: [2, 3, 2], generate: {lcg: 5, low: -3, high: 3}}", "NWC").tolist()


@pytest.mark.parametrize(
    ("letters", "shape", "canonical"),
    [("NCHW", [2, 3, 4, 5], "NHWC"), ("OIHW", [2, 3, 4, 5], "HWIO"), ("MWC", [2, 4, 3], "WCM")],
)
def test_the_same_values_in_every_layout(letters: str, shape: list[int], canonical: str) -> None:
    """A generated array is drawn in canonical order and only then brought into its layout."""
    spec = spec_of(f"{{shape: {shape}, generate: {{lcg: 9, low: 0, high: 99}}}}", letters)
    first = spec_of(
        f"{{shape: {[shape[letters.index(x)] for x in canonical]}, generate: {{lcg: 9, low: 0, high: 99}}}}", canonical
    )
    assert np.array_equal(array_builder.build(spec, canonical), array_builder.build(first))


def test_density_draws_before_each_value() -> None:
    """An element is drawn where a draw is below density * (2**31 - 1); its value is drawn in any case."""
    draw, wanted = drawn(3), []
    for _ in range(200):
        is_kept, value = Fraction(draw()) < Fraction(1, 4) * MODULUS, 1 + draw() * 9 // MODULUS
        wanted.append(value if is_kept else 0)
    text = "{shape: [200], generate: {lcg: 3, low: 1, high: 9, density: 0.25}}"
    assert wanted == array_of(text, "O", "int16").tolist()
    assert 30 < np.count_nonzero(wanted) < 70


def test_complex_elements_draw_their_real_part_first() -> None:
    """Two draws for each complex element."""
    draw = drawn(4)
    wanted = [complex(-2 + draw() * 5 // MODULUS, -2 + draw() * 5 // MODULUS) for _ in range(6)]
    assert wanted == array_of("{shape: [6], generate: {lcg: 4, low: -2, high: 2}}", "O", "complex64").tolist()


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "float8_e4m3fn"])
def test_normal_numbers_are_rounded_once(dtype: str) -> None:
    """scale * (sum of twelve draws - 6 * (2**31 - 1)) / 2**31, rounded from the exact fraction."""
    draw, wanted = drawn(11), []
    for _ in range(300):
        exact_value = Fraction(sum(draw() for _ in range(12)) - 6 * MODULUS, 2**31) * Fraction(1, 4)
        wanted.append(numbers.nearest(float(exact_value), dtype))
    array = array_of("{shape: [300], generate: {normal: 11, scale: 0.25}}", "O", dtype)
    assert wanted == array.astype(np.float64).tolist()
    assert 0.2 < float(np.std(wanted)) < 0.3


def test_normal_numbers_are_thinned_and_spread() -> None:
    """A draw for the density, one for the power of two, then twelve; the sign is taken away at the end."""
    draw, wanted = drawn(5), []
    for _ in range(200):
        is_kept, power = draw() / MODULUS < 0.25, draw() * 7 // MODULUS - 3
        number = abs(sum(draw() for _ in range(12)) - 6 * MODULUS) / 2**31 * 2.0**power
        wanted.append(number * is_kept)
    text = "{shape: [200], generate: {normal: 5, scale: 1, sign: positive, density: 0.25, spread: 3}}"
    assert wanted == array_of(text, "O", "float64").tolist()
    plain = array_of("{shape: [200], generate: {normal: 5, scale: 1, density: 0.25}}", "O", "float64")
    assert 20 < np.count_nonzero(plain) < 80 and plain.min() < 0


@pytest.mark.parametrize(("how", "sign"), [("same", 1), ("negated", -1)])
def test_mirrored_channels(how: str, sign: int) -> None:
    """The second half of the channels that meet in a sum is the first, or minus it; the odd one stays as drawn."""
    rule = f"generate: {{normal: 3, scale: 1, mirror: {how}}}"
    x, w = array_of(f"{{shape: [2, 5, 4], {rule}}}", "NCW"), array_of(f"{{shape: [2, 5, 3], {rule}}}", "WIO")
    plain = array_of("{shape: [2, 5, 4], generate: {normal: 3, scale: 1}}", "NCW")
    for array in (x, w):
        assert (array[:, :2] == sign * array[:, 2:4]).all() and (array[:, 0] != array[:, 1]).all()
    assert (plain[:, [0, 1, 4]] == x[:, [0, 1, 4]]).all()


@pytest.mark.parametrize("letters", ["WIO", "OIW", "HWIO"])
def test_an_identity_copies_each_channel(letters: str) -> None:
    """1 at the tap, in every spatial axis, where both channels have one number."""
    sizes = {"H": 3, "W": 4, "I": 2, "O": 5}
    kernel = array_of(f"{{shape: {[sizes[letter] for letter in letters]}, identity: 1}}", letters)
    wanted = np.zeros([sizes[letter] for letter in letters])
    for channel in range(2):
        wanted[tuple(channel if letter in "IO" else 1 for letter in letters)] = 1
    assert (wanted == kernel).all()


def test_a_large_array_is_generated_in_no_time() -> None:
    """A hundred thousand elements take milliseconds, so that sweeps may have production sizes."""
    start = time.perf_counter()
    array_of("{shape: [10, 100, 100], generate: {lcg: 1, low: -3, high: 3, density: 0.5}}", "NWC")
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("text", "letters", "dtype", "problem"),
    [
        ("[[[1], [2, 3]]]", "NWC", "float32", "x.yaml:1:8: ragged array: 2 elements where the first row has 1"),
        ("[[[1], 2]]", "NWC", "float32", "x.yaml:1:8: ragged array: '2' where the first row has 1"),
        ("[[1], [[2]]]", "NC", "float32", "x.yaml:1:8: expected a number, not a list"),
        ("[[1, 2]]", "NWC", "float32", "x.yaml:1:1: an array with 2 axes does not fit the layout NWC"),
        ("[[[300]]]", "NWC", "uint8", "x.yaml:1:4: 300 is out of range for uint8"),
        ("[[[{re: 1, im: 1}]]]", "NWC", "float32", "x.yaml:1:4: float32 cannot represent a complex number"),
        ("{shape: [2], values: [1]}", "O", "float32", "x.yaml:1:22: shape [2] needs 2 values, not 1"),
        ("{shape: [2], one_hot: [2]}", "O", "float32", "x.yaml:1:23: [2] is not an index into shape [2]"),
        ("{shape: [99999, 99999], fill: 0}", "NC", "float32", "x.yaml:1:9: an array can have at most 67108864"),
        ("{shape: [2], generate: {lcg: 1, low: 3, high: 2}}", "O", "float32", "x.yaml:1:47: low = 3 and high = 2"),
        (
            "{shape: [2], generate: {lcg: 1, low: 0, high: 300}}",
            "O",
            "bfloat16",
            "x.yaml:1:47: bfloat16 cannot represent every integer up to 300",
        ),
        ("{shape: [2], generate: {normal: 1, scale: 0.3}}", "O", "float32", "x.yaml:1:43: scale must be a power"),
        ("{shape: [2], generate: {normal: 1, scale: 1}}", "O", "int8", "x.yaml:1:24: `normal` cannot generate int8"),
        ("{shape: [2], identity: 0}", "O", "float32", "x.yaml:1:24: a kernel with 1 axes has no tap 0"),
        ("{shape: [2], generate: {normal: 1, scale: 1, spread: 0}}", "O", "float32", "x.yaml:1:54: spread must be"),
        ("{shape: [2], generate: {normal: 1, scale: 1, spread: 14}}", "O", "float16", "x.yaml:1:54: float16 cannot"),
        ("{shape: [2], generate: {normal: 1, scale: 1, sign: odd}}", "O", "float16", "x.yaml:1:52: unknown sign 'odd'"),
        ("{shape: [2], generate: {normal: 1, scale: 16384}}", "O", "float16", "x.yaml:1:43: float16 cannot represent"),
    ],
)
def test_wrong_arrays_are_refused_where_they_are_wrong(text: str, letters: str, dtype: str, problem: str) -> None:
    """Each problem names its place."""
    root, _ = parse_yaml(text.encode(), "x.yaml")
    assert root is not None
    reader = Reader("x.yaml")
    assert read_array(reader, root, letters, dtype) is None
    assert str(reader.problems[0]).startswith(problem)


def test_all_wrong_numbers_of_an_array_are_told() -> None:
    """Not the first alone."""
    root, _ = parse_yaml(b"[300, 1, -1, 2.5]", "x.yaml")
    assert root is not None
    reader = Reader("x.yaml")
    read_array(reader, root, "O", "uint8")
    assert [2, 10, 14] == [problem.column for problem in reader.problems]


def test_the_same_array_in_another_dtype() -> None:
    """A twin of another dtype has the same numbers, rounded once, a complex one its real part."""
    spec = spec_of("[1, 2, 127]", "O", "int8")
    assert [1.0, 2.0, 127.0] == array_builder.build(spec, "O", "float32").tolist()
    spec = spec_of("[{re: 1.5, im: 2}]", "O", "complex64")
    assert [1.5] == array_builder.build(spec, "O", "float32").tolist()
    with pytest.raises(Unfit):
        recast(spec_of("[2.5]", "O"), "int8")
