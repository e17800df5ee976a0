"""
Sums of products of large integers, computed modulo several primes.

Modulo each prime, the sums are exact in float64. The Chinese remainder theorem recovers the integer sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from ...core import Array

#: A function that computes sums of products of two float64 arrays.
Products = Callable[[Array, Array], Array]


def summed(products: Products, left: Array, right: Array, count: int) -> Array:
    """Return exact sums of at most `count` products each; `left`, `right` and the sums are object arrays of int."""
    most = max(count, 1) * max(_largest(left), 1) * max(_largest(right), 1)
    total, modulus = np.array(0, object), 1
    for prime in _primes(math.isqrt(2**53 // max(count, 1))):
        if modulus > 2 * most:
            break
        remainders = products(_remainders(left, prime), _remainders(right, prime)) % prime
        missing = (_integers(remainders) - total) * pow(modulus, -1, prime) % prime
        total, modulus = total + modulus * missing, modulus * prime
    return np.where(total > modulus // 2, total - modulus, total)


def _largest(integers: Array) -> int:
    return max((abs(int(value)) for value in integers.flat), default=0)


def _remainders(integers: Array, prime: int) -> Array:
    return (integers % prime).astype(np.float64)


def _integers(values: Array) -> Array:
    return values.astype(np.int64).astype(object)


def _primes(below: int) -> Iterator[int]:
    """Yield the primes up to `below`, at most 2**20, largest first; raise OverflowError if `below` < 2**12."""
    if below < 2**12:
        raise OverflowError("too many products: sums of remainders would not be exact in float64")
    yield from reversed(_sieved(min(below, 2**20)))


@cache
def _sieved(most: int) -> tuple[int, ...]:
    is_prime = np.ones(most + 1, bool)
    is_prime[:2] = False
    for number in range(2, math.isqrt(most) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = False
    return tuple(int(number) for number in np.flatnonzero(is_prime))
