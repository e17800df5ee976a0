"""Whatever stands in a file, the loader answers with cases or with problems."""

from __future__ import annotations

import random
import re

import pytest
from conv_conformance.corpus.builder import build_call
from conv_conformance.corpus.format.cases import read_file
from conv_conformance.corpus.sweeps.points import Contradiction, points

from .format.test_schema import RIGHT

WORDS = [
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "-",
    "0",
    "-1",
    "1.5",
    "nan",
    "[]",
    "{}",
    "''",
    '"0x1p1"',
    "N",
    "valid",
    "999999999",
    "[[1,1]]",
    "reference",
    "fit",
    "depthwise_conv",
    "conv_transpose",
    "separable_conv",
    "int8",
    "complex64",
    "{re:1,im:2}",
    "same",
    "broadcast",
    "NHWC",
    "WCM",
    "&a",
    "*a",
    "!!x",
    "\x00",
]
TOKEN = re.compile(r"[\w.+-]+|[\[\]{},:]")


def spoiled(text: str, draw: random.Random) -> str:
    """Return a text with a few tokens replaced, removed or doubled."""
    for _ in range(draw.randint(1, 4)):
        spans = [match.span() for match in TOKEN.finditer(text)]
        (start, end), (other, last) = draw.choice(spans), draw.choice(spans)
        text = text[:start] + draw.choice([draw.choice(WORDS), "", text[other:last]]) + text[end:]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_spoiled_files_give_problems_and_no_exception(seed: int) -> None:
    """Each of 400 documents with a few wrong tokens is told to be wrong, or its calls can be built."""
    draw, wrong = random.Random(seed), 0
    for _ in range(400):
        document, problems = read_file(spoiled(draw.choice(list(RIGHT.values())), draw).encode(), "x.yaml")
        wrong += bool(problems)
        if problems:
            assert all(problem.line and problem.column for problem in problems)
            continue
        for case in document["cases"]:
            assert case["call"] is None or build_call(case["call"]).op == case["call"]["op"]
        for sweep in document["sweeps"]:
            assert points_or_contradiction(sweep)
    assert wrong > 200


def points_or_contradiction(sweep: dict[str, object]) -> bool:
    """Say whether a sweep expands, or says where it contradicts itself."""
    try:
        return all(point.id for point in points(sweep, {}))
    except Contradiction as contradiction:
        return str(contradiction).startswith("at [")
