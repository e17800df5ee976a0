"""Kernels that are translated from one framework to another compute the same there."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from conv_conformance.calls.kernel_conversion import FRAMEWORKS, LAYOUTS, convert_kernel, kernel_route


def test_every_ordered_pair_computes_the_same() -> None:
    """Of torch, TensorFlow, Keras and JAX, and of Flax where it is installed: every op and rank, with a stride."""
    program = [sys.executable, "-m", "tests.support.weights_process"]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=root)
    assert 0 == done.returncode, done.stderr
    found = re.fullmatch(r"(\d) frameworks, (\d+) tried, wrong: none\n", done.stdout)
    assert found is not None, done.stdout
    many = int(found[1])
    assert many >= 4 and int(found[2]) == 7 * many * (many - 1)


@pytest.mark.parametrize("op", sorted(LAYOUTS))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_there_and_back(op: str, rank: int) -> None:
    """A kernel comes back as it was, from every framework to every other."""
    taps = (4, 3, 2)[:rank]
    sizes = {"conv": (5, 3), "depthwise_conv": (6, 1), "conv_transpose": (3, 5)}[op]
    torch = np.arange(np.prod(sizes) * np.prod(taps)).reshape(*sizes, *taps)
    for source, target in permutations(FRAMEWORKS, 2):
        there = convert_kernel(torch, op, "torch", source, channels=3)
        back = convert_kernel(convert_kernel(there, op, source, target, channels=3), op, target, source, channels=3)
        assert np.array_equal(there, back), (source, target)


@pytest.mark.parametrize(
    ("op", "rank", "source", "target", "text"),
    [
        ("conv", 2, "torch", "keras", "transpose(2, 3, 1, 0)"),
        ("conv", 1, "keras", "torch", "transpose(2, 1, 0)"),
        ("conv", 2, "tensorflow", "keras", "as it is"),
        ("conv_transpose", 2, "torch", "flax", "transpose(2, 3, 0, 1), then reverse H and W"),
        ("conv_transpose", 1, "keras", "torch", "transpose(2, 1, 0)"),
        ("depthwise_conv", 2, "keras", "torch", "merge C and M into O, with 1 for I, then transpose(3, 2, 0, 1)"),
        ("depthwise_conv", 2, "torch", "keras", "split O into C and M, without I, then transpose(2, 3, 0, 1)"),
    ],
)
def test_in_words(op: str, rank: int, source: str, target: str, text: str) -> None:
    """The steps, as NumPy takes them."""
    assert text == kernel_route(op, rank, source, target).text


def test_a_kernel_is_not_split_by_guesswork() -> None:
    """How many channels there are has to be said."""
    with pytest.raises(ValueError, match="needs channels"):
        convert_kernel(np.zeros((6, 1, 3)), "depthwise_conv", "torch", "keras")
