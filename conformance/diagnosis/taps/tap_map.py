"""
The tap map of a call: the input element that each kernel element multiplies, for each output element.

A convolution is linear in its input and in its kernel, so probes can recover its products. A probe is a call with the
same parameters. The probe's kernel has a single 1 and is zero elsewhere, and the value of each input element identifies
the element's position. The answers of a target and of the reference are decoded by the same code, which does not use
the call's geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core import Array, Call

#: A function that evaluates calls and returns their outputs. An output is None if the call returned nothing.
CallFunction = Callable[[Sequence[Call]], Sequence["Array | None"]]

#: The largest number of probes of a call, and the largest number of products in a tap map. If a kernel has too many
#: taps, only some of them are probed.
MOST, MOST_PRODUCTS = 1000, 5_000_000
#: The number of bits of the integers in a probe, by dtype. The number is so small that these integers are never
#: rounded.
BITS = {"bfloat16": 8, "int8": 7, "uint8": 7}
OTHER_BITS = {"float16", "float32", "float64", "int16", "int32", "int64", "complex64", "complex128"}
#: Entries of `reads`: NOTHING means no product. UNKNOWN means a contribution that is not a single input element times
#: one of WEIGHTS.
NOTHING, UNKNOWN = -1, -2
#: The factors of products that decoding tries.
WEIGHTS = (1, -1, 2, -2, 3, 4)
SEED = 20261126


@dataclass(frozen=True, kw_only=True, eq=False)
class TapMap:
    """
    The products of a call, as a target or the reference computes them.

    T is the number of probed taps and M the number of output elements. `taps` (T) holds flat indices into the kernel w,
    and `offset` (M) the flat output without any product, which is the bias. `constant` (M) is the flat output without
    any product or bias, which is zero for a convolution. `reads` (T, M) holds flat indices into the
    input x, and `weights` (T, M) the factors of the products:
    `y[m] = offset[m] + sum over t of weights[t,m] * x[reads[t,m]] * w[taps[t]]`.
    """

    taps: Array
    reads: Array
    weights: Array
    offset: Array
    constant: Array

    def sums(self, call: Call) -> Array:
        """Return a call's flat output (M) computed from this map in double precision; NaN if a product is unknown."""
        kernel = _wide(call.array("kernel").reshape(-1)[self.taps])[:, None]
        x = _wide(call.input.reshape(-1))
        with np.errstate(all="ignore"):
            products = np.where(self.reads >= 0, self.weights * x[np.maximum(self.reads, 0)] * kernel, 0)
            total = products.sum(axis=0) + self.offset
        return np.where((self.reads == UNKNOWN).any(axis=0), np.nan, total)


@dataclass(frozen=True, kw_only=True, eq=False)
class Probes:
    """
    The probes of a call: all-zero ones, then one for each tap and each row of `codes`.

    The first probe has an all-zero input and kernel. If the call has a bias, the second is the same without bias.
    `codes` has the shape (Q, input size), and each row is the flat input of a probe. `taps` holds flat indices into the
    kernel: all of them, or an evenly spaced selection.
    """

    call: Call
    taps: Array
    codes: Array

    def __len__(self) -> int:
        return self._silent + len(self.taps) * len(self.codes)

    @property
    def _silent(self) -> int:
        """The number of probes without products."""
        return 1 if self.call.bias is None else 2

    def calls(self) -> Iterator[Call]:
        """Yield the all-zero probes, with the bias and without, then one without for each tap and row of `codes`."""
        x, kernel = self.call.input, self.call.array("kernel")
        silent = replace(self.call, input=np.zeros_like(x), kernel=np.zeros_like(kernel))
        yield silent
        bare = self.call
        if self.call.bias is not None:
            no_bias = np.zeros_like(self.call.bias)
            bare = replace(self.call, bias=no_bias)
            yield replace(silent, bias=no_bias)
        inputs = [code.astype(x.dtype).reshape(x.shape) for code in self.codes]
        for tap in self.taps:
            one = np.zeros(kernel.size, kernel.dtype)
            one[tap] = 1
            for coded in inputs:
                yield replace(bare, input=coded, kernel=one.reshape(kernel.shape))

    def decoded(self, answers: Sequence[Array]) -> TapMap:
        """Return the tap map decoded from `answers`, the output arrays of the probes in the order of `calls`."""
        flat = [_wide(each).reshape(-1) for each in answers]
        constant = flat[self._silent - 1]
        with np.errstate(invalid="ignore"):  # a constant may be infinite
            others = [each - constant for each in flat[self._silent :]]
        book, count = Codebook(self.codes, bits(self.call)), len(self.codes)
        rows = [book.looked_up(others[at : at + count]) for at in range(0, len(others), count)]
        reads, weights = (np.stack(each) for each in zip(*rows, strict=True))
        return TapMap(taps=self.taps, reads=reads, weights=weights, offset=flat[0], constant=constant)


class Codebook:
    """Finds input elements by their codes. The Q numbers of a code are the digits of one integer key."""

    def __init__(self, codes: Array, bits: int) -> None:
        self._base = 4 << bits
        keys = self._keys(codes)
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def looked_up(self, rows: Sequence[Array]) -> tuple[Array, Array]:
        """For each column of `rows` (Q, M), return the element and the weight with column = code[element] * weight."""
        answers = np.stack(rows)
        seen, is_zero = answers.real, (answers == 0).all(axis=0)
        is_whole = (np.isfinite(answers) & (answers == np.rint(seen)) & (np.abs(seen) < self._base)).all(axis=0)
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
    """Return the probes of a call with `outputs` output elements; None if the call's arrays cannot hold the codes."""
    if call.kernel is None or not bits(call) or not call.input.size or not call.kernel.size or _is_shared(call):
        return None
    rows = max(2, math.ceil((math.log2(call.input.size) + 13) / bits(call)))
    most = min((MOST - 1) // rows, MOST_PRODUCTS // max(outputs, 1))
    if not most:
        return None
    taps = np.linspace(0, call.kernel.size - 1, min(call.kernel.size, most)).astype(np.int64)
    codes = np.random.default_rng(SEED).integers(1, 2 ** bits(call), (rows, call.input.size))
    return Probes(call=plain(call), taps=taps, codes=codes)


def plain(call: Call) -> Call:
    """Return the call without gradients and directions, so that it requests only its output."""
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
    """Return how many bits an integer may have so that every array holds it exactly; 0 if a dtype is unsuitable."""
    names = {call.dtype_of(name) for name in ("input", "kernel", "output")}
    if not names <= BITS.keys() | OTHER_BITS:
        return 0
    return min(BITS.get(name, 11) for name in names)


def _is_shared(call: Call) -> bool:
    """Return whether elements of any array share memory, so that these elements cannot hold different codes."""
    return any(str(each or "").startswith("broadcast") for each in vars(call.storage).values())


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
