"""
The rules by which other projects accept a floating convolution, as their authors wrote them.

A rule says whether it rejects a result.
It decides with the constants, the reference and the arithmetic of its authors: those who compare with a result in the
dtype itself are given the exact one, rounded once.
What is no tolerance is left out: a wrong shape or dtype is refused by every suite, and here by `Result`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from conv_conformance.core.dtypes import COMPLEX_PARTS, FORMATS, NARROW, FloatFormat, is_complex
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Rule: TypeAlias = Callable[["Result"], bool]

#: Relative and absolute, for every dtype.
ONNX = (1e-3, 1e-7)

#: Relative and absolute, by dtype; dtypes without a pair must be equal.
TORCH = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}

#: Relative and absolute, by op and rank, where a test says other than the default.
KERAS = {
    ("conv", 2): (5e-4, 1e-6),
    ("conv", 3): (1e-3, 1e-6),
    ("conv_transpose", 1): (1e-6, 1e-5),
    ("conv_transpose", 2): (1e-6, 1e-5),
    ("conv_transpose", 3): (1e-6, 1e-5),
}
KERAS_DEFAULT = (1e-6, 1e-6)

#: Relative and absolute alike, by dtype.
JAX = {
    "float8_e4m3fn": 1e-1,
    "float8_e5m2": 1e-1,
    "bfloat16": 1e-2,
    "float16": 1e-3,
    "float32": 1e-6,
    "float64": 1e-15,
    "complex64": 1e-6,
    "complex128": 1e-15,
}

#: Absolute, for every dtype.
STABLEHLO = 1e-3

#: Units in the last place, per product.
WPT = 2

#: Units of u * S that an element may be off, and the mean square of all, both per product that counts.
TOSA_ELEMENT, TOSA_VARIANCE = 2, 4 * 0.4


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Result:
    """
    What a convolution returned, and what is known of the exact result.

    Raises:
        ValueError: if the arrays differ in shape, or `got` is not of `dtype`.

    """

    #: As returned.
    got: Array
    #: The exact result, rounded to float64 or complex128.
    exact: Array
    #: The exact result, rounded once to the dtype of `got`, as float64 or complex128.
    rounded: Array
    #: S, the sum of abs(x * w) over the products behind each element, as float64.
    magnitude: Array
    #: K, the number of products behind an element; a bias counts as one.
    products: int
    #: The name of the dtype of `got`.
    dtype: str
    #: The name of the dtype that sums are made in.
    accumulate: str
    #: As the case format names it: conv or conv_transpose.
    op: str
    #: The number of spatial axes.
    rank: int

    def __post_init__(self) -> None:
        """Refuse what no rule could be asked about."""
        if len({each.shape for each in (self.got, self.exact, self.rounded, self.magnitude)}) > 1:
            raise ValueError("the arrays differ in shape")
        if self.got.dtype.name != self.dtype:
            raise ValueError(f"the result is of {self.got.dtype.name}, not of {self.dtype}")


def onnx(result: Result) -> bool:
    """
    Reject where abs(got - y) > 1e-7 + 1e-3 * abs(y), as the ONNX backend test does, for every operator and dtype.

    A node's test case is made with these two numbers and has no parameter to change them.
    The runner wants shape and dtype equal and leaves the rest to `numpy.testing.assert_allclose`, which takes the
    difference in the dtype of the arrays.

    https://github.com/onnx/onnx/blob/f7546912/onnx/backend/test/case/node/__init__.py
    https://github.com/onnx/onnx/blob/f7546912/onnx/backend/test/runner/__init__.py
    """
    return _differs(result.got, _expected(result), ONNX)


def torch(result: Result) -> bool:
    """
    Reject where abs(got - y) > atol + abs(rtol * y), with the defaults of `torch.testing.assert_close`.

    The two depend on the dtype; one that has none, such as float8, gets 0 for both and must be equal.
    A NaN is close to nothing.
    Difference and limit are rounded to the dtype, the limit after each of its two steps.
    The absolute value of complex numbers is their modulus.

    PyTorch's own tests of convolutions loosen the defaults by device, by dtype and by test (`toleranceOverride` in the
    OpInfo entries): among others to atol 1e-4 for transposed convolutions in float32, to atol = rtol = 5e-5 for conv2d
    and to atol 5e-3, rtol 1e-3 for conv3d in one test each.
    They hold one implementation against another, and are not taken over: a user of `assert_close` gets the defaults.

    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/testing/_comparison.py
    https://github.com/pytorch/pytorch/blob/v2.13.0/aten/src/ATen/native/TensorCompare.cpp
    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/testing/_internal/common_methods_invocations.py
    """
    got, expected = result.got, _expected(result)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got - expected)
        close = np.isfinite(error) & (error <= _limit(expected, *TORCH.get(result.dtype, (0.0, 0.0))))
    return not bool((close | (got == expected)).all())


def _limit(expected: Array, relative: float, absolute: float) -> Array:
    """Return absolute + abs(relative * expected) in the dtype; the factor alone is never rounded to a narrow one."""
    wide = np.result_type(expected.dtype, np.float32)
    scaled = np.abs((expected.astype(wide) * relative).astype(expected.dtype))
    limit: Array = scaled + scaled.dtype.type(absolute)
    return limit


def keras(result: Result) -> bool:
    """
    Reject where abs(got - y) > atol + rtol * abs(y), with the numbers of Keras's tests of its layers.

    `TestCase.assertAllClose` hands 1e-6 for both to `numpy.testing.assert_allclose`, whatever the dtype.
    The tests of Conv1D keep that, those of Conv2D set rtol to 5e-4, of Conv3D to 1e-3, and those of the transposed
    layers set atol to 1e-5.
    All are written for float32, and looser ones for TPUs stand beside them.
    Not taken over, for a result does not tell: DepthwiseConv2D sets atol to 1e-5, the separable layers both to 1e-5,
    and the tests of `keras.ops` keep the default but for conv in three axes, 1e-5 for both.
    What has no test of its own gets the default.

    https://github.com/keras-team/keras/blob/3422977a/keras/src/testing/test_case.py
    https://github.com/keras-team/keras/blob/3422977a/keras/src/layers/convolutional/conv_test.py
    https://github.com/keras-team/keras/blob/3422977a/keras/src/layers/convolutional/conv_transpose_test.py
    https://github.com/keras-team/keras/blob/3422977a/keras/src/ops/nn_test.py
    """
    return _differs(result.got, _expected(result), KERAS.get((result.op, result.rank), KERAS_DEFAULT))


def jax(result: Result) -> bool:
    """
    Reject where abs(got - y) > t + t * abs(y), with the default t of JAX's tests for the dtype.

    The tests that hold convolutions against NumPy, or a transposed one against a gradient, name no tolerance of their
    own and so take the default.
    Of the others one takes 1e-14 for float64 where a wider output is preferred, and batching takes 1e-1.
    Arrays of bfloat16 and float8 are compared as float32, the rest as they are, by `numpy.testing.assert_allclose`.
    JAX draws the data of these tests at a scale of 1e-3, so that y is about as small as t; the rule is the same for
    data of any scale, and is asked here about whatever data there are.
    Gradients are held against finite differences with a tolerance of their own, which is no statement on a result.

    https://github.com/jax-ml/jax/blob/cec06d11/jax/_src/public_test_util.py
    https://github.com/jax-ml/jax/blob/cec06d11/jax/_src/test_util.py
    https://github.com/jax-ml/jax/blob/cec06d11/tests/lax_test.py
    """
    got, expected = result.got, _expected(result)
    if result.dtype in NARROW:
        got, expected = got.astype(np.float32), expected.astype(np.float32)
    return _differs(got, expected, (JAX[result.dtype],) * 2)


def stablehlo(result: Result) -> bool:
    """
    Reject where abs(got - y) > 1e-3, as StableHLO's interpreter does for the test data of floating convolutions.

    Their check is a custom call named check.expect_almost_eq, in 12 of the 15 files for float32, and the interpreter
    gives that call 1e-3.
    The operation of the same name has 1e-4 for a default, which the guidelines call one size for all; no floating
    convolution uses it.
    The other three files ask for check.expect_close, to which the interpreter grants 3 units in the last place; two of
    them hold no more than four products per element, the third no elements.
    The handwritten tests hold integers and ask for equality.
    The difference is taken in double precision and is absolute, whatever the size of y and the dtype.
    Complex numbers are compared by parts; a NaN equals a NaN.

    https://github.com/openxla/stablehlo/blob/3c9301c1/stablehlo/tools/StablehloTranslateMain.cpp
    https://github.com/openxla/stablehlo/blob/3c9301c1/stablehlo/reference/Element.cpp
    https://github.com/openxla/stablehlo/blob/3c9301c1/stablehlo/tests/CheckOps.td
    https://github.com/openxla/stablehlo/blob/3c9301c1/docs/reference.md
    """
    got, expected = _parts(result.got).astype(np.float64), _parts(result.rounded)
    with np.errstate(invalid="ignore"):
        close = np.abs(got - expected) <= STABLEHLO
    return not bool((close | _same(got, expected)).all())


def wpt(result: Result) -> bool:
    """
    Reject beyond 2 * K units in the last place of the result, as web-platform-tests do for WebNN.

    K is the width times the height of the filter times the input channels of a group; a bias does not count.
    Here it is `products`, which counts a bias, and of a transposed convolution the taps of one phase of the stride,
    where WebNN's tests count all taps: without a bias the two are the same for conv, and the rule is up to the product
    of the strides stricter for conv_transpose.
    The distance of two float32 numbers is that of their bits, read as a magnitude with a sign.
    That of two float16 numbers is the difference of their bits as plain integers, zeros excepted: small numbers of
    different sign are about 32768 apart.
    There is no other dtype in the tests, and the code raises on one; here the others are measured as float32 is,
    complex ones by parts.

    The project's own file could be read only as it was earlier, when K was the same and small float32 numbers of
    different sign were about 2 ** 31 apart; the newer one was read in a fork of a browser that holds it.

    https://github.com/web-platform-tests/wpt/blob/master/webnn/resources/utils.js
    https://github.com/huningxin/chromium-src/blob/18ae98a6/third_party/blink/web_tests/external/wpt/webnn/resources/utils.js
    """
    distance = _plain_distance if result.dtype == "float16" else _signed_distance
    return bool((distance(_parts(result.got), _parts(_expected(result))) > WPT * result.products).any())


def _plain_distance(got: Array, expected: Array) -> Array:
    one, other = (_bits(each).astype(np.int64) for each in (got, expected))
    return np.where((got == 0) & (expected == 0), 0, np.abs(one - other))


def _signed_distance(got: Array, expected: Array) -> Array:
    one, other = (_bits(np.abs(each)).astype(np.uint64) for each in (got, expected))
    apart = np.maximum(one, other) - np.minimum(one, other)
    with np.errstate(invalid="ignore"):  # NaNs of bfloat16
        return np.where((got < 0) == (expected < 0), apart, one + other)


def _bits(array: Array) -> Array:
    return np.ascontiguousarray(array).view(f"u{array.itemsize}").reshape(array.shape)


def gamma(result: Result) -> bool:
    """
    Reject what no order of summation can give: the a-priori bound of the textbook.

    A sum of K products is off by at most g * S, g = K * u / (1 - K * u), u of the accumulator, and rounding to the
    output adds u_out * (abs(y) + g * S) (Higham, Accuracy and Stability of Numerical Algorithms, second edition,
    section 3.1); underflow adds half of the smallest subnormal number for each product and for the output.
    The rounding to the output is granted also where accumulator and output are one dtype and there is none, which
    covers the rounding of `exact`.
    From K * u = 1 on there is no bound, and nothing is rejected.
    Each part of a complex result is a sum of 2 * K real products, whose magnitudes sum to at most S.
    The book could not be opened; the bound follows from (1 + u) ** K - 1 <= g.

    https://doi.org/10.1137/1.9780898718027
    """
    count, out, accumulator = _count(result), _format(result.dtype), _format(result.accumulate)
    if count * accumulator.unit >= 1:
        return False
    growth = count * accumulator.unit / (1 - count * accumulator.unit)
    got, exact, rounded = (_parts(each).astype(np.float64) for each in (result.got, result.exact, result.rounded))
    with np.errstate(invalid="ignore"):
        sums = growth * _sizes(result) + count * _underflow(accumulator)
        close = np.abs(got - exact) <= sums + out.unit * (np.abs(exact) + sums) + _underflow(out)
    return not bool((close | _same(got, rounded)).all())


def _underflow(form: FloatFormat) -> float:
    """Return half of the smallest subnormal number."""
    return math.ldexp(1.0, form.min_exponent - form.bits)


def tosa(result: Result) -> bool:
    """
    Reject by TOSA 1.0's requirements on dot products: a bound on each element, and one on their mean square.

    The error of an element is counted in units of max(u * S, smallest normal number), both of the output's dtype.
    With n = ceil(K / 2 ** ((f_acc - f_out) / 2)), f the fractional bits, plus 1 for a bias that is not zero,
    no error may exceed 2 * n units, and the mean of their squares not 4 * 0.4 * n.
    Where S is zero the result must be; where 2 * n units more than S overflow, anything goes; a NaN must be one.
    The drafts after 1.0 grant 6 * n units to float32 inputs, and float8 inputs more.

    The specification demands this of six generated sets of data, of 1000 outputs or more.
    It is applied here to any data and any number of outputs: the sets differ in kind (large, sparse, one large product
    among small ones, signed), neither bound is derived from a set, and the checker of the reference model runs both
    whatever it is given.
    A third test, of the mean error, is demanded of sets 3 to 5 alone, those without a bias to one sign.
    It is left out, for `Result` does not tell whether the data are of that kind, and where they lean to one side a
    correct sum fails it; where they do not, an error of either sign hardly moves the mean.
    S is each element's own, which is what the attribute local_bound asks for; by default it is false and S is that of
    an input as large as its largest element everywhere, so that this is the rule at its strictest.

    The exponent is taken as a real number, as the reference model's test generator does; the specification's
    pseudocode divides integers there, so that float16 summed in float32 would have n = ceil(K / 64).
    `products` counts a bias, which a narrower output thus gets less for than 1.
    There are no float64 and no complex dtypes; they get the same formulas, complex ones by parts, of 2 * K products.

    The reference model's own home could not be reached; a public copy of its checker was read.

    https://github.com/arm/tosa-specification/blob/v1.0.0/chapters/introduction.adoc
    https://github.com/arm/tosa-specification/blob/v1.0.0/pseudocode/library/tosa_reference_check_dotproduct.tosac
    https://github.com/jerryzhao173985/reference_model/blob/9131f8a6/reference_model/src/verify/verify_dot_product.cpp
    https://github.com/jerryzhao173985/reference_model/blob/9131f8a6/verif/generator/tosa_test_gen.py
    """
    narrowing = (_format(result.accumulate).bits - _format(result.dtype).bits) / 2
    count = math.ceil(_count(result) / 2.0**narrowing)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        errors = _errors(result, TOSA_ELEMENT * count)
        are_near = bool((np.abs(errors) <= TOSA_ELEMENT * count).all())
        return not are_near or float((errors**2).sum()) > TOSA_VARIANCE * count * errors.size


def _errors(result: Result, most: int) -> Array:
    """Return the errors in TOSA's units: 0 where anything goes, infinite where nothing but what was missed does."""
    out, got, exact, sizes = _format(result.dtype), _parts(result.got), _parts(result.exact), _sizes(result)
    errors = (got.astype(np.float64) - exact) / np.maximum(sizes * out.unit, 2.0**out.min_exponent)
    errors = np.where((sizes == 0) & (errors != 0), np.inf, errors)
    overflows = np.isinf((sizes * (1 + most * out.unit)).astype(got.dtype))
    errors = np.where(np.isnan(sizes) | overflows, 0.0, errors)
    return np.where(np.isnan(exact), np.where(np.isnan(got), 0.0, np.inf), errors)


def _differs(got: Array, expected: Array, tolerance: tuple[float, float]) -> bool:
    """Say whether `numpy.testing.assert_allclose` raises."""
    relative, absolute = tolerance
    return not bool(np.isclose(got, expected, rtol=relative, atol=absolute, equal_nan=True).all())


def _expected(result: Result) -> Array:
    """Return the rounded result in the dtype that it was rounded to."""
    return result.rounded.astype(result.got.dtype)


def _same(got: Array, expected: Array) -> Array:
    same: Array = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return same


def _parts(array: Array) -> Array:
    """Return the real and the imaginary part of complex numbers as one array of real ones; real ones as they are."""
    return np.stack([array.real, array.imag]) if np.iscomplexobj(array) else array


def _sizes(result: Result) -> Array:
    """Return S of each of `_parts`."""
    return np.stack([result.magnitude] * 2) if is_complex(result.dtype) else result.magnitude


def _count(result: Result) -> int:
    """Return the number of real products behind each of `_parts`."""
    return result.products * (2 if is_complex(result.dtype) else 1)


def _format(name: str) -> FloatFormat:
    return FORMATS[COMPLEX_PARTS.get(name, name)]


#: The rules by name; each says whether it rejects a result.
RULES: Mapping[str, Rule] = {
    "onnx": onnx,
    "torch": torch,
    "keras": keras,
    "jax": jax,
    "stablehlo": stablehlo,
    "wpt": wpt,
    "gamma": gamma,
    "tosa": tosa,
}
