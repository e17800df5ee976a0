"""
Sums of products: a convolution, and its gradients with respect to its two factors, over exact integers.

A `Stage` is the bilinear map y[n, p, o] = sum over k, c of x[n, q(p, k), c] * w[k, c, o]. Its three functions take and
return flat lists of integers in canonical order. A `Value` adds a power of two and the numbers that are not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import mul
from typing import TypeAlias

from .dtypes import Number
from .geometry import Reads

Integers: TypeAlias = "list[int]"
#: A bilinear map of two lists of integers; the third argument is the first factor at inserted zeros.
Bilinear: TypeAlias = Callable[["Sequence[int]", "Sequence[int]", int], Integers]


@dataclass(frozen=True)
class Value:
    """
    Numbers m * 2**exponent, flat in canonical order.

    `kinds` maps the places of other numbers to "nan", "inf", "-inf" or "-0"; `integers` is 0 there.
    """

    integers: Integers
    exponent: int = 0
    kinds: dict[int, str] = field(default_factory=dict)

    def numbers(self) -> list[Number]:
        """Return the numbers one by one."""
        return [self.kinds.get(place, (m, self.exponent)) for place, m in enumerate(self.integers)]


def value(numbers: Sequence[Number]) -> Value:
    """Return numbers over their smallest exponent."""
    kinds = {place: number for place, number in enumerate(numbers) if isinstance(number, str)}
    finite = [number if isinstance(number, tuple) else (0, 0) for number in numbers]
    exponent = min((e for m, e in finite if m), default=0)
    return Value([m << (e - exponent) if m else 0 for m, e in finite], exponent, kinds)


def plus(one: Value, other: Value, *, zero_start: bool = True) -> Value:
    """Return the sum of two values; -0.0 + -0.0 is -0.0 unless sums start from zero."""
    exponent = min(one.exponent, other.exponent)
    a, b = (each.exponent - exponent for each in (one, other))
    kinds = {}
    for place in one.kinds.keys() | other.kinds.keys():
        both = {one.kinds.get(place, ""), other.kinds.get(place, "")}
        if "nan" in both or both == {"inf", "-inf"}:
            kinds[place] = "nan"
        elif both & {"inf", "-inf"}:
            kinds[place] = "inf" if "inf" in both else "-inf"
        elif both == {"-0"} and not zero_start:
            kinds[place] = "-0"
    return Value([(m << a) + (n << b) for m, n in zip(one.integers, other.integers, strict=True)], exponent, kinds)


def minus(one: Value) -> Value:
    """Return the negated value; the sign of a zero is not kept."""
    opposite = {"nan": "nan", "inf": "-inf", "-inf": "inf"}
    kinds = {place: opposite[kind] for place, kind in one.kinds.items() if kind in opposite}
    return Value([-m for m in one.integers], one.exponent, kinds)


def product(function: Bilinear, one: Value, other: Value, *, multiplied: bool, signed_zero: bool = False) -> Value:
    """
    Return a bilinear map of two values by the rules of IEEE 754.

    `multiplied` multiplies inserted zeros too, which matters for factors that are not finite. `signed_zero` gives a
    zero the sign - if all of its terms are -0.0.
    """
    total = Value(function(one.integers, other.integers, 0), one.exponent + other.exponent)
    if not (one.kinds or other.kinds) and not signed_zero:
        return total
    counts = _Counts(function, one, other, inserted=int(multiplied))
    nan, up, down = counts.nans(), counts.infinities("inf"), counts.infinities("-inf")
    for place in range(len(total.integers)):
        if nan[place] or (up[place] and down[place]):
            total.kinds[place] = "nan"
        elif up[place] or down[place]:
            total.kinds[place] = "inf" if up[place] else "-inf"
        if place in total.kinds:
            total.integers[place] = 0
    if signed_zero:
        for place, (terms, minus_zeros) in enumerate(zip(counts.terms(), counts.minus_zeros(), strict=True)):
            if terms and terms == minus_zeros:
                total.kinds[place] = "-0"
    return total


class _Counts:
    """The numbers of terms of a kind in each sum, as the same sums over factors of 0 and 1."""

    def __init__(self, function: Bilinear, one: Value, other: Value, *, inserted: int) -> None:
        self.function, self.inserted = function, inserted
        self.left, self.right = _classes(one), _classes(other)

    def _count(self, *kinds: tuple[str, str]) -> Integers:
        found = [
            self.function(self.left[a], self.right[b], self.inserted if a in ("any", "zero", "plus") else 0)
            for a, b in kinds
        ]
        return [sum(each) for each in zip(*found, strict=True)]

    def nans(self) -> Integers:
        return self._count(("nan", "any"), ("any", "nan"), ("infinite", "zero"), ("zero", "infinite"))

    def infinities(self, sign: str) -> Integers:
        """Return the numbers of infinite terms of a sign."""
        same, opposite = ("inf", "-inf") if sign == "inf" else ("-inf", "inf")
        return self._count((same, "positive"), (opposite, "negative"), ("positive", same), ("negative", opposite))

    def terms(self) -> Integers:
        return self._count(("any", "any"))

    def minus_zeros(self) -> Integers:
        """Return the numbers of terms that are -0.0: the signs differ, and the terms are not negative numbers."""
        differing = self._count(("plus", "minus"), ("minus", "plus"))
        negative = self._count(("positive", "negative"), ("negative", "positive"))
        return [a - b for a, b in zip(differing, negative, strict=True)]


def _classes(each: Value) -> dict[str, Integers]:
    """Return for each class of numbers a list with 1 at its members; `plus` and `minus` are sign bits."""
    kinds = [each.kinds.get(place, "") for place in range(len(each.integers))]
    pairs = list(zip(each.integers, kinds, strict=True))
    return {
        "any": [1] * len(pairs),
        "nan": [int(kind == "nan") for kind in kinds],
        "inf": [int(kind == "inf") for kind in kinds],
        "-inf": [int(kind == "-inf") for kind in kinds],
        "infinite": [int(kind in ("inf", "-inf")) for kind in kinds],
        "positive": [int(m > 0 or kind == "inf") for m, kind in pairs],
        "negative": [int(m < 0 or kind == "-inf") for m, kind in pairs],
        "zero": [int(not m and kind in ("", "-0")) for m, kind in pairs],
        "plus": [int((not kind and m >= 0) or kind == "inf") for m, kind in pairs],
        "minus": [int((not kind and m < 0) or kind in ("-inf", "-0")) for m, kind in pairs],
    }


@dataclass(frozen=True, kw_only=True)
class Stage:
    """
    One convolution: its reads, and the numbers of samples, input positions, taps and channels.

    The kernel is flat as [taps, rows, columns], its rows being input channels. Group g contracts the `rows` of the
    kernel that `run(g)` lists with as many input channels and makes `filters` output channels.
    """

    reads: Reads
    samples: int
    positions: int
    taps: int
    channels: int
    groups: int
    #: Output channels of one group.
    filters: int
    #: The kernel's axes of channels.
    rows: int
    columns: int
    kind: str

    @property
    def outputs(self) -> int:
        """The number of output channels."""
        return self.groups * self.filters

    def _run(self, group: int) -> range:
        """Return the input channels of a group."""
        width = self.channels // self.groups
        return range(group * width, (group + 1) * width)

    def _weights(self, group: int) -> list[list[int]]:
        """Return, for each filter of a group, the places of its weights in one tap, by the channels of the group."""
        if self.kind == "depthwise":  # DEPTHWISE-2: filter m of channel c
            return [[group * self.columns + m] for m in range(self.filters)]
        if self.kind == "transposed":  # TRANS-8: all input channels, the output channels of one group
            return [[c * self.columns + o for c in self._run(group)] for o in range(self.filters)]
        first = group * self.filters  # GROUP-3: the channels of one group, all filters
        return [[i * self.columns + first + o for i in range(self.rows)] for o in range(self.filters)]

    def forward(self, x: Sequence[int], w: Sequence[int], inserted: int = 0) -> Integers:
        """Return y[n, p, o]; an inserted zero is read as `inserted`."""
        size, c = self.rows * self.columns, self.channels
        runs = [(self._run(group), self._weights(group)) for group in range(self.groups)]
        known: dict[tuple[int, ...], list[list[list[int]]]] = {}
        plans = []
        for reads in self.reads:
            kept = [(k, q) for k, q in reads if q is not None or inserted]
            taps = tuple(k for k, _ in kept)
            if taps not in known:
                known[taps] = [
                    [[w[k * size + place] for k in taps for place in places] for places in weights]
                    for _, weights in runs
                ]
            plans.append(([q for _, q in kept], known[taps]))
        y: Integers = []
        outside = [inserted] * c
        for n in range(self.samples):
            rows = [
                x[start : start + c] for start in range(n * self.positions * c, (n + 1) * self.positions * c, c or 1)
            ]
            rows = rows or [[]] * self.positions
            for elements, weights_of in plans:
                read = [outside if q is None else rows[q] for q in elements]
                for (run, _), filters in zip(runs, weights_of, strict=True):
                    if len(run) == c:
                        values = list(chain.from_iterable(read))
                    else:
                        values = list(chain.from_iterable(row[run.start : run.stop] for row in read))
                    y.extend([sum(map(mul, values, weights)) for weights in filters])
        return y

    def by_input(self, g: Sequence[int], w: Sequence[int], _: int = 0) -> Integers:
        """Return dx[n, q, c] = sum over p, k, o of g[n, p, o] * w[k, c, o] with q(p, k) = q (GRAD-1)."""
        size, c, count = self.rows * self.columns, self.channels, len(self.reads)
        dx = [0] * (self.samples * self.positions * c)
        runs = [(self._run(group), list(zip(*self._weights(group), strict=True))) for group in range(self.groups)]
        for n in range(self.samples):
            for p, reads in enumerate(self.reads):
                start = (n * count + p) * self.outputs
                for group, (run, weights) in enumerate(runs):
                    cotangent = g[start + group * self.filters : start + (group + 1) * self.filters]
                    if not any(cotangent):
                        continue
                    for k, q in reads:
                        if q is not None:
                            base = (n * self.positions + q) * c
                            for channel, places in zip(run, weights, strict=False):
                                found = [w[k * size + place] for place in places]
                                dx[base + channel] += sum(map(mul, cotangent, found))
        return dx

    def by_kernel(self, g: Sequence[int], x: Sequence[int], _: int = 0) -> Integers:
        """Return dw[k, c, o] = sum over n, p of g[n, p, o] * x[n, q(p, k), c] (GRAD-2)."""
        size, c, count = self.rows * self.columns, self.channels, len(self.reads)
        dw = [0] * (self.taps * size)
        runs = [(self._run(group), self._weights(group)) for group in range(self.groups)]
        for n in range(self.samples):
            for p, reads in enumerate(self.reads):
                start = (n * count + p) * self.outputs
                for group, (run, weights) in enumerate(runs):
                    for o, places in enumerate(weights):
                        factor = g[start + group * self.filters + o]
                        if not factor:
                            continue
                        for k, q in reads:
                            if q is not None:
                                base = (n * self.positions + q) * c
                                for channel, place in zip(run, places, strict=True):
                                    dw[k * size + place] += factor * x[base + channel]
        return dw
