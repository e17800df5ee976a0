"""
What the exact reference costs on float32 data, beside others that sum products exactly, and beside BLAS.

Each size is one pointwise convolution of Gaussian float32 numbers, which is a matrix product: the reference evaluates
it, float64 BLAS multiplies it (inexactly), and `math.fsum` and `Fraction` sum some of its elements, timed for as many
as fit into a moment and counted up. `plain` is the reference with Python's integers in place of slices.
Then it compares dot products with Fraction bit for bit, a third of them made to end half way between two float32
numbers, or just beside that; prints `equal N of N` last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from time import perf_counter
from unittest.mock import patch

import numpy as np
from conv_conformance import Call
from conv_conformance.core.storage import Array
from conv_conformance.reference import evaluate
from conv_conformance.workers.plan import SMOKE
from support import result

#: Rows, products behind an element, and filters of each size.
SIZES = (
    (10, 10, 10),
    (20, 25, 20),
    (10, 100, 100),
    (100, 100, 100),
    (140, 576, 64),
    (280, 576, 64),
    (1400, 576, 64),
    (2800, 576, 64),
)
#: From this many products on the ratios are held to what was asked of them.
LARGE = 5_000_000


def pointwise(left: Array, right: Array) -> Call:
    """Return the call that multiplies a matrix (rows, k) by one of (k, filters)."""
    return replace(SMOKE, input=left[np.newaxis], kernel=right[np.newaxis])


def seconds(function: Callable[[], object], moment: float = 0.3) -> float:
    """Return the fastest time of a function that is called for about a moment, at least twice."""
    fastest, calls, begun = math.inf, 0, perf_counter()
    while calls < 2 or perf_counter() - begun < moment:
        start = perf_counter()
        function()
        fastest = min(fastest, perf_counter() - start)
        calls += 1
    return fastest


def measure(rows: int, depth: int, filters: int) -> dict[str, float]:
    """Return the seconds of each way for one size, and their ratios."""
    draw = np.random.default_rng(rows * depth * filters)
    left = draw.normal(size=(rows, depth)).astype(np.float32)
    right = draw.normal(size=(depth, filters)).astype(np.float32)
    call = pointwise(left, right)
    doubles = left.astype(np.float64), right.astype(np.float64)
    count = rows * depth * filters
    ours, blas = seconds(lambda: evaluate(call)), seconds(lambda: doubles[0] @ doubles[1])
    one = {
        "fsum": seconds(lambda: math.fsum(doubles[0][0] * doubles[1][:, 0]), 0.1) * rows * filters,
        "fraction": seconds(lambda: _fraction(doubles[0][0], doubles[1][:, 0]), 0.1) * rows * filters,
    }
    measured = {"products": count, "reference": ours, "blas": blas, **one, "ours_to_blas": ours / blas}
    measured |= {f"{name}_to_ours": taken / ours for name, taken in one.items()}
    if count < LARGE / 10:
        with patch("conv_conformance.reference.exact.array.FEW", math.inf):
            plain = seconds(lambda: evaluate(call))
        measured |= {"plain": plain, "ours_to_plain": ours / plain}
    return measured


def _fraction(left: Array, right: Array) -> Fraction:
    return sum((Fraction(a) * Fraction(b) for a, b in zip(left.tolist(), right.tolist(), strict=True)), Fraction(0))


def compared(rounds: int) -> tuple[int, int]:
    """Return how many dot products equalled those of Fraction, rounded to float32, and how many there were."""
    draw = np.random.default_rng(7)
    equal = total = 0
    for number in range(rounds):
        left, right = _operands(draw, number)
        with patch("conv_conformance.reference.exact.array.FEW", 0):
            got = evaluate(pointwise(left, right))[0]
        wanted = [[_nearest(_fraction(row, column)) for column in right.T] for row in left]
        equal += int((got == np.array(wanted, np.float32)).sum())
        total += got.size
    return equal, total


def _operands(draw: np.random.Generator, number: int) -> tuple[Array, Array]:
    left, right = draw.normal(size=(4, 30)), draw.normal(size=(30, 5))
    if number % 3 == 1:
        right *= 2.0 ** draw.integers(-30, 30, right.shape)
    if number % 3 == 2:
        # 1 and half a step beside terms that cancel, but for one that is far too small to be seen.
        left[:, :4], right[:4] = [1, 2.0**-12, 1, 1], [[1], [2.0**-12], [0], [0]]
        left[:, 17:], right[17:] = left[:, 4:17], -right[4:17]
        right[2] = draw.choice([0, 2.0**-60, -(2.0**-60)], 5)
        right[3] = draw.integers(0, 4, 5) * 2.0**-23
    return left.astype(np.float32), right.astype(np.float32)


def _nearest(exact: Fraction) -> np.float32:
    """Return the float32 nearest to a number in its normal range, of two the even one."""
    below = np.float32(float(exact))
    near = sorted({np.nextafter(below, np.float32(-np.inf)), below, np.nextafter(below, np.float32(np.inf))})
    return min(near, key=lambda value: (abs(Fraction(float(value)) - exact), value.view(np.int32) & 1))


def main() -> None:
    """Measure every size, compare, print and write the result."""
    parser = result.options(__doc__, "reference")
    parser.add_argument("--rounds", type=int, default=300, help="matrix products of 20 elements that are compared")
    options = parser.parse_args()
    if options.small:
        options.rounds = 6
    print(f"{'products':>11} {'reference':>10} {'/ BLAS':>8} {'fsum /':>8} {'Fraction /':>11} {'/ plain':>8}")
    rows = []
    for size in SIZES[:1] if options.small else SIZES:
        rows.append(row := measure(*size))
        plain = f"{row['ours_to_plain']:8.2f}" if "plain" in row else ""
        print(
            f"{row['products']:11,} {1e3 * row['reference']:7.2f} ms {row['ours_to_blas']:8.1f}"
            f" {row['fsum_to_ours']:8.1f} {row['fraction_to_ours']:11,.0f} {plain}"
        )
    equal, total = compared(options.rounds)
    print(f"equal {equal} of {total}")
    if options.json:
        result.keep(options.json, {"sizes": rows, "equal": equal, "compared": total})


if __name__ == "__main__":
    main()
