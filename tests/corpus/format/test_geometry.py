"""What the loader says about shapes and contradictions is what the reference does."""

from __future__ import annotations

import random
from typing import Any

import pytest
from conv_conformance.core.vocabulary import OPS, Plain
from conv_conformance.corpus.builder import build_call
from conv_conformance.corpus.format import geometry
from conv_conformance.corpus.format.calls import SPATIAL
from conv_conformance.reference import Undefined, evaluate

CHOICES: dict[str, list[Any]] = {
    "strides": [1, 2, 3],
    "dilations": [1, 2],
    "input_dilations": [1, 1, 1, 2],
    "padding": ["valid", "same", "same_lower", "causal", "full", 0, 1, -1, (2, 0), (-1, 2), (0, -3)],
    "padding_mode": ["zeros", "zeros", "replicate", "circular"],
    "output_padding": [0, 0, 0, 1],
    "groups": [1, 1, 2, 3],
}


def array(letters: str, sizes: dict[str, int]) -> dict[str, Any]:
    """Return the spec of an array of ones."""
    return {"letters": letters, "shape": tuple(sizes[x] for x in letters), "dtype": "int32", "fill": 1}


def drawn(draw: random.Random) -> Plain:
    """Return a call that may contradict itself."""
    op, spatial = (
        draw.choice(["conv", "conv", "depthwise_conv", "separable_conv", "conv_transpose"]),
        SPATIAL[1 + draw.randrange(2)],
    )
    letters = {name: pattern.replace("S", spatial) for name, pattern in OPS[op].items()}
    call: Plain = {"op": op, "dtype": {"input": "int32"}, "layout": {**letters, "output": f"N{spatial}C"}}
    call |= {key: draw.choice(values) for key, values in CHOICES.items() if draw.random() < 0.5}
    if isinstance(call.get("padding"), tuple):
        call["padding"] = (call["padding"],) * len(spatial)
    channels = draw.choice([0, 1, 2, 3, 6, 6, 6])
    sizes = {
        "input": {"N": draw.choice([0, 1]), "C": channels, **{x: draw.randrange(6) for x in spatial}},
        "kernel": {
            "I": max(channels // (call.get("groups", 1) if op == "conv" else 1) + (draw.random() < 0.05), 0),
            "O": draw.choice([0, 2, 6]),
            "C": channels,
            "M": 2,
            **{x: draw.randrange(4) for x in spatial},
        },
    }
    sizes["depthwise_kernel"] = sizes["kernel"]
    sizes["pointwise_kernel"] = {"I": channels * 2, "O": 3, **dict.fromkeys(spatial, 1)}
    call["arrays"] = {name: array(letters[name], sizes[name]) for name in letters}
    return call


@pytest.mark.parametrize("seed", range(8))
def test_shapes_and_contradictions_are_those_of_the_reference(seed: int) -> None:
    """Of 250 random calls, those without a complaint have the shape of the rule, the others no result."""
    draw, defined = random.Random(seed), 0
    for _ in range(250):
        plain = drawn(draw)
        settled = geometry.settled(plain)
        call = build_call(plain)
        complaints = geometry.complaints(settled)
        try:
            shape = evaluate(call).shape
        except Undefined:
            shape = None
        assert (shape is None) == bool(complaints), plain
        if shape is not None:
            assert geometry.shape_out(settled) == shape, plain
            defined += 1
    assert 50 < defined < 200
