"""The page draws the returned array next to the expected one: of the judged alternative, or a differing gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.core.call import Call
from conv_conformance.core.expectation import AnyOf, Output
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Verdict
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.reports.pictures import drawn
from conv_conformance.reports.short_numbers import numeral
from selenium import webdriver

from ..support.browsers import in_a_browser, shown
from .test_html import opened, record

#: Its output may end with the last product, or with zeros; these have other lengths.
TAIL = "conv-transpose1d.valid.stride-over-the-kernel"
GRADIENT = "conv1d.gradients.all-three"


@pytest.fixture(scope="module")
def loaded() -> corpus.Corpus:
    return corpus.load(sweeps="none")


def verdict(loaded: corpus.Corpus, id: str, change: Callable[[Call, dict[str, Array]], None]) -> Verdict:
    """Return the verdict on what is expected of a case by its last alternative, after a change."""
    case = next(case for case in loaded.cases if case.id == id)
    expected = case.expectation
    outputs = expected.alternatives.values() if isinstance(expected, AnyOf) else [expected]
    last = [each for each in outputs if isinstance(each, Output)][-1]
    gradients = {f"gradient.{name}": each.copy() for name, each in last.gradients.items()}
    arrays = {"output": last.array.copy(), **gradients}
    change(case.call, arrays)
    dtypes = {where: array.dtype.name for where, array in arrays.items()}
    judged = judge(expected, Observation(outcome="returned", arrays=arrays, dtypes=dtypes), Context(call=case.call))
    return Verdict(case=id, target="wrong", verdict="disagree", finding=judged.finding, message=judged.message)


def _last_is_99(_: Call, arrays: dict[str, Array]) -> None:
    arrays["output"].flat[-1] = 99


def _reversed_kernel(_: Call, arrays: dict[str, Array]) -> None:
    arrays["gradient.kernel"] = arrays["gradient.kernel"][::-1].copy()


def test_every_alternative_is_drawn_once(loaded: corpus.Corpus) -> None:
    """With the names of those that expect it; where there is no choice none is named."""
    case = next(case for case in loaded.cases if case.id == TAIL)
    outputs = [each for each in drawn(case.call, case.expectation) if each["name"] == "output"]
    assert [(each["shape"], each["alternatives"]) for each in outputs] == [
        ([1, 10, 1], ["ends-with-the-last-product"]),
        ([1, 12, 1], ["trailing-zeros"]),
    ]
    plain = next(case for case in loaded.cases if case.id == GRADIENT)
    arrays = drawn(plain.call, plain.expectation)
    gradients = ["gradient.input", "gradient.kernel", "gradient.bias"]
    assert [each["name"] for each in arrays] == ["input", "kernel", "bias", "cotangent", "output", *gradients]
    assert [each["axes"] for each in arrays] == ["NWC", "WIO", "O", "NWC", "NWC", "NWC", "WIO", "O"]
    assert not any("alternatives" in each for each in arrays)


@in_a_browser
def test_the_alternative_that_was_judged_is_drawn(
    browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus
) -> None:
    """Not the first: twelve elements came, the last of them wrong."""
    wrong = verdict(loaded, TAIL, _last_is_99)
    assert wrong.finding is not None and wrong.finding.against == "trailing-zeros"
    opened(browser, tmp_path, record(wrong), loaded, f"#{TAIL}")
    assert shown(browser, "#case section .differs") == ["99"]
    assert shown(browser, "#case section figcaption") == ["returned 1×12×1 NWC"]


@in_a_browser
def test_a_wrong_gradient_is_drawn(browser: webdriver.Chrome, tmp_path: Path, loaded: corpus.Corpus) -> None:
    """As it was returned, with what differs marked; the output is right, and is not drawn again."""
    wrong = verdict(loaded, GRADIENT, _reversed_kernel)
    opened(browser, tmp_path, record(wrong), loaded, f"#{GRADIENT}")
    assert shown(browser, "#case section .differs") == ["10", "6"]
    assert shown(browser, "#case section figcaption") == ["gradient.kernel returned 2×1×1 WIO"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (float(np.float32(0.1)), "0.100000001"),
        (1 + 2.0**-52, "1.0000000000000002"),
        (2.0**53 + 2, "9007199254740994"),
        (1e300, "1e+300"),
        (16777216, "16777216"),
        ("nan", "nan"),
        ("(1-0.5j)", "1-0.5j"),
        ([-3.0, 0.0], "-3+0j"),
    ],
)
def test_numbers_look_alike_only_where_they_are(value: object, text: str) -> None:
    """Two float64 numbers that float32 cannot tell apart have as many digits as it takes."""
    assert numeral(value) == text
