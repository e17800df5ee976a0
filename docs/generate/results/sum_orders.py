"""
The order of summation of a target, found from the terms of 1 that are lost beside a large term.

In float32, 2^24 + 1 = 2^24. So a 1 that is added directly to the large term is lost, whereas ones that are first added
to each other are kept. Three sums have the large term at the beginning, in the middle and at the end. Their results
show the partial sums.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from conv_conformance.core.call import Call
from conv_conformance.core.dtypes import numpy_type
from conv_conformance.core.storage import Array

#: The case that shows the order; its input is all ones, so that the terms are the taps of the kernel.
CASE = "conv1d.numerics.order-of-33-channels"
#: The numbers of partial sums that are tried.
SUMS = (2, 4, 8, 16, 32)

#: The name of the order that returns an output, by the output's digest.
Orders: TypeAlias = dict[str, str]


def orders(call: Call, dtype: str) -> Orders:
    """
    Return the orders of a call by the digest of their output in `dtype`; empty if all orders have the same output.

    An order without a name is described by the numbers of ones that each sum has kept.
    """
    rows = call.arranged("kernel", "OIW")[:, :, 0].astype(np.float32)
    named: Orders = {}
    for name, sums in _named(rows):
        named.setdefault(_digest(call, sums, dtype), name)
    if len(named) < 2:
        return {}
    return _others(call, rows, dtype) | named


def _named(rows: Array) -> Iterator[tuple[str, Sequence[float]]]:
    """Yield the name of each known order, with the sum of each row in that order."""
    yield "none lost", [float(row.astype(np.float64).sum()) for row in rows]
    yield "one by one", [_in_turn(row) for row in rows]
    yield "one by one, the last first", [_in_turn(row[::-1]) for row in rows]
    for count in SUMS:
        yield f"{count} partial sums", [_pairwise([_in_turn(row[at::count]) for at in range(count)]) for row in rows]
    for count in SUMS:
        # The last part also has the remaining terms.
        ends = [len(rows[0]) // count * at for at in range(1, count)]
        yield f"{count} sums of neighbours", [_pairwise([*map(_in_turn, np.split(row, ends))]) for row in rows]


def _others(call: Call, rows: Array, dtype: str) -> Orders:
    """Return the orders without a name: one for each combination of kept ones, even numbers since 2^24 + n is even."""
    large, ones = float(rows[0].max()), rows.shape[1] - 1
    kept = product(range(0, ones + 1, 2), repeat=len(rows))
    return {
        _digest(call, [large + each for each in counts], dtype): (
            f"another order, {' + '.join(map(str, counts))} of {ones} ones kept"
        )
        for counts in kept
    }


def _in_turn(terms: Array) -> float:
    total = np.float32(0)
    for term in terms:
        total = np.float32(total + term)
    return float(total)


def _pairwise(sums: Sequence[float]) -> float:
    """Return the sum of partial sums, the upper half added to the lower until one is left."""
    left = np.asarray(sums, np.float32)
    while left.size > 1:
        left = left[: left.size // 2] + left[left.size // 2 :]
    return float(left[0])


def _digest(call: Call, sums: Sequence[float], dtype: str) -> str:
    """Return the digest of the output that has one of the sums in each channel."""
    batch, _, length = call.arranged("input", "NCW").shape
    channels = np.asarray(sums, np.float32).astype(numpy_type(dtype))
    output = np.broadcast_to(channels[None, :, None], (batch, len(sums), length))
    return hashlib.sha256(output.tobytes()).hexdigest()
