"""Portions of outputs: which elements each holds, of outputs of any size."""

from __future__ import annotations

import numpy as np
import pytest
from conv_conformance.calls.portions import PORTIONS
from conv_conformance.core.storage import Array


@pytest.mark.parametrize(
    ("name", "shape", "held"),
    [
        ("in every sample but the first", (3, 1, 1), [1, 2]),
        ("in the first output channel", (1, 3, 1), [0]),
        ("in the last place of the last axis", (1, 1, 4), [3]),
        ("in every place of the last axis but the last", (1, 1, 4), [0, 1, 2]),
        ("in the last sample of several", (1, 1, 2), []),
        ("in the last sample of several", (2, 1, 2), [2, 3]),
        ("in each output channel but the first and the last", (1, 4, 1), [1, 2]),
        ("in each place of the last axis from index 3 on", (1, 1, 5), [3, 4]),
        ("in each output channel behind the last full block of 4", (1, 6, 1), [4, 5]),
        ("in each output channel behind the last full block of 4", (1, 8, 1), []),
        ("in each output channel behind the last full block of 8", (1, 3, 1), [0, 1, 2]),
        ("in every second place of the first spatial axis", (1, 1, 3, 2), [2, 3]),
        ("in the last place of the first spatial axis", (1, 1, 2, 3), [3, 4, 5]),
        ("away from every border", (1, 1, 3, 4), [5, 6]),
        ("at the border", (1, 1, 3, 3), [0, 1, 2, 3, 5, 6, 7, 8]),
        ("in the corners", (1, 1, 3, 3), [0, 2, 6, 8]),
        ("in the corners", (2, 1, 1), [0, 1]),
    ],
)
def test_what_a_portion_holds(name: str, shape: tuple[int, ...], held: list[int]) -> None:
    """Elements in memory order, N, O, then space."""
    marked = PORTIONS[name](shape)
    assert marked.shape == shape
    assert np.flatnonzero(marked).tolist() == held


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0), (1, 1, 1), (2, 3, 4, 5), (1, 2, 0, 3, 4)])
def test_outputs_of_any_size_have_portions(shape: tuple[int, ...]) -> None:
    """Also those of no element."""
    assert {PORTIONS[name](shape).shape for name in PORTIONS} == {shape}


def test_no_two_portions_are_the_same() -> None:
    """Over outputs of some sizes each holds something else."""
    shapes = ((3, 20, 21), (4, 5, 18, 7), (29, 3, 4, 5, 9), (1, 29, 28), (1, 1, 29, 2), (2, 2, 1, 1))

    def told(name: str) -> tuple[bytes, ...]:
        made: list[Array] = [PORTIONS[name](shape) for shape in shapes]
        return tuple(np.packbits(each).tobytes() for each in made)

    assert len({told(name) for name in PORTIONS}) == len(PORTIONS)
