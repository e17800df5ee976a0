"""The axes of sweeps that follow from others, and the enlarged twins of literal cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.dtypes import COMPLEX_PARTS, STRUCTURE_LIMIT, is_integer
from conv_conformance.core.expectation import AnyOf, Output
from conv_conformance.core.patterns import matches_pattern
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import load
from conv_conformance.corpus.sweeps import covering_array, enlarged_cases
from conv_conformance.quality.lint import ABOUT_NUMBERS
from conv_conformance.reference import evaluate, magnitude

BASE = """\
      op: conv
      layout: {input: NWC, kernel: OIW, output: NCW}
      dtype: float32
      input: {shape: [1, 7, 2], generate: {lcg: 1, low: -3, high: 3}}
      kernel: {shape: [3, 2, 2], generate: {lcg: 2, low: -3, high: 3}}
      bias: {shape: [3], generate: {lcg: 3, low: -3, high: 3}}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def quick() -> list[Case]:
    """Return the shipped corpus with its quick sweeps."""
    return list(load(sweeps="quick").cases)


def swept(folder: Path, axes: str, *, base: str = BASE, more: str = "") -> list[Call]:
    """Return the calls of a sweep, loaded from a file."""
    text = f"about: A file.\nsweeps:\n  - id: a.sweep\n    title: A fact\n    base:\n{base}    axes: {{{axes}}}\n{more}"
    (folder / "x.yaml").write_text(text)
    return [case.call for case in load([folder / "x.yaml"], sweeps="full").cases]


def test_a_rank_widens_layouts_and_cuts_lists(tmp_path: Path) -> None:
    """W stands for all spatial axes, and of three entries the last are taken."""
    axes = "rank: [1, 2, 3], kernel_size: [[2, 1, 3]], strides: [[1, 2, 3]], padding: [[[0, 1], [2, 0], [1, 1]]]"
    one, two, three = swept(tmp_path, axes)
    assert ("NWC", "OIW", "NCW", (3, 2, 3), (3,), ((1, 1),)) == _said(one)
    assert ("NHWC", "OIHW", "NCHW", (3, 2, 1, 3), (2, 3), ((2, 0), (1, 1))) == _said(two)
    assert ("NDHWC", "OIDHW", "NCDHW", (3, 2, 2, 1, 3), (1, 2, 3), ((0, 1), (2, 0), (1, 1))) == _said(three)
    assert [(1, 7, 2), (1, 7, 7, 2), (1, 7, 7, 7, 2)] == [call.input.shape for call in (one, two, three)]


def _said(call: Call) -> tuple[object, ...]:
    layout = (call.layout.input, call.layout.kernel, call.layout.output)
    return (*layout, call.array("kernel").shape, call.strides, call.padding)


def test_lengths_in_words_follow_the_window(tmp_path: Path) -> None:
    """The window is dilated, explicit padding lies beside it, and each word says how much longer the input is."""
    axes = "length: [below, window, above, stride, long], kernel_size: [3], dilations: [2], strides: [4]"
    assert [4, 5, 6, 9, 18] == [call.lengths[0] for call in swept(tmp_path, axes)]
    assert [1, 2, 3, 6, 15] == [call.lengths[0] for call in swept(tmp_path, f"{axes}, padding: [[[1, 2]]]")]
    assert [4, 5, 6, 9, 18] == [call.lengths[0] for call in swept(tmp_path, f"{axes}, padding: [same]")]


def test_a_length_is_never_less_than_one_unless_it_is_below_the_window(tmp_path: Path) -> None:
    """Where padding alone fills the window one element is left, and none below it."""
    calls = swept(tmp_path, "length: [below, window], kernel_size: [1], padding: [[[2, 2]]]")
    assert [0, 1] == [call.lengths[0] for call in calls]


def test_long_axes_differ_pairwise(tmp_path: Path) -> None:
    """Equal windows and strides give three different lengths."""
    (call,) = swept(tmp_path, "rank: [3], length: [long], kernel_size: [2], strides: [2]")
    assert (13, 11, 9) == call.lengths


def test_lengths_may_be_mixed(tmp_path: Path) -> None:
    """A list has a number or a word for each axis."""
    (call,) = swept(tmp_path, "rank: [2], length: [[9, window, 1]], kernel_size: [3]", more="    where: []\n")
    assert (3, 1) == call.lengths


def test_channels_and_filters_of_a_group(tmp_path: Path) -> None:
    """As many groups as wanted, whatever the channels."""
    calls = swept(tmp_path, "groups: [1, 3], group_channels: [4], group_filters: [5]")
    assert [(4, 4, 5), (12, 4, 15)] == [
        (call.extent("input", "C"), call.extent("kernel", "I"), call.extent("kernel", "O")) for call in calls
    ]


def test_a_bias_comes_and_goes(tmp_path: Path) -> None:
    """`without` takes the base's away."""
    assert [True, False] == [call.bias is None for call in swept(tmp_path, "bias: [without, with]")]


def test_a_thinned_input_keeps_its_limit(tmp_path: Path) -> None:
    """Few terms stay whole, many are thinned: as far as the dtype's sums are exact."""
    base = BASE.replace("low: -3, high: 3}}\n      kernel", "low: -3, high: 3, density: fit}}\n      kernel")
    calls = swept(tmp_path, "dtype: [float32, bfloat16], channels: [2, 64], kernel_size: [5]", base=base)
    shares = [(call.input == 0).mean() for call in calls]
    assert [True, True, True, False] == [share < 0.4 for share in shares]
    assert 0.85 < shares[3] < 0.95


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("axes: {rank: [4]}", "rank must be 1 to 3, not 4"),
        ("axes: {length: [windw]}", "unknown length 'windw' (did you mean 'window'?)"),
        ("axes: {length: [-1]}", "sizes must not be negative"),
        ("axes: {bias: [always]}", "unknown value of the axis bias 'always'"),
        ("strength: 3\n    axes: {batch: [1]}", "strength must be 2, not 3"),
        ("draws: 0\n    axes: {batch: [1]}", "draws must be 1 to 200000, not 0"),
        ("draws: 2\n    strength: 2\n    axes: {batch: [1]}", "strength cannot be combined with draws"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, tmp_path: Path) -> None:
    """One line, with a hint."""
    (tmp_path / "x.yaml").write_text(
        f"about: A file.\nsweeps:\n  - id: a.sweep\n    title: A fact\n    base:\n{BASE}    {text}\n"
    )
    with pytest.raises(Invalid) as caught:
        load([tmp_path / "x.yaml"], sweeps="full")
    assert message in str(caught.value)


def test_a_literal_case_is_not_thinned(tmp_path: Path) -> None:
    """`fit` is for the input of a sweep, where sizes vary."""
    call = BASE.replace("      ", "    ").replace("high: 3}}", "high: 3, density: fit}}", 1)
    (tmp_path / "x.yaml").write_text(
        f"about: A file.\ncases:\n  - id: a.case\n    title: A fact\n{call}    expect: {{output: reference}}\n"
    )
    with pytest.raises(Invalid, match="density: fit"):
        load([tmp_path / "x.yaml"])


def test_a_combination_that_contradicts_itself_is_left_out_and_counted(tmp_path: Path) -> None:
    """By the rule that says so; without it the file is wrong."""
    axes = "padding_mode: [zeros, reflect], padding: [[[1, 1]], [[-1, 1]]]"
    assert 3 == len(swept(tmp_path, axes, more="    where: [has-a-meaning]\n"))
    assert {"a.sweep": {"has-a-meaning": 1}} == {
        name: dict(rules) for name, rules in load([tmp_path / "x.yaml"], sweeps="full").left_out.items() if rules
    }
    with pytest.raises(Invalid, match="cannot be combined with negative padding"):
        swept(tmp_path, axes)


def test_draws_are_so_many_combinations(tmp_path: Path) -> None:
    """Different ones, the same every time, of all that the axes have."""
    axes = "batch: [1, 2, 3], strides: [1, 2, 3], dilations: [1, 2], channels: [1, 2, 3, 4]"
    first = swept(tmp_path, axes, more="    draws: 20\n")
    again = swept(tmp_path, axes, more="    draws: 20\n")
    assert [call.form for call in first] == [call.form for call in again]
    assert 20 == len({call.form for call in first})


def test_a_covering_array_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept with the counts of what was left out; another value on an axis asks for another array."""
    axes = "padding_mode: [zeros, reflect], padding: [[[1, 1]], [[-1, 1]]], strides: [1, 2, 3]"
    pairs = "    strength: 2\n    where: [has-a-meaning]\n"
    swept(tmp_path, axes, more=pairs)
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "another"))
    first = load([tmp_path / "x.yaml"], sweeps="full")
    monkeypatch.setattr(covering_array, "pairs", lambda *asked: iter(()))
    again = load([tmp_path / "x.yaml"], sweeps="full")
    assert [case.id for case in first.cases] == [case.id for case in again.cases]
    assert first.left_out == again.left_out
    assert first.left_out["a.sweep"]["has-a-meaning"] > 0
    with pytest.raises(Invalid, match="the sweep has no points"):
        swept(tmp_path, axes.replace("3", "4"), more=pairs)


def _is_about_numbers(case: Case) -> bool:
    return any(matches_pattern(each, name) for each in ABOUT_NUMBERS for name in case.clauses)


def test_no_thinned_sum_leaves_its_limit(quick: list[Case]) -> None:
    """S of every third quick point stays within what its dtype sums exactly in any order."""
    beyond = []
    for case in [case for case in quick if case.sweep and not _is_about_numbers(case)][::3]:
        dtype = case.call.dtype.input
        if is_integer(dtype):
            continue
        if magnitude(case.call).max(initial=0.0) > STRUCTURE_LIMIT[COMPLEX_PARTS.get(dtype, dtype)]:
            beyond.append(case.id)
    assert [] == beyond


def test_literal_twins_and_covering_sweeps_are_few_enough_for_every_day(quick: list[Case]) -> None:
    """What runs by default is at most 2,510 calls."""
    assert len(quick) <= 2510


def test_twins_of_gradients_along_one_axis_wait_for_the_full_tier(quick: list[Case]) -> None:
    """Those along more are run by default, of gradients of gradients none is."""
    twins = [case.outline for case in quick if case.sweep == enlarged_cases.SWEEP]
    asking = [call for call in twins if call.gradients]
    assert {2, 3} == {call.rank for call in asking}
    assert not any(call.second_order for call in asking)


def test_a_structure_has_one_twin_of_production_size(quick: list[Case]) -> None:
    """The twin keeps every parameter of its case, and has the sizes that its id says."""
    literal = {case.id: case for case in quick if not case.sweep}
    twins = [case for case in quick if case.sweep == enlarged_cases.SWEEP]
    assert len(twins) == len(set(map(_origin, twins))) > 350
    for twin in twins[::7]:
        call, case = twin.call, literal[_origin(twin)].call
        assert case is not None
        kept = ("op", "strides", "padding", "dilations", "input_dilations", "layout", "dtype", "storage", "variation")
        assert [getattr(case, name) for name in kept] == [getattr(call, name) for name in kept]
        assert call.extent("input", "N") in (3, 4)
        assert call.input.size > case.input.size or case.input.size > 500


def _origin(twin: Case) -> str:
    return twin.id.partition("[")[0]


def test_twins_spread_over_all_pairs_of_sizes(quick: list[Case]) -> None:
    """Among the twins of `conv` every two of batch, channels, filters and taps stand together."""
    twins = [case for case in quick if case.sweep == enlarged_cases.SWEEP and case.id.startswith("conv2d.")]
    rows = [dict(value.split("=") for value in twin.id.partition("[")[2].rstrip("]").split(",")) for twin in twins]
    axes = {name: values for name, values in enlarged_cases.SIZES.items() if name != "multiplier"}
    lacking = [
        (one, a, other, b)
        for one, first in axes.items()
        for other, second in axes.items()
        if one < other
        for a in first
        for b in second
        if not any(row[one] == str(a) and row[other] == str(b) for row in rows)
    ]
    assert [] == lacking


def test_twins_expect_what_the_reference_says(quick: list[Case]) -> None:
    """A twin's expectation is computed, none is copied from its case."""
    for twin in [case for case in quick if case.sweep == enlarged_cases.SWEEP][::40]:
        expectation = twin.expectation
        outputs = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
        for output in outputs:
            if isinstance(output, Output):
                assert output.array.tobytes() == evaluate(twin.call, output.switches).tobytes()
