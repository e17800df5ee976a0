"""
Which element of the input each element of the kernel multiplies, for which element of the output.

A convolution is linear in its input and in its kernel. Probes recover it: calls of the same form whose kernel is zero
but for a single one, and whose input says by its numbers where each of them stands. What any evaluator makes of the
probes is decoded alike, so that a target is held against the reference without a word about geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core import Array, Call

#: Says what calls return, None for one that returns nothing.
CallFunction = Callable[[Sequence[Call]], Sequence["Array | None"]]

#: A call takes at most so many probes, and so many products are told apart; of a larger kernel some are probed.
MOST, MOST_PRODUCTS = 1000, 5_000_000
#: How many bits a number of a probe has, so that no arithmetic rounds it.
BITS = {"bfloat16": 8, "int8": 7, "uint8": 7}
OTHER_BITS = {"float16", "float32", "float64", "int16", "int32", "int64", "complex64", "complex128"}
#: What stands in `reads` where a product is none, and where it is not one element of the input with a weight.
NOTHING, UNKNOWN = -1, -2
#: The weights that are looked for.
WEIGHTS = (1, -1, 2, -2, 3, 4)
SEED = 20261126


@dataclass(frozen=True, kw_only=True, eq=False)
class TapMap:
    """
    The linear map of a call, as somebody applies it.

    For each kernel element of `taps` (T, their places in the flat kernel) and each of M elements of the flat output
    `reads` is the place in the flat input of what it multiplies, and `weights` the weight that the product has.
    `offset` (M) is what the output has without any product: the bias.
    """

    taps: Array
    reads: Array
    weights: Array
    offset: Array

    def sums(self, call: Call) -> Array:
        """Return what the map makes of a call, in double precision (M); NaN where a product is not known."""
        kernel = _wide(call.array("kernel").reshape(-1)[self.taps])[:, None]
        x = _wide(call.input.reshape(-1))
        with np.errstate(all="ignore"):
            products = np.where(self.reads >= 0, self.weights * x[np.maximum(self.reads, 0)] * kernel, 0)
            total = products.sum(axis=0) + self.offset
        return np.where((self.reads == UNKNOWN).any(axis=0), np.nan, total)


@dataclass(frozen=True, kw_only=True, eq=False)
class Probes:
    """
    The probes of a call: first all zeros but the bias, then for each of `taps` as many as `codes` (Q, inputs) has rows.

    `taps` are places in the flat kernel: all of them, or some evenly chosen.
    """

    call: Call
    taps: Array
    codes: Array

    def __len__(self) -> int:
        return 1 + len(self.taps) * len(self.codes)

    def calls(self) -> Iterator[Call]:
        """Yield the calls."""
        x, kernel = self.call.input, self.call.array("kernel")
        yield replace(self.call, input=np.zeros_like(x), kernel=np.zeros_like(kernel))
        bare = self.call if self.call.bias is None else replace(self.call, bias=np.zeros_like(self.call.bias))
        inputs = [code.astype(x.dtype).reshape(x.shape) for code in self.codes]
        for tap in self.taps:
            one = np.zeros(kernel.size, kernel.dtype)
            one[tap] = 1
            for coded in inputs:
                yield replace(bare, input=coded, kernel=one.reshape(kernel.shape))

    def decoded(self, answers: Sequence[Array]) -> TapMap:
        """Return the map that gave these answers, arrays of one shape in the order of the calls."""
        first, *others = (_wide(each).reshape(-1) for each in answers)
        book, many = Codebook(self.codes, bits(self.call)), len(self.codes)
        found = [book.looked_up(others[at : at + many]) for at in range(0, len(others), many)]
        reads, weights = (np.stack(each) for each in zip(*found, strict=True))
        return TapMap(taps=self.taps, reads=reads, weights=weights, offset=first)


class Codebook:
    """Which element of the input has which numbers in the probes: they are digits of one key."""

    def __init__(self, codes: Array, bits: int) -> None:
        self._base = 4 << bits
        keys = self._keys(codes)
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def looked_up(self, rows: Sequence[Array]) -> tuple[Array, Array]:
        """Return the element that has the numbers of each column (M), and the weight that it has them with."""
        given = np.stack(rows)
        seen, is_zero = given.real, (given == 0).all(axis=0)
        is_whole = (np.isfinite(given) & (given == np.rint(seen)) & (np.abs(seen) < self._base)).all(axis=0)
        reads = np.where(is_zero, NOTHING, UNKNOWN)
        weights = np.ones_like(reads)
        keys = self._keys(np.where(is_whole, seen, 0))
        for weight in reversed(WEIGHTS):
            at = np.minimum(np.searchsorted(self._sorted, keys // weight), len(self._sorted) - 1)
            fits = is_whole & ~is_zero & (self._sorted[at] * weight == keys)
            reads, weights = np.where(fits, self._order[at], reads), np.where(fits, weight, weights)
        return reads, weights

    def _keys(self, rows: Array) -> Array:
        digits = self._base ** np.arange(len(rows), dtype=np.int64)
        return np.asarray((rows.astype(np.int64) * digits[:, None]).sum(axis=0))


def probes(call: Call, outputs: int) -> Probes | None:
    """Return the probes of a call with so many outputs, None where its arrays cannot hold numbers that say their place."""
    if call.kernel is None or not bits(call) or not call.input.size or not call.kernel.size or _is_shared(call):
        return None
    many = max(2, math.ceil((math.log2(call.input.size) + 13) / bits(call)))
    most = min((MOST - 1) // many, MOST_PRODUCTS // max(outputs, 1))
    if not most:
        return None
    taps = np.linspace(0, call.kernel.size - 1, min(call.kernel.size, most)).astype(np.int64)
    codes = np.random.default_rng(SEED).integers(1, 2 ** bits(call), (many, call.input.size))
    return Probes(call=plain(call), taps=taps, codes=codes)


def plain(call: Call) -> Call:
    """Return a call that asks for its output alone."""
    return replace(
        call,
        cotangent=None,
        gradients=(),
        input_direction=None,
        kernel_direction=None,
        bias_direction=None,
        second_order=(),
    )


def bits(call: Call) -> int:
    """Return how many bits a whole number has that every array of the call holds; 0 where no probe can be made."""
    names = {call.dtype_of(name) for name in ("input", "kernel", "output")}
    if not names <= BITS.keys() | OTHER_BITS:
        return 0
    return min(BITS.get(name, 11) for name in names)


def _is_shared(call: Call) -> bool:
    """Say whether some elements of an array are the same memory, so that they cannot hold different numbers."""
    return any(str(each or "").startswith("broadcast") for each in vars(call.storage).values())


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
