"""Sweeps: points by value, sizes that follow, rules, and the alternatives that clauses leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from conv_conformance.calls.rules import RULES
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.dtypes import DTYPES
from conv_conformance.core.expectation import AnyOf, Output, Refusal
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import load
from conv_conformance.corpus.sweeps import covering_array
from conv_conformance.reference import evaluate

from ...support.builders import call_of

BASE = """\
      op: conv
      layout: {input: NWC, kernel: WIO}
      dtype: float32
      input: {shape: [1, 7, 2], generate: {lcg: 1, low: -3, high: 3}}
      kernel: {shape: [2, 2, 3], generate: {lcg: 2, low: -3, high: 3}}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))


def swept(folder: Path, axes: str, *, base: str = BASE, more: str = "", sweeps: Any = "full") -> list[Case]:
    """Return the points of a sweep, loaded from a file."""
    text = f"about: A file.\nsweeps:\n  - id: a.sweep\n    title: A fact\n    base:\n{base}    axes: {{{axes}}}\n{more}"
    (folder / "x.yaml").write_text(text)
    return list(load([folder / "x.yaml"], sweeps=sweeps).cases)


def calls(cases: list[Case]) -> list[Call]:
    """Return the calls of cases."""
    return [case.call for case in cases]


def test_points_have_ids_by_value(tmp_path: Path) -> None:
    """Axes in the order of the file, the last one fastest; every kind of value has a short text."""
    cases = swept(tmp_path, "strides: [1, [2]], padding: [same, 1, [[1, 2]]]")
    assert [
        "a.sweep[strides=1,padding=same]",
        "a.sweep[strides=1,padding=1]",
        "a.sweep[strides=1,padding=1:2]",
        "a.sweep[strides=2,padding=same]",
        "a.sweep[strides=2,padding=1]",
        "a.sweep[strides=2,padding=1:2]",
    ] == [case.id for case in cases]
    assert {("a.sweep", "A fact", 3)} == {(case.sweep, case.title, case.line) for case in cases}
    assert [((1,), "same"), ((1,), ((1, 1),)), ((1,), ((1, 2),))] == [(c.strides, c.padding) for c in calls(cases[:3])]


def test_shape_axes_set_sizes_and_others_follow(tmp_path: Path) -> None:
    """The kernel contracts channels / groups, the bias has one element for each output channel."""
    base = BASE + "      bias: {shape: [1], generate: {lcg: 3, low: 1, high: 9}}\n"
    axes = "batch: [3], length: [5], channels: [4, 6], filters: [2, 4], kernel_size: [3], groups: [1, 2]"
    shapes = [
        (c.input.shape, c.array("kernel").shape, c.array("bias").shape) for c in calls(swept(tmp_path, axes, base=base))
    ]
    assert [((3, 5, 4), (3, 4, 2), (2,)), ((3, 5, 4), (3, 2, 2), (2,))] == shapes[:2]
    assert ((3, 5, 6), (3, 3, 4), (4,)) == shapes[-1]


@pytest.mark.parametrize(
    ("op", "kernels", "axes", "shapes"),
    [
        ("depthwise_conv", {"kernel": "WCM"}, "channels: [5], multiplier: [2]", {"kernel": (2, 5, 2), "bias": (10,)}),
        (
            "separable_conv",
            {"depthwise_kernel": "WCM", "pointwise_kernel": "WIO"},
            "channels: [5], multiplier: [2], filters: [7]",
            {"depthwise_kernel": (2, 5, 2), "pointwise_kernel": (1, 10, 7), "bias": (7,)},
        ),
        (
            "conv_transpose",
            {"kernel": "WIO"},
            "channels: [4], filters: [6], groups: [2]",
            {"kernel": (2, 4, 3), "bias": (6,)},
        ),
    ],
)
def test_sizes_follow_in_every_op(
    op: str, kernels: dict[str, str], axes: str, shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    """Multipliers, pointwise kernels, and the filters of a transposed group."""
    generate = "generate: {lcg: 1, low: 0, high: 1}"
    layout = ", ".join(f"{name}: {letters}" for name, letters in kernels.items())
    base = f"      op: {op}\n      layout: {{input: NWC, {layout}}}\n"
    base += f"      input: {{shape: [1, 4, 1], {generate}}}\n      bias: {{shape: [1], {generate}}}\n"
    for name in kernels:
        base += f"      {name}: {{shape: [{1 if name == 'pointwise_kernel' else 2}, 1, 1], {generate}}}\n"
    (call,) = calls(swept(tmp_path, axes, base=base))
    assert shapes == {name: call.array(name).shape for name in shapes}


def test_a_layout_or_dtype_as_axis_keeps_the_values(tmp_path: Path) -> None:
    """The same numbers in every layout and every dtype."""
    layouts = "layout: [{input: NWC, kernel: WIO}, {input: NCW, kernel: OIW}]"
    cases = swept(tmp_path, f"{layouts}, dtype: [float32, {{input: int8, output: int32}}]")
    assert [
        "a.sweep[layout=NWC.WIO,dtype=float32]",
        "a.sweep[layout=NWC.WIO,dtype=int8.int32]",
        "a.sweep[layout=NCW.OIW,dtype=float32]",
        "a.sweep[layout=NCW.OIW,dtype=int8.int32]",
    ] == [case.id for case in cases]
    first, narrow, moved, _ = calls(cases)
    assert np.array_equal(first.input, moved.input.transpose(0, 2, 1))
    assert np.array_equal(first.array("kernel"), moved.array("kernel").transpose(2, 1, 0))
    assert np.array_equal(first.input, narrow.input)
    assert (np.int8, "int32", "NCW") == (narrow.input.dtype, narrow.dtype.output, moved.layout.output)


def test_rules_leave_points_out(tmp_path: Path) -> None:
    """A point stays where every rule of `where` holds."""
    cases = swept(tmp_path, "length: [1, 2, 3], kernel_size: [1, 2, 3]", more="    where: [window-fits]\n")
    assert 6 == len(cases)
    assert all(call.extent("input", "W") >= call.extent("kernel", "W") for call in calls(cases))
    grouped = swept(tmp_path, "channels: [4, 6], groups: [2, 3, 4], filters: [12]", more="    where: [groups-divide]\n")
    assert [(4, 2), (4, 4), (6, 2), (6, 3)] == [(call.extent("input", "C"), call.groups) for call in calls(grouped)]


def test_tiers(tmp_path: Path) -> None:
    """`quick` leaves the full sweeps out, `none` all."""
    for tier, counts in (("quick", (0, 2, 2)), ("full", (0, 0, 2))):
        more = f"    tier: {tier}\n"
        found = [
            len(swept(tmp_path, "strides: [1, 2]", more=more, sweeps=sweeps)) for sweeps in ("none", "quick", "full")
        ]
        assert list(counts) == found


def test_a_point_without_choice_expects_the_reference(tmp_path: Path) -> None:
    """The exact result, nothing else."""
    (case,) = swept(tmp_path, "strides: [2]")
    assert isinstance(case.expectation, Output)
    assert np.array_equal(evaluate(case.call), case.expectation.array)


def test_a_clause_that_applies_leaves_its_alternatives(tmp_path: Path) -> None:
    """`same` with a stride may be refused, whether the sweep cites the clause or not; the twin has stride 1."""
    plain, strided = swept(tmp_path, "strides: [1, 2]", base=BASE + "      padding: same\n")
    assert isinstance(plain.expectation, Output)
    found = strided.expectation
    assert isinstance(found, AnyOf)
    assert (("SAME-4",), ["computes", "refuses"]) == (found.clauses, list(found.alternatives))
    computes, refuses = found.alternatives.values()
    assert isinstance(computes, Output)
    assert np.array_equal(evaluate(strided.call), computes.array)
    assert isinstance(refuses, Refusal)
    assert ("{strides: 1}", (1,), "same") == (refuses.name, refuses.twin.strides, refuses.twin.padding)
    assert np.array_equal(strided.call.input, refuses.twin.input)


def test_several_clauses_name_whom_each_alternative_follows(tmp_path: Path) -> None:
    """A refusal may come from one clause or from both at once, and then the twin takes both steps."""
    (case,) = swept(tmp_path, "strides: [2], dtype: [int8]", base=BASE + "      padding: same\n")
    found = case.expectation
    assert isinstance(found, AnyOf)
    assert [
        "SAME-4:computes, DTYPE-INT8:computes",
        "SAME-4:refuses",
        "DTYPE-INT8:refuses",
        "SAME-4:refuses, DTYPE-INT8:refuses",
    ] == list(found.alternatives)
    twins = [each.twin for each in found.alternatives.values() if isinstance(each, Refusal)]
    assert [((1,), "int8"), ((2,), "float32"), ((1,), "float32")] == [
        (twin.strides, twin.dtype.input) for twin in twins
    ]


def test_a_switch_of_the_reference_is_an_alternative(tmp_path: Path) -> None:
    """A transposed convolution whose window is shorter than its stride may end with zeros."""
    base = BASE.replace("op: conv\n", "op: conv_transpose\n")
    (case,) = swept(tmp_path, "strides: [3]", base=base)
    found = case.expectation
    assert isinstance(found, AnyOf)
    lengths = {name: each.array.shape[1] for name, each in found.alternatives.items() if isinstance(each, Output)}
    assert {"ends-with-the-last-product": 6 * 3 + 2, "trailing-zeros": 7 * 3} == lengths
    switched = found.alternatives["trailing-zeros"]
    assert isinstance(switched, Output)
    assert {"trailing-zeros"} == switched.switches


def test_a_twin_by_id_stands_in_the_corpus(tmp_path: Path) -> None:
    """A clause whose choice has no twin one step away names a case; a sweep that meets it finds that case."""
    (case,) = swept(tmp_path, "length: [0]", base=BASE + "      padding: [[1, 1]]\n")
    found = case.expectation
    assert isinstance(found, AnyOf)
    refuses = found.alternatives["refuses"]
    assert isinstance(refuses, Refusal)
    assert "conv1d.empties.length-one" == refuses.name
    assert (1, 1, 1) == refuses.twin.input.shape


def test_a_clause_without_rules_is_asked_by_whoever_cites_it(tmp_path: Path) -> None:
    """Its alternatives ask for a switch or a class of rounding; a sweep that cites another clause has none of them."""
    choice = "{all: {precision: exact}, fewer: {switch: operands-8-bits, precision: tf32-like}, else: {}}"
    clause = f"level: implementation-defined, sentence: A., alternatives: {choice}"
    (tmp_path / "clauses.yaml").write_text(f"OWN-1: {{{clause}}}\nOWN-2: {{level: required, sentence: B.}}\n")
    sweep = f"  - id: a.sweep-N\n    title: A\n    clauses: [OWN-N]\n    base:\n{BASE}    axes: {{strides: [1]}}\n"
    (tmp_path / "x.yaml").write_text("about: A.\nsweeps:\n" + sweep.replace("-N", "-1") + sweep.replace("-N", "-2"))
    case, other = load([tmp_path], sweeps="full").cases
    found = case.expectation
    assert isinstance(found, AnyOf) and case.choices == ("OWN-1",)
    asked = {name: each.precision for name, each in found.alternatives.items() if isinstance(each, Output)}
    assert {"all": "exact", "fewer": "tf32-like", "else": None} == asked
    fewer = found.alternatives["fewer"]
    assert isinstance(fewer, Output) and fewer.switches == {"operands-8-bits"}
    assert isinstance(other.expectation, Output)


def test_a_twin_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    """Where a point falls under its clause; the twin of no other alternative is meant."""
    twins = "a: {}, b: {refusal: {twin: {strides: 1}}}, c: {refusal: {twin: {groups: 3}}}"
    clause = f"{{level: implementation-defined, sentence: A., when: [full], alternatives: {{{twins}}}}}"
    (tmp_path / "clauses.yaml").write_text(f"OWN-1: {clause}\n")
    swept(tmp_path, "strides: [2]")
    assert [(2,)] == [case.call.strides for case in load([tmp_path], sweeps="full").cases]
    swept(tmp_path, "strides: [2], padding: [full]")
    with pytest.raises(Invalid, match=r"at \[strides=2,padding=full\]: the twin of OWN-1:c: kernel: "):
        load([tmp_path], sweeps="full")


@pytest.mark.parametrize("text", ["draws: 5", "strength: 2"])
def test_the_id_of_a_sweep_is_its_seed(text: str, tmp_path: Path) -> None:
    """CRC-32 of the id, brought into the range of the generator's seeds, decides which combinations are chosen."""
    strides, batch = range(1, 5), range(1, 8)
    cases = swept(tmp_path, f"strides: {[*strides]}, batch: {[*batch]}", more=f"    {text}\n")
    seed = crc32(b"a.sweep") % (2**31 - 2) + 1
    sizes = [len(strides), len(batch)]
    drawn = covering_array.drawn(sizes, 5, seed)
    rows = list(drawn if text == "draws: 5" else covering_array.pairs(sizes, lambda row: True, seed))
    assert [f"a.sweep[strides={strides[s]},batch={batch[n]}]" for s, n in rows] == [case.id for case in cases]


@pytest.mark.parametrize(
    ("numbers", "count"),
    [
        (f"scale: {2.0**-200}", 1),
        (f"scale: {2.0**-20}, spread: 140", 1),
        (f"scale: {2.0**-20}", 0),
        ("scale: 1.0, spread: 16", 0),
    ],
)
def test_a_rule_sees_drawn_numbers_that_underflow(numbers: str, count: int, tmp_path: Path) -> None:
    """Numbers far below the least float32 are zeros of both signs, which a rule of values must find."""
    lcg = "input: {shape: [1, 7, 2], generate: {lcg: 1, low: -3, high: 3}}"
    assert lcg in BASE
    base = BASE.replace(lcg, f"input: {{shape: [1, 70, 2], generate: {{normal: 1, {numbers}}}}}")
    rule = "    where: [negative-zero]\n"
    if count:
        assert count == len(swept(tmp_path, "strides: [1]", base=base, more=rule))
        return
    with pytest.raises(Invalid, match="the sweep has no points"):
        swept(tmp_path, "strides: [1]", base=base, more=rule)


def test_a_clause_that_names_no_case_is_told(tmp_path: Path) -> None:
    """Where a point falls under it."""
    choice = "{a: {}, b: {refusal: {twin: no.such-case}}}"
    clause = f"OWN-1: {{level: implementation-defined, sentence: A., when: [full], alternatives: {choice}}}\n"
    (tmp_path / "clauses.yaml").write_text(clause)
    swept(tmp_path, "strides: [1]", base=BASE + "      padding: full\n")
    with pytest.raises(Invalid, match=r"the twin of OWN-1:b: no case no\.such-case"):
        load([tmp_path], sweeps="full")


@pytest.mark.parametrize(
    ("axes", "base", "more", "problem"),
    [
        ("strides: [1, 0]", BASE, "", "x.yaml:3:9: at [strides=0]: strides: must be at least 1, not 0 (exclude"),
        ("groups: [3]", BASE, "", "x.yaml:3:9: at [groups=3]: kernel: I = 0 must be C / groups"),
        ("length: [1]", BASE, "    where: [zero-batch]\n", "x.yaml:3:9: the sweep has no points"),
        ("strides: [1, 1]", BASE, "", "x.yaml:11:22: strides=1 is listed twice"),
        ("dtype: [uint8]", BASE, "", "x.yaml:3:9: at [dtype=uint8]: dtype: input: -3 is out of range for uint8"),
        ("width: [1]", BASE, "", "x.yaml:11:12: unknown key 'width'"),
        ("layout: [{input: NCW, kernel: WCM}]", BASE, "", "x.yaml:11:21: WCM is not a layout of the kernel here"),
        ("length: [-1]", BASE, "", "x.yaml:11:21: sizes must not be negative"),
        (
            "strides: [1]",
            BASE,
            "    where: [window-fit]\n",
            "x.yaml:12:13: unknown rule 'window-fit' (did you mean 'window-fits'?)",
        ),
        (
            f"batch: [{', '.join(map(str, range(500)))}], length: [{', '.join(map(str, range(500)))}]",
            BASE,
            "",
            "x.yaml:11:11: the sweep has more than 200000 points",
        ),
    ],
)
def test_wrong_sweeps_are_told_at_their_place(axes: str, base: str, more: str, problem: str, tmp_path: Path) -> None:
    """Axes, rules, and points that contradict themselves."""
    with pytest.raises(Invalid) as caught:
        swept(tmp_path, axes, base=base, more=more)
    told = [str(each).replace(f"{tmp_path}/", "") for each in caught.value.problems]
    assert any(each.startswith(problem) for each in told), told


def test_expanding_builds_no_generated_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand points of large arrays are listed without drawing one of them."""
    monkeypatch.setattr("conv_conformance.corpus.array_builder.sequence", None)
    base = BASE.replace("[1, 7, 2]", "[64, 999, 999]")
    cases = swept(tmp_path, f"batch: {list(range(1, 51))}, kernel_size: {list(range(1, 21))}", base=base)
    assert 1000 == len(cases)


NAN = float("nan")
#: For each rule a call for which it holds, and one for which it does not.
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "window-fits": ({}, {"kernel": np.ones((5, 1, 1))}),
    "output-not-empty": ({}, {"kernel": np.ones((5, 1, 1))}),
    "window-longer-than-input": ({"kernel": np.ones((5, 1, 1))}, {"input": np.ones((1, 0, 1))}),
    "zero-length-input": ({"input": np.ones((1, 0, 1))}, {"input": np.ones((0, 4, 1))}),
    "zero-batch": ({"input": np.ones((0, 4, 1))}, {"input": np.ones((1, 0, 1))}),
    "zero-channels": ({"input": np.ones((1, 4, 0)), "kernel": np.ones((2, 0, 1))}, {}),
    "zero-filters": ({"kernel": np.ones((2, 1, 0))}, {}),
    "zero-taps": ({"kernel": np.ones((0, 1, 1))}, {}),
    "groups-divide": (
        {"input": np.ones((1, 4, 4)), "kernel": np.ones((2, 2, 4)), "groups": 2},
        {"input": np.ones((1, 4, 4)), "kernel": np.ones((2, 2, 3)), "groups": 2},
    ),
    "grouped": ({"input": np.ones((1, 4, 2)), "kernel": np.ones((2, 1, 2)), "groups": 2}, {}),
    "same": ({"padding": "same_lower"}, {"padding": 1}),
    "same-lower": ({"padding": "same_lower"}, {"padding": "same"}),
    "same-with-stride": ({"padding": "same", "strides": 2}, {"padding": "same"}),
    "causal": ({"padding": "causal"}, {"padding": "full"}),
    "full": ({"padding": "full"}, {"padding": "causal"}),
    "unequal-padding": ({"padding": ((1, 2),)}, {"padding": ((2, 2),)}),
    "negative-padding": ({"padding": ((-1, 2),)}, {"op": "conv_transpose", "padding": ((-1, 2),)}),
    "transposed-nothing-left": (
        {"op": "conv_transpose", "padding": ((9, 2),)},
        {"op": "conv_transpose", "padding": ((1, 0),)},
    ),
    "transposed-over-nothing": (
        {"op": "conv_transpose", "input": np.ones((1, 0, 1)), "strides": 2},
        {"op": "conv_transpose", "input": np.ones((1, 0, 1))},
    ),
    "transposed-negative-padding": ({"op": "conv_transpose", "padding": ((-1, 2),)}, {"padding": ((-1, 2),)}),
    "reflect-past-the-input": ({"padding": 4, "padding_mode": "reflect"}, {"padding": 3, "padding_mode": "reflect"}),
    "circular-past-the-input": ({"padding": 5, "padding_mode": "circular"}, {"padding": 4, "padding_mode": "circular"}),
    "gradients": ({"gradients": ("input",)}, {}),
    "dilated": ({"dilations": 2}, {"strides": 2}),
    "stride-with-dilation": ({"strides": 2, "dilations": 2}, {"strides": 2}),
    "stride-without-dilation": ({"strides": 2}, {"strides": 2, "dilations": 2}),
    "equal-strides": (
        {"strides": 2},
        {"input": np.ones((1, 4, 4, 1)), "kernel": np.ones((2, 2, 1, 1)), "strides": (1, 2)},
    ),
    "depthwise-with-unequal-strides": (
        {"op": "depthwise_conv", "input": np.ones((1, 4, 4, 1)), "kernel": np.ones((2, 2, 1, 1)), "strides": (1, 2)},
        {"input": np.ones((1, 4, 4, 1)), "kernel": np.ones((2, 2, 1, 1)), "strides": (1, 2)},
    ),
    "transposed-valid-with-gaps": ({"op": "conv_transpose", "strides": 3}, {"op": "conv_transpose", "strides": 2}),
    "output-padding-past-the-window": (
        {"op": "conv_transpose", "strides": 2, "output_padding": 2, "padding": 0},
        {"op": "conv_transpose", "strides": 2, "output_padding": 1, "padding": 0},
    ),
    "output-padding-past-the-stride": (
        {"op": "conv_transpose", "strides": 2, "dilations": 3, "output_padding": 2, "padding": 0},
        {"op": "conv_transpose", "strides": 2, "output_padding": 2, "padding": 0},
    ),
    "mixed-dtypes": ({"dtype": {"input": "float32", "kernel": "float64"}}, {}),
    "integer-dtype": ({"dtype": "int8"}, {}),
    "nonfinite-kernel-over-zeros": (
        {"kernel": np.full((2, 1, 1), NAN), "padding": 1},
        {"kernel": np.full((2, 1, 1), NAN)},
    ),
    "transposed-nonfinite-kernel": (
        {"op": "conv_transpose", "kernel": np.full((2, 1, 1), NAN)},
        {"op": "conv_transpose", "input": np.full((1, 4, 1), NAN)},
    ),
    "negative-zero": ({"input": np.full((1, 4, 1), -0.0)}, {"input": np.zeros((1, 4, 1))}),
    "subnormal": ({"input": np.full((1, 4, 1), 1e-40)}, {"input": np.zeros((1, 4, 1))}),
    **{
        f"dtype-{name.replace('_', '-')}": ({"dtype": name}, {"dtype": "int32" if name != "int32" else "int8"})
        for name in DTYPES
    },
}


def example(given: dict[str, Any]) -> Call:
    """Return a call of four elements and two taps, changed as given."""
    arguments: dict[str, Any] = {"op": "conv", "input": np.ones((1, 4, 1)), "kernel": np.ones((2, 1, 1)), **given}
    return call_of(arguments.pop("op"), arguments.pop("input"), arguments.pop("kernel"), **arguments)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_holds_for_one_call_and_not_for_another(rule: str) -> None:
    """Rules are told apart by examples; a new rule needs its own."""
    holds, fails = EXAMPLES[rule]
    assert (True, False) == (RULES[rule](example(holds)), RULES[rule](example(fails)))
