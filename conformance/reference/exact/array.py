"""
Arrays of exact numbers: integers times one power of two, with codes for NaN, infinities and -0.0.

Sums of products of such arrays are integer sums. They are computed
- in float64, if every partial sum is below 2**53;
- with Python integers, if there are few products, or if the exponents are too far apart for slices;
- in float64 by slices of the integers, in all other cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...core import Array
from . import slices
from .expansion import WIDEST, Expansion, expansion
from .slices import Bilinear

#: float64 represents every integer below this magnitude exactly.
LIMIT = 2.0**53
#: Up to this number of products, Python integers are faster than slices.
FEW = 1000

ORDINARY, NAN, PLUS_INFINITY, MINUS_INFINITY, MINUS_ZERO, ABSENT = range(6)
_NEGATED = np.array([ORDINARY, NAN, MINUS_INFINITY, PLUS_INFINITY, ORDINARY, ABSENT], np.int8)
_to_int = np.frompyfunc(int, 1, 1)
_shift = np.frompyfunc(lambda value, by: int(value) << by if by >= 0 else int(value) >> -by, 2, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Exact:
    """
    An array of numbers `integers` * 2**`exponent`.

    `integers` is a float64 array, or an object array of int. If float64 is too narrow for the integers, `integers` is
    the first array of an expansion and `rest` has the other arrays; see `Expansion`.
    `special` (int8, or None if all elements are ORDINARY) has the code of each element. The integer of an element that
    is not ORDINARY is 0. ABSENT elements take part in no product.
    """

    integers: Array
    exponent: int = 0
    special: Array | None = None
    rest: Expansion = ()

    @property
    def expansion(self) -> Expansion:
        """The tuple of `integers` and `rest`. The sum of these arrays gives the integers."""
        return (self.integers, *self.rest)

    @property
    def codes(self) -> Array:
        """The code of each element, as int8."""
        return np.zeros(self.integers.shape, np.int8) if self.special is None else self.special

    @property
    def is_finite(self) -> bool:
        """True if no element is NaN or infinite."""
        return self.special is None or not np.isin(self.special, (NAN, PLUS_INFINITY, MINUS_INFINITY)).any()

    def moved(self, change: Callable[[Array], Array]) -> Exact:
        """Return the elements rearranged by `change`, which may reshape, permute or select them."""
        special = None if self.special is None else change(self.special)
        first, *rest = map(change, self.expansion)
        return Exact(integers=first, exponent=self.exponent, special=special, rest=tuple(rest))

    def negated(self) -> Exact:
        """Return the numbers with their signs inverted, including the signs of zeros and infinities."""
        codes = _NEGATED[self.codes]
        codes[(self.integers == 0) & (self.codes == ORDINARY)] = MINUS_ZERO
        rest = tuple(-part for part in self.rest)
        return Exact(integers=-self.integers, exponent=self.exponent, special=codes, rest=rest)

    def signs(self) -> Array:
        """Return the sign of each element, including zeros and infinities, as 1.0 or -1.0; 0.0 for absent elements."""
        minus = (self.integers < 0) | np.isin(self.codes, (MINUS_INFINITY, MINUS_ZERO))
        return np.where(self.codes == ABSENT, 0.0, np.where(minus, -1.0, 1.0))

    def zeros(self) -> Array:
        """Return a boolean array that is true for +0.0 and -0.0."""
        zeros: Array = (self.integers == 0) & np.isin(self.codes, (ORDINARY, MINUS_ZERO))
        return zeros


def exact(array: Array) -> Exact:
    """Return the exact numbers of a real array, whose dtype may be any real dtype of the case format."""
    if array.dtype.kind in "iu":
        return _whole(array)
    values = array.astype(np.float64)
    minus_zeros = (values == 0) & np.signbit(values)
    if np.isfinite(values).all() and not minus_zeros.any():
        return _scaled(values)
    codes = np.select(
        [np.isnan(values), values == np.inf, values == -np.inf, minus_zeros],
        [NAN, PLUS_INFINITY, MINUS_INFINITY, MINUS_ZERO],
        ORDINARY,
    ).astype(np.int8)
    numbers = _scaled(np.where(codes == ORDINARY, values, 0.0))
    return Exact(integers=numbers.integers, exponent=numbers.exponent, special=codes)


def _whole(array: Array) -> Exact:
    values = array.astype(np.float64)
    if _fits(values):
        return Exact(integers=values)
    high = array >> 32
    low = array - (high << 32)
    first, *rest = expansion([high * 2.0**32, low * 1.0])
    return Exact(integers=first, rest=tuple(rest))


def _fits(values: Array) -> bool:
    return bool((np.abs(values) < LIMIT).all())


def _scaled(values: Array) -> Exact:
    if _fits(values) and (np.rint(values) == values).all():
        return Exact(integers=values)
    exponent = _lowest(values)
    if int(np.frexp(np.abs(values).max())[1]) - exponent <= WIDEST:
        return Exact(integers=np.ldexp(values, -exponent), exponent=exponent)
    fractions, exponents = np.frexp(values)
    # Zeros have no exponent, so they are not shifted. Shifts of other elements drop only bits that are 0.
    shifts = np.where(values == 0, 0, exponents - 53 - exponent)
    integers = np.ldexp(fractions, 53).astype(np.int64)
    return Exact(integers=_shifted(integers, shifts), exponent=exponent)


def _lowest(values: Array) -> int:
    """Return the exponent of the lowest non-zero bit in an array of float64 numbers, which must not all be 0."""
    sizes = np.abs(values)
    bits = sizes.view(np.int64)
    lowest = sizes - (bits & (bits - 1)).view(np.float64)
    # If the number is 2**e, its significand field is 0, and clearing the lowest bit changes the exponent field instead.
    np.copyto(lowest, sizes, where=lowest >= sizes / 2)
    lowest[sizes == 0] = np.inf
    return int(np.frexp(lowest.min(initial=np.inf))[1]) - 1


def _shifted(integers: Array, by: Array | int) -> Array:
    return np.asarray(_shift(integers, by), object).reshape(integers.shape)


def _shrunk(integers: Array) -> Array:
    if integers.dtype == object and all(-LIMIT < value < LIMIT for value in integers.flat):
        return integers.astype(np.float64)
    return integers


def dot(apply: Bilinear, left: Exact, right: Exact, *, zero_start: bool = False) -> Exact:
    """
    Return the exact sums of products that `apply` computes. No sum may use an element of `right` twice.

    Terms with NaN or an infinity follow IEEE 754. A sum without terms is 0.0.
    A sum whose terms are all -0.0 is -0.0, unless it starts from 0.0 (`zero_start`).
    """
    integers, *rest = _sums(apply, left, right)
    codes = np.zeros(integers.shape, np.int8)
    if not zero_start:
        codes[_minus_zeros(apply, left, right, integers == 0)] = MINUS_ZERO
    if not (left.is_finite and right.is_finite):
        nonfinite = _nonfinite(apply, left, right)
        codes = np.where(nonfinite == ORDINARY, codes, nonfinite)
        integers, *rest = (np.where(nonfinite == ORDINARY, part, 0) for part in (integers, *rest))
    special = codes if codes.any() else None
    return Exact(integers=integers, exponent=left.exponent + right.exponent, special=special, rest=tuple(rest))


def _sums(apply: Bilinear, left: Exact, right: Exact) -> Expansion:
    is_float = left.integers.dtype != object and right.integers.dtype != object
    if is_float and not left.rest and not right.rest and _sums_fit(apply, left.integers, right.integers):
        return (apply(left.integers, right.integers),)
    count = math.prod(right.integers.shape[1:-1])
    if is_float and _work(left.integers, right.integers) > FEW and slices.fits(left.expansion, right.expansion, count):
        return slices.summed(apply, left.expansion, right.expansion, count)
    return (_shrunk(apply(whole(left), whole(right))),)


def _work(left: Array, right: Array) -> int:
    """Return the approximate number of products: the positions in `left` times the elements of one group's kernel."""
    work: int = left.size // max(left.shape[-1], 1) * math.prod(right.shape[1:])
    return work


def _sums_fit(apply: Bilinear, left: Array, right: Array) -> bool:
    largest = np.abs(left).max(initial=0) * np.abs(right).max(initial=0)
    if not largest < LIMIT:
        return False
    # Rounding is monotonic, so if the rounded sum of magnitudes is below the limit, the exact sum is below it, too.
    return bool(largest * right.size < LIMIT) or _fits(apply(np.abs(left), np.abs(right)))


def whole(numbers: Exact) -> Array:
    """Return the integers as an object array of int."""
    if numbers.integers.dtype == object:
        return numbers.integers
    first, *rest = (np.asarray(_to_int(part), object).reshape(part.shape) for part in numbers.expansion)
    return np.asarray(sum(rest, first), object)


def _minus_zeros(apply: Bilinear, left: Exact, right: Exact, candidates: Array) -> Array:
    # True for sums of one or more zeros in which the two factors of each term have opposite signs.
    if not candidates.any():
        return candidates
    signs, other_signs = left.signs(), right.signs()
    if min(signs.min(initial=1), other_signs.min(initial=1)) > 0:
        return np.zeros_like(candidates)
    candidates = candidates & (apply(np.abs(signs) * ~left.zeros(), 1.0 * ~right.zeros()) == 0)
    if not candidates.any():
        return candidates
    terms = apply(np.abs(signs), np.abs(other_signs))
    found: Array = candidates & (terms > 0) & (apply(signs, other_signs) == -terms)
    return found


def _nonfinite(apply: Bilinear, left: Exact, right: Exact) -> Array:
    signs, other_signs = left.signs(), right.signs()
    nan, other_nan = left.codes == NAN, right.codes == NAN
    infinite, other_infinite = _infinite(left), _infinite(right)
    invalid = (
        apply(1.0 * nan, np.ones(other_nan.shape))
        + apply(np.abs(signs) * ~nan, 1.0 * other_nan)
        + apply(1.0 * infinite, 1.0 * right.zeros())
        + apply(1.0 * left.zeros(), 1.0 * other_infinite)
    )
    count = apply(1.0 * infinite, np.abs(other_signs)) + apply(np.abs(signs) * ~infinite, 1.0 * other_infinite)
    balance = apply(signs * infinite, other_signs) + apply(signs * ~infinite, other_signs * other_infinite)
    codes = np.where(balance == 0, ORDINARY, np.where(balance > 0, PLUS_INFINITY, MINUS_INFINITY))
    return np.where((invalid > 0) | (np.abs(balance) < count), NAN, codes).astype(np.int8)


def _infinite(numbers: Exact) -> Array:
    return np.isin(numbers.codes, (PLUS_INFINITY, MINUS_INFINITY))


def add(left: Exact, right: Exact) -> Exact:
    """Return the exact sums of two arrays, broadcast against each other. NaN, infinities and -0.0 follow IEEE 754."""
    exponent = min(left.exponent, right.exponent)
    total, *rest = _total(*(_aligned(number, exponent) for number in (left, right)))
    if left.special is None and right.special is None:
        return Exact(integers=total, exponent=exponent, rest=tuple(rest))
    codes = _SUM[left.codes, right.codes]
    total, *rest = (np.where(np.isin(codes, (ORDINARY, MINUS_ZERO)), part, 0) for part in (total, *rest))
    return Exact(integers=total, exponent=exponent, special=codes, rest=tuple(rest))


def _aligned(numbers: Exact, exponent: int) -> Expansion:
    by = numbers.exponent - exponent
    if by == 0:
        return numbers.expansion
    if numbers.integers.dtype != object and (np.abs(numbers.integers) < 2.0 ** (WIDEST - by)).all():
        return tuple(np.ldexp(part, by) for part in numbers.expansion)
    return (_shifted(whole(numbers), by),)


def _total(left: Expansion, right: Expansion) -> Expansion:
    if left[0].dtype != object and right[0].dtype != object:
        return expansion([*np.broadcast_arrays(*left, *right)])
    one, other = (whole(Exact(integers=first, rest=tuple(rest))) for first, *rest in (left, right))
    return (_shrunk(np.asarray(one + other, object)),)


def _sum_of_codes() -> Array:
    table = np.full((6, 6), ORDINARY, np.int8)
    table[MINUS_ZERO, MINUS_ZERO] = MINUS_ZERO
    for infinity in (PLUS_INFINITY, MINUS_INFINITY):
        table[infinity, :] = table[:, infinity] = infinity
    table[PLUS_INFINITY, MINUS_INFINITY] = table[MINUS_INFINITY, PLUS_INFINITY] = NAN
    table[NAN, :] = table[:, NAN] = NAN
    return table


_SUM = _sum_of_codes()
