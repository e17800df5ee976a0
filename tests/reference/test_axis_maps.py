"""The maps of one axis, kept by their ones, and sums that are computed in blocks."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conv_conformance.reference import evaluate, evaluate_again
from conv_conformance.reference.second import contraction
from conv_conformance.reference.second.axis_maps import Axis, AxisMap, backward, forward

from ..support.builders import call_of


def dense(sparse: AxisMap) -> np.ndarray:
    """Return a map as the array that it stands for."""
    whole = np.zeros(sparse.shape)
    np.add.at(whole, tuple(sparse.ones.T), 1)
    return whole


@pytest.mark.parametrize(
    "axis",
    [
        Axis(length=7, taps=3, stride=2, dilation=2, padding=(3, 1)),
        Axis(length=5, taps=2, stride=1, dilation=1, stuffing=3, padding="same"),
        Axis(length=4, taps=3, stride=1, dilation=1, padding=(6, 5), mode="reflect"),
        Axis(length=3, taps=2, stride=3, dilation=2, padding=(-1, 2)),
    ],
)
def test_a_map_contracts_as_its_array_does(axis: Axis) -> None:
    """In each order of its axes, also where padding makes a tap of the transposed map sum several elements."""
    x = np.random.default_rng(1).integers(-9, 9, (2, axis.length, 3)).astype(float)
    made = forward(axis)
    np.testing.assert_array_equal(made.patches(x), np.tensordot(x, dense(made), ([1], [2])))
    for order in ((2, 1, 0), (1, 0, 2)):
        turned = made.transpose(*order)
        np.testing.assert_array_equal(dense(turned), dense(made).transpose(order))
        y = np.random.default_rng(2).integers(-9, 9, (2, turned.shape[2], 3)).astype(float)
        np.testing.assert_array_equal(turned.patches(y), np.tensordot(y, dense(turned), ([1], [2])))
        assert turned.most == max(dense(turned).sum(2).max(initial=0), 1)
    assert [made.reads(at) for at in range(len(made))] == [
        [(int(tap), int(element)) for tap, element in np.argwhere(row)] for row in dense(made)
    ]
    np.testing.assert_array_equal(dense(made.block(1, 3)), dense(made)[1:3])


def test_a_map_whose_crop_leaves_nothing_is_empty() -> None:
    """Its first axis has length 0, and so has what it contracts."""
    made = backward(Axis(length=2, taps=3, stride=1, dilation=1, padding=(9, 9)))
    assert (made.shape, made.patches(np.ones((1, 2, 1))).shape) == ((0, 3, 2), (1, 1, 0, 3))


@pytest.mark.parametrize("op", ["conv", "conv_transpose"])
def test_blocks_do_not_change_a_sum(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few outputs are computed at once, the sums are those of the first formulation."""
    chance = np.random.default_rng(3)
    x, w = chance.integers(-9, 9, (2, 11, 6, 3)), chance.integers(-9, 9, (3, 2, 3, 3))
    call = call_of(op, x, w, strides=(2, 1), padding=((2, 1), (0, 1)))
    right = evaluate(call)
    for size in (1, 100, 1000):
        monkeypatch.setattr(contraction, "BLOCK", size)
        np.testing.assert_array_equal(evaluate_again(call), right)


LONG = """
import resource
from conv_conformance.reference import evaluate_again
from tests.support.builders import call_of
call_of("conv", [[[1]]], [[[1]]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
y = evaluate_again(call_of("conv", [[[n % 7] for n in range(20_000)]], [[[1]], [[2]], [[3]]]))
print(y.shape[1], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_long_axis_takes_little_memory() -> None:
    """A map of 20,000 windows over 20,000 elements, which has 1.2 billion elements, is kept by its 60,000 ones."""
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True)
    outputs, megabytes = map(int, done.stdout.split())
    assert outputs == 19_998
    assert megabytes < 100
