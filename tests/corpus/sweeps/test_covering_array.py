"""Combinations without trying them all: the covering array of pairs, and draws."""

from __future__ import annotations

import itertools
import math
import sys
from functools import cache
from pathlib import Path

import pytest
from conv_conformance.corpus.sweeps.covering_array import Row, drawn, pairs
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import covering as counted

# Both counts are of the same points: the command lists them once.
counted.points = cache(counted.points)

SIZES = st.lists(st.integers(1, 5), min_size=2, max_size=6)


def met(rows: list[Row]) -> set[tuple[tuple[int, int], ...]]:
    """Return the pairs of values in rows, as ((axis, value), (axis, value))."""
    return {pair for row in rows for pair in itertools.combinations(enumerate(row), 2)}


def every(sizes: list[int]) -> set[tuple[tuple[int, int], ...]]:
    """Return the pairs of values that there are."""
    return met(list(itertools.product(*map(range, sizes))))


@given(sizes=SIZES, seed=st.integers(1, 1000))
@settings(max_examples=60, deadline=None)
def test_every_two_values_of_every_two_axes_stand_together(sizes: list[int], seed: int) -> None:
    """The array has all pairs, no row twice, and nothing that is no value."""
    rows = list(pairs(sizes, lambda row: True, seed))
    assert every(sizes) == met(rows)
    assert len(rows) == len(set(rows))


@given(sizes=SIZES, seed=st.integers(1, 1000), modulus=st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_pairs_are_missing_only_where_no_wanted_row_has_them(sizes: list[int], seed: int, modulus: int) -> None:
    """Whatever is wanted, the array has the pairs of all wanted rows, and none of another."""

    def is_wanted(row: Row) -> bool:
        return (3 * row[0] + row[-1] + sum(row)) % modulus != 1

    possible = met([row for row in itertools.product(*map(range, sizes)) if is_wanted(row)])
    rows = list(pairs(sizes, is_wanted, seed))
    assert all(map(is_wanted, rows))
    assert possible >= met(rows)
    assert len(possible - met(rows)) <= 0.02 * len(possible)


@pytest.mark.parametrize("sizes", [[14, 11, 7, 6, 5, 4, 4, 3, 3, 2, 2], [7, 6, 5, 5, 4, 4, 3, 3, 2], [3] * 12])
def test_an_array_is_small(sizes: list[int]) -> None:
    """It has hardly more rows than the two longest axes have pairs."""
    largest = math.prod(sorted(sizes)[-2:])
    assert len(list(pairs(sizes, lambda row: True, 1))) <= max(1.3 * largest, largest + 12)


def test_an_array_is_the_same_every_time() -> None:
    """The seed alone decides: the ids of points are the same on every machine."""
    first = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (2, 0, 0), (2, 1, 1)]
    assert first == list(pairs([3, 2, 2], lambda row: True, 5))


def test_draws_follow_the_generator_of_the_format() -> None:
    """x <- 16807 x mod (2**31 - 1), the first discarded; each is floor(x * size / (2**31 - 1)); a row counts once."""
    x, rows = 7 * 16807 % (2**31 - 1), []
    while len(rows) < 5:
        row = []
        for size in (3, 4):
            x = x * 16807 % (2**31 - 1)
            row.append(x * size // (2**31 - 1))
        if tuple(row) not in rows:
            rows.append(tuple(row))
    assert rows == list(drawn([3, 4], 5, 7))


def test_no_more_is_drawn_than_there_is() -> None:
    """All combinations, each once."""
    assert sorted(itertools.product(range(3), range(2))) == sorted(drawn([3, 2], 100, 1))


def test_the_arrays_of_the_corpus_lack_no_pair_that_is_possible() -> None:
    """Counted from the ids alone, by a program that did not make them."""
    found = counted.report("quick")
    assert found.pop("enlarged") > 350
    assert {name: ([], 0) for name in found} == {
        name: (each["lacking"], each["foreign"]) for name, each in found.items()
    }
    assert len(found) == 10


def test_a_pair_that_is_lacking_is_seen() -> None:
    """The counting program notices points that were taken away, and values that no axis has."""
    sweep = counted.sweeps()["separable-conv.pairs"]
    points = [values for name, values in map(counted.parsed, counted.points("quick")) if name == sweep["id"]]
    whole = set(counted.tuples(sweep, 2))
    assert whole == counted.met(points, 2)
    assert whole > counted.met(points[1:], 2)
    assert not whole >= counted.met([*points, {**points[0], "rank": "4"}], 2)
