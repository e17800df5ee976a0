"""Case files into cases: what is checked, what it says, what it costs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance.core import cache
from conv_conformance.core.call import Variation
from conv_conformance.core.case import Case, Reference
from conv_conformance.core.expectation import AnyOf, Output, Refusal, Shape
from conv_conformance.core.problem import Invalid
from conv_conformance.corpus import Corpus, load

DEFAULTS = "defaults: {op: conv, layout: {input: NWC, kernel: WIO}}\n"
EXAMPLE = """\
    input: [[[0], [3], [4], [5]]]
    kernel: [[[1]], [[2]]]
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))


def write(folder: Path, body: str, name: str = "x.yaml", defaults: str = DEFAULTS) -> Path:
    """Write a case file; `body` is what stands under `cases`, or whole keys if it does not begin with a dash."""
    path = folder / name
    path.write_text(f"about: A file.\n{defaults}" + (f"cases:\n{body}" if body.startswith("  - ") else body))
    return path


def one(keys: str, name: str = "a.b") -> str:
    """Return a case of an id with keys, each on a line of its own."""
    return f"  - id: {name}\n    title: A fact\n" + keys


def case_of(folder: Path, keys: str) -> Case:
    """Return the only case of a file."""
    (case,) = load([write(folder, one(keys))]).cases
    return case


def told(*paths: Path) -> list[str]:
    """Return what the loader has against some files, without their folder."""
    try:
        load(paths)
    except Invalid as invalid:
        return [str(problem).replace(f"{paths[0].parent}/", "") for problem in invalid.problems]
    return []


def test_the_worked_example_becomes_a_case(tmp_path: Path) -> None:
    """Call and expectation of 0, 3, 4, 5 by 1, 2, with everything that was left out filled in."""
    case = case_of(tmp_path, EXAMPLE + "    expect: {output: [[[6], [11], [14]]]}\n")
    call = case.call
    assert ("a.b", "A fact", (), "", 4) == (case.id, case.title, case.clauses, case.sweep, case.line)
    assert ("conv", "valid", "zeros", 1, None) == (call.op, call.padding, call.padding_mode, call.groups, call.before)
    assert ((1,), (1,), (1,), (0,)) == (call.strides, call.dilations, call.input_dilations, call.output_padding)
    assert ("NWC", "WIO", "NWC") == (call.layout.input, call.layout.kernel, call.layout.output)
    assert ("float32", "float32", "float32") == (call.dtype.input, call.dtype.kernel, call.dtype.output)
    assert Variation() == call.variation
    assert [[[0], [3], [4], [5]]] == call.input.tolist()
    assert isinstance(case.expectation, Output)
    assert [[[6], [11], [14]]] == case.expectation.array.tolist()


def test_a_case_says_what_it_is_about(tmp_path: Path) -> None:
    """Clauses, faults, reason, sources, versions."""
    about = """\
    clauses: [CONV-1, VALID-1]
    catches: [kernel-flipped]
    why: Because.
    references: [{link: "https://example.org/1", says: This.}]
    since: "1.0"
    superseded_by: a.b
    expect: {shape: [1, 3, 1]}
"""
    case = case_of(tmp_path, EXAMPLE + about)
    assert (("CONV-1", "VALID-1"), ("kernel-flipped",), "Because.") == (case.clauses, case.catches, case.why)
    assert (Reference(link="https://example.org/1", says="This."),) == case.references
    assert ("1.0", "a.b") == (case.since, case.superseded_by)
    assert Shape(shape=(1, 3, 1), dtype="float32") == case.expectation


def test_scalars_stand_for_every_spatial_axis(tmp_path: Path) -> None:
    """Strides, dilations, padding and before of one number are spread over two axes."""
    keys = """\
    layout: {input: NHWC, kernel: HWIO, output: NCHW}
    input: {shape: [1, 6, 6, 1], fill: 1}
    kernel: {shape: [2, 2, 1, 1], fill: 1}
    strides: 2
    dilations: [1, 2]
    padding: 1
    before: {pad: -1}
    expect: {shape: [1, 1, 3, 2]}
"""
    call = case_of(tmp_path, keys).call
    assert ((2, 2), (1, 2), ((1, 1), (1, 1)), ((-1, -1), (-1, -1))) == (
        call.strides,
        call.dilations,
        call.padding,
        call.before,
    )
    assert "NCHW" == call.layout.output


def test_storage_and_variation(tmp_path: Path) -> None:
    """A storage for all arrays or for each, an axis of stride 0, variations alone or together."""
    keys = EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"
    storage = "    storage: {input: {broadcast: N}, kernel: offset}\n    variation: [kernel_constant, {threads: 3}]\n"
    call = case_of(tmp_path, keys + storage).call
    assert ("broadcast:N", "offset") == (call.storage.input, call.storage.kernel)
    assert Variation(kernel_constant=True, threads=3) == call.variation
    call = case_of(tmp_path, keys + "    storage: {broadcast: N}\n    variation: dynamic_shape\n").call
    assert ("broadcast:N", "contiguous") == (call.storage.input, call.storage.kernel)
    assert Variation(dynamic_shape=True) == call.variation
    call = case_of(tmp_path, keys + "    variation: shape_inference\n").call
    assert Variation(shape_inference=True) == call.variation
    assert not call.variation.is_compiled


def test_a_refusal_has_a_twin_by_patch_or_by_id(tmp_path: Path) -> None:
    """Zero strides are refused; the twin, the same call one step away or another case, is there to be accepted."""
    wrong = EXAMPLE + "    strides: 0\n    expect: {refusal: {twin: %s}}\n"
    fine = one(EXAMPLE + "    expect: {shape: [1, 3, 1]}\n", "a.c")
    path = write(tmp_path, one(wrong % "{strides: [1]}") + fine + one(wrong % "a.c", "a.d"))
    by_patch, twin, by_id = load([path]).cases
    assert (0,) == by_patch.call.strides
    assert isinstance(by_patch.expectation, Refusal)
    assert ("{strides: [1]}", (1,)) == (by_patch.expectation.name, by_patch.expectation.twin.strides)
    assert by_patch.call.input.tolist() == by_patch.expectation.twin.input.tolist()
    assert isinstance(by_id.expectation, Refusal)
    assert by_id.expectation.twin is twin.call


def test_a_twin_may_stand_in_the_shipped_corpus(tmp_path: Path) -> None:
    """A user's file, or one file of ours alone, may name it; it does not become a case of that corpus."""
    shipped = next(case for case in load().cases if isinstance(case.expectation, Output))
    corpus = load(
        [write(tmp_path, one(EXAMPLE + f"    strides: 0\n    expect: {{refusal: {{twin: {shipped.id}}}}}\n"))]
    )
    (case,) = corpus.cases
    assert isinstance(case.expectation, Refusal)
    assert shipped.call.input.tobytes() == case.expectation.twin.input.tobytes()


@pytest.mark.parametrize(
    "keys",
    [
        "    input: [[[0], [3]]]\n    kernel: [[1], [2]]\n    expect: {refusal: {twin: {kernel: [[[1]], [[2]]]}}}\n",
        EXAMPLE + "    groups: 0\n    expect: {refusal: {twin: {groups: 1}}}\n",
        EXAMPLE + "    strides: [1, 1]\n    expect: {refusal: {twin: {strides: 1}}}\n",
        EXAMPLE + "    padding: [[1, 1], [1, 1]]\n    expect: {refusal: {twin: {padding: 1}}}\n",
        EXAMPLE + "    bias: [1, 2]\n    expect: {refusal: {twin: {bias: [1]}}}\n",
        EXAMPLE + "    output_padding: -1\n    expect: {refusal: {twin: {output_padding: 0}}}\n",
        EXAMPLE + "    padding: SAME\n    expect: {refusal: {twin: {padding: same}}}\n",
        EXAMPLE + "    padding: sideways\n    expect: {refusal: {twin: {padding: 1}}}\n",
        EXAMPLE + "    padding_mode: mirror\n    expect: {refusal: {twin: {padding_mode: reflect}}}\n",
        EXAMPLE + "    padding: []\n    expect: {refusal: {twin: {padding: valid}}}\n",
        EXAMPLE + "    strides: []\n    expect: {refusal: {twin: {strides: 1}}}\n",
        EXAMPLE + "    dilations: [1, 1, 1]\n    expect: {refusal: {twin: {dilations: 1}}}\n",
        EXAMPLE + "    input_dilations: [1, 0]\n    expect: {refusal: {twin: {input_dilations: 1}}}\n",
        EXAMPLE + "    output_padding: [0, 0]\n    expect: {refusal: {twin: {output_padding: 0}}}\n",
        EXAMPLE + "    bias: [[1]]\n    expect: {refusal: {twin: {bias: [1]}}}\n",
        EXAMPLE + "    bias: {shape: [], values: [1]}\n    expect: {refusal: {twin: {bias: [1]}}}\n",
        EXAMPLE + "    dtype: {input: float32, output: int32}\n    expect: {refusal: {twin: {dtype: float32}}}\n",
    ],
)
def test_under_a_refusal_types_alone_are_checked(keys: str, tmp_path: Path) -> None:
    """Wrong ranks, lengths and zeros are the point there, and such a call can be built."""
    case = case_of(tmp_path, keys)
    assert isinstance(case.expectation, Refusal)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("    padding: SAME\n    strides: 0\n", "padding: unknown padding 'SAME'"),
        ("    padding_mode: mirror\n    strides: 0\n", "padding_mode: unknown padding mode 'mirror'"),
    ],
)
def test_a_twin_keeps_no_unknown_word(keys: str, message: str, tmp_path: Path) -> None:
    """A patch that leaves the word as it is makes no call that could be accepted."""
    path = write(tmp_path, one(EXAMPLE + keys + "    expect: {refusal: {twin: {strides: 1}}}\n"))
    (problem,) = told(path)
    assert message in problem


def test_a_twin_says_no_unknown_word(tmp_path: Path) -> None:
    """In the patch, as everywhere outside the refused call, a misspelt word is told from a known one."""
    path = write(tmp_path, one(EXAMPLE + "    padding: SAME\n    expect: {refusal: {twin: {padding: sane}}}\n"))
    assert ["x.yaml:9:40: unknown padding 'sane' (did you mean 'same'?)"] == told(path)


def test_before_fits_also_under_a_refusal(tmp_path: Path) -> None:
    """What comes ahead of the convolution is a step of the suite, not a parameter that a framework could refuse."""
    keys = EXAMPLE + "    before: {pad: [[1, 1], [1, 1]]}\n    expect: {refusal: {twin: {before: {pad: 1}}}}\n"
    assert ["x.yaml:8:13: 2 pairs for 1 spatial axes (write one for each axis of W)"] == told(
        write(tmp_path, one(keys))
    )


@pytest.mark.parametrize("word", ["1.5", "''", "two words", "[mirror]"])
def test_under_a_refusal_a_word_is_a_word(word: str, tmp_path: Path) -> None:
    """Any word may stand there, and only a word."""
    keys = EXAMPLE + f"    padding_mode: {word}\n    expect: {{refusal: {{twin: {{padding_mode: zeros}}}}}}\n"
    (problem,) = told(write(tmp_path, one(keys)))
    assert "x.yaml:8:19: expected padding mode" in problem


def test_a_twin_of_another_layout_has_the_same_values(tmp_path: Path) -> None:
    """A patch of the layout moves the axes of the arrays that the patch does not name."""
    keys = "    input: [[[0, 3, 4, 5]]]\n    kernel: [[[1, 2]]]\n    layout: {input: NCW, kernel: OIW}\n"
    expect = "    expect: {refusal: {twin: {layout: {input: NWC, kernel: OIW}}}}\n"
    refusal = case_of(tmp_path, keys + expect).expectation
    assert isinstance(refusal, Refusal)
    assert [[[0], [3], [4], [5]]] == refusal.twin.input.tolist()
    assert "NWC" == refusal.twin.layout.output


def test_a_twin_of_another_dtype_has_the_same_values(tmp_path: Path) -> None:
    """A patch of the dtype converts the arrays."""
    keys = EXAMPLE + "    dtype: int8\n    expect: {refusal: {twin: {dtype: float32}}}\n"
    refusal = case_of(tmp_path, keys).expectation
    assert isinstance(refusal, Refusal)
    assert np.float32 == refusal.twin.input.dtype
    assert [[[0], [3], [4], [5]]] == refusal.twin.input.tolist()


def test_alternatives_of_a_cited_clause(tmp_path: Path) -> None:
    """Where the specification leaves a choice, each alternative has its name from the glossary."""
    keys = EXAMPLE + "    padding: same\n    strides: 2\n    clauses: [SAME-4]\n"
    expect = "    expect: {any_of: {computes: {output: [[[6], [14]]]}, refuses: {refusal: {twin: {strides: 1}}}}}\n"
    found = case_of(tmp_path, keys + expect).expectation
    assert isinstance(found, AnyOf)
    assert (["computes", "refuses"], ("SAME-4",)) == (list(found.alternatives), found.clauses)


def test_the_reference_gives_the_output_of_generated_arrays(tmp_path: Path) -> None:
    """`output: reference` is computed when it is asked for."""
    keys = """\
    input: {shape: [1, 4, 1], fill: 2}
    kernel: {shape: [2, 1, 1], one_hot: [1, 0, 0]}
    expect: {output: reference}
"""
    found = case_of(tmp_path, keys).expectation
    assert isinstance(found, Output)
    assert [[[2], [2], [2]]] == found.array.tolist()


def test_the_reference_gives_the_output_of_an_alternative(tmp_path: Path) -> None:
    """Under an alternative that a switch of the reference computes, `output: reference` is that result."""
    keys = """\
    op: conv_transpose
    input: {shape: [1, 2, 1], fill: 2}
    kernel: [[[1]]]
    strides: 2
    clauses: [CLAUSE]
    expect: {any_of: {ends-with-the-last-product: {output: reference}, trailing-zeros: {output: reference}}}
"""
    clause = next(name for name, each in load().clauses.items() if "trailing-zeros" in each.alternatives)
    found = case_of(tmp_path, keys.replace("CLAUSE", clause)).expectation
    assert isinstance(found, AnyOf)
    outputs = [each for each in found.alternatives.values() if isinstance(each, Output)]
    assert [[2, 0, 2], [2, 0, 2, 0]] == [each.array.ravel().tolist() for each in outputs]
    assert [frozenset(), frozenset(["trailing-zeros"])] == [each.switches for each in outputs]


#: Keys of a case, and what the loader must say; the keys stand from line 6 on.
FAULTS: list[tuple[str, str]] = [
    ("    stride: 1\n", "x.yaml:6:5: unknown key 'stride' (did you mean 'strides'?)"),
    ("    strides: 0\n", "x.yaml:6:14: must be at least 1, not 0"),
    ("    strides: [1, 1]\n", "x.yaml:6:14: 2 entries for 1 spatial axes (write one for each axis of W)"),
    ("    dilations: -1\n", "x.yaml:6:16: must be at least 1, not -1"),
    ("    padding: [[1, 1], [1, 1]]\n", "x.yaml:6:14: 2 pairs for 1 spatial axes (write one for each axis of W)"),
    ("    padding: reflect\n", "x.yaml:6:14: unknown padding 'reflect' (known: valid, same, same_lower, causal, full)"),
    ("    padding: samelower\n", "x.yaml:6:14: unknown padding 'samelower' (did you mean 'same_lower'?)"),
    ("    groups: 2\n", "x.yaml:8:13: I = 1 must be C / groups, with C = 1 and groups = 2"),
    ("    output_padding: 1\n", "x.yaml:6:21: output_padding cannot be combined with padding: valid (write the"),
    ("    output_padding: 1\n    padding: 0\n", "x.yaml:6:21: conv does not accept output_padding (only"),
    ("    op: conv_transpose\n    padding: causal\n", "x.yaml:7:14: conv_transpose does not accept causal"),
    ("    op: conv_transpose\n    padding: full\n", "x.yaml:7:14: conv_transpose does not accept full"),
    ("    op: conv_transpose\n    input_dilations: 2\n", "x.yaml:7:22: conv_transpose does not accept input_dilations"),
    ("    op: conv_transpose\n    padding_mode: reflect\n", "x.yaml:7:19: conv_transpose does not accept reflect"),
    ("    padding_mode: circular\n    input_dilations: 2\n", "x.yaml:6:19: circular cannot be combined with"),
    ("    padding_mode: circular\n    padding: -1\n", "x.yaml:6:19: circular cannot be combined with negative padding"),
    ("    op: depthwise_conv\n", "x.yaml:2:30: WIO is not a layout of the kernel here (use the letters WCM in"),
    ("    op: separable_conv\n", "x.yaml:2:30: the layout of the depthwise_kernel is missing (write for example WCM)"),
    (
        "    op: depthwise_conv\n    groups: 2\n    layout: {input: NWC, kernel: WCM}\n",
        "x.yaml:7:13: depthwise_conv does not accept groups (each channel is already one group)",
    ),
    ("    layout: {input: NWC}\n", "x.yaml:6:13: the layout of the kernel is missing (write for example WIO)"),
    ("    layout: {input: NHWC, kernel: WIO}\n", "x.yaml:6:13: WIO is not a layout of the kernel here"),
    ("    layout: {input: NWC, kernel: WIO, output: NHWC}\n", "x.yaml:6:13: NHWC is not a layout of the output here"),
    ("    layout: {input: NWC, kernel: WIX}\n", "x.yaml:6:34: 'WIX' is not a layout"),
    ("    bias: [1, 2]\n", "x.yaml:6:11: 2 elements for 1 output channels"),
    (
        "    pointwise_kernel: [[[1]]]\n",
        "x.yaml:6:23: conv has no pointwise_kernel (its arrays are input, kernel and bias)",
    ),
    ("    dtype: {input: float32, output: int32}\n", "x.yaml:6:12: the output cannot be int32 (not all arrays"),
    ("    dtype: {input: complex64, output: float32}\n", "x.yaml:6:12: the output cannot be float32 (some arrays"),
    (
        "    storage: {broadcast: W}\n",
        "x.yaml:6:14: the values of input differ along W (broadcast needs equal values)",
    ),
    ("    storage: {bias: offset}\n", "x.yaml:6:14: storage of bias: the call has no bias"),
    ("    storage: {kernel: {broadcast: N}}\n", "x.yaml:6:14: kernel has no axis N (the layout of kernel is WIO)"),
    ("    clauses: [CONV-999]\n", "x.yaml:6:14: unknown clause 'CONV-999' (did you mean"),
    ("    catches: [kernel-fliped]\n", "x.yaml:6:14: unknown fault 'kernel-fliped' (did you mean 'kernel-flipped'?)"),
    ("    superseded_by: a.c\n", "x.yaml:6:20: no case a.c"),
    ("    clauses: [CONV-1, CONV-1]\n", "x.yaml:6:14: CONV-1 is listed twice"),
    ("    since: 1.0\n", "x.yaml:6:12: expected a text, not the number 1.0 (quote it)"),
    ("    accumulate: int32\n", "x.yaml:6:17: float32 output cannot be accumulated in int32 (use a dtype of"),
    ("    accumulate: complex64\n", "x.yaml:6:17: float32 output cannot be accumulated in complex64"),
    ("    dtype: int8\n    accumulate: float32\n", "x.yaml:7:17: int8 output cannot be accumulated in float32"),
    ("    strides: 10000000000\n", "x.yaml:6:14: expected an integer, not '10000000000' (at most ten digits)"),
    ("    strides: inf\n", "x.yaml:6:14: expected an integer, not 'inf'"),
]


@pytest.mark.parametrize(("keys", "problem"), FAULTS, ids=[problem.partition(": ")[2] for _, problem in FAULTS])
def test_contradictions_are_told_at_their_place(keys: str, problem: str, tmp_path: Path) -> None:
    """Each wrong key of a case that is right otherwise: place, message, hint."""
    problems = told(write(tmp_path, one(keys + EXAMPLE + "    expect: {shape: [1, 3, 1]}\n")))
    assert any(each.startswith(problem) for each in problems), problems


#: Expectations of the worked example, and what the loader must say.
EXPECTATIONS: list[tuple[str, str]] = [
    ("{output: [[[6], [11]]]}", "x.yaml:8:22: the output must have shape [1, 3, 1] (NWC), not [1, 2, 1]"),
    ("{shape: [1, 4, 1]}", "x.yaml:8:21: the output must have shape [1, 3, 1] (NWC), not [1, 4, 1]"),
    ("{shape: [1, 3]}", "x.yaml:8:21: a shape with 2 axes does not fit the layout NWC of the output"),
    ("{output: reference}", "x.yaml:8:22: output: reference needs a generated array"),
    ("{output: [[[6], [11], [1.0e+60]]]}", "x.yaml:8:36: 1.0e+60 is too large for float32"),
    ("{refusal: {twin: a.c}}", "x.yaml:8:30: no case a.c"),
    ("{refusal: {twin: a.b}}", "x.yaml:8:30: a.b cannot be a twin, because it expects a refusal or is a training run"),
    (
        "{refusal: {twin: {strides: 0}}}",
        "x.yaml:8:40: the twin must be a valid call: strides: must be at least 1, not 0",
    ),
    ("{refusal: {twin: {stride: 1}}}", "x.yaml:8:31: unknown key 'stride' (did you mean 'strides'?)"),
    (
        "{any_of: {a: {shape: [1, 3, 1]}, b: {shape: [1, 0, 1]}}}",
        "x.yaml:8:23: 'a' is not an alternative of the cited clauses (the cited clauses have: none)",
    ),
    ("{any_of: {a: {shape: [1, 3, 1]}}}", "x.yaml:8:22: any_of needs at least two alternatives"),
]


@pytest.mark.parametrize(("expect", "problem"), EXPECTATIONS, ids=[expect for expect, _ in EXPECTATIONS])
def test_wrong_expectations_are_told_at_their_place(expect: str, problem: str, tmp_path: Path) -> None:
    """The shape rule, values beyond the dtype, twins that are not there."""
    problems = told(write(tmp_path, one(EXAMPLE + f"    expect: {expect}\n")))
    assert any(each.startswith(problem) for each in problems), problems


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """A file that cannot be read to its end does not stop the others, nor one wrong case the next."""
    first = tmp_path / "a.yaml"
    first.write_text("about: [\n")
    second = write(tmp_path, one("    strides: 0\n") + one("    strides: 0\n", "A.B"), "b.yaml")
    third = write(tmp_path, one(EXAMPLE + "    expect: {shape: [9, 9, 9]}\n", "a.c"), "c.yaml")
    places = [problem.partition(": ")[0] for problem in told(first, second, third)]
    assert {"a.yaml", "b.yaml", "c.yaml"} == {place.partition(":")[0] for place in places}
    assert "b.yaml:7:9" in places
    assert sorted(places) == sorted(places, key=lambda place: place.partition(":")[0])


def test_an_id_used_twice_is_told_across_files(tmp_path: Path) -> None:
    """With the place of the first."""
    keys = EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"
    paths = [write(tmp_path, one(keys), "x.yaml"), write(tmp_path, one(keys), "y.yaml")]
    (problem,) = told(*paths)
    assert problem.startswith("y.yaml:4:9: duplicate id a.b (first used in ")
    assert problem.endswith("x.yaml:4)")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """And so is one among others."""
    assert ["nothing.yaml: no such file or folder"] == told(tmp_path / "nothing.yaml")


def test_defaults_replace_whole_keys(tmp_path: Path) -> None:
    """A case's dtype takes the place of the default mapping, nothing is merged into it."""
    defaults = (
        "defaults: {op: conv, layout: {input: NWC, kernel: WIO}, dtype: {input: int8, output: int32}, strides: 2}\n"
    )
    keys = EXAMPLE + "    dtype: int8\n    expect: {shape: [1, 2, 1]}\n"
    (case,) = load([write(tmp_path, one(keys), defaults=defaults)]).cases
    assert ("int8", "int8", (2,)) == (case.call.dtype.input, case.call.dtype.output, case.call.strides)


def test_a_wrong_default_is_told_once_at_its_own_place(tmp_path: Path) -> None:
    """Not once for each case."""
    keys = EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"
    path = write(tmp_path, one(keys) + one(keys, "a.c"), defaults=DEFAULTS.replace("conv", "con"))
    assert ["x.yaml:2:16: unknown op 'con' (did you mean 'conv'?)"] == told(path)


def test_selection_by_id_pattern_and_path(tmp_path: Path) -> None:
    """`*` and `?` are special, brackets are not; a path or a folder takes its file's cases."""
    (tmp_path / "sub").mkdir()
    keys = EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"
    write(tmp_path, one(keys) + one(keys, "a.c"))
    inner = write(tmp_path / "sub", one(keys, "z.b"))
    corpus = load([tmp_path])

    def ids(*patterns: str) -> list[str]:
        return [case.id for case in corpus.select(patterns).cases]

    assert ["z.b", "a.b", "a.c"] == ids()
    assert ["a.b", "a.c"] == ids("a.*")
    assert ["z.b", "a.b"] == ids("?.b")
    assert ["z.b"] == ids(str(inner))
    assert ["z.b"] == ids(str(tmp_path / "sub"))
    with pytest.raises(Invalid, match=r"a\.\[bc\]: matches no case"):
        corpus.select(["a.[bc]"])
    with pytest.raises(Invalid, match=r"did you mean 'a\.b'"):
        corpus.select(["a.bb"])


def test_arrays_are_built_once_and_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading builds no array; the second look at a call builds none either."""
    from conv_conformance.corpus import builder

    built: list[Any] = []
    original = builder.build_call
    monkeypatch.setattr(builder, "build_call", lambda plain: built.append(plain) or original(plain))
    case = case_of(tmp_path, EXAMPLE + "    expect: {shape: [1, 3, 1]}\n")
    assert [] == built
    assert case.call is case.call
    assert 1 == len(built)


def test_listing_ids_needs_no_numpy() -> None:
    """In a fresh process, the shipped corpus is loaded and listed without NumPy, yaml's compiled reader apart."""
    program = (
        "import sys; from conv_conformance.corpus import load; print(len([c.id for c in load().cases]));"
        "sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert int(done.stdout) > 0


def loaded(path: Path) -> Corpus:
    """Return a corpus whose calls were all built."""
    corpus = load([path])
    assert all(case.expectation for case in corpus.cases)
    return corpus


def test_the_cache_gives_the_same_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is parsed, and arrays, complex numbers and NaN are the same to the bit."""
    keys = """\
    dtype: complex64
    input: [[[{re: nan, im: -0.0}], [1.5], ["0x1p-149"]]]
    kernel: [[[1]]]
    strides: 2
    expect: {refusal: {twin: {strides: 1}}}
"""
    path = write(tmp_path, one(keys))
    (first,) = loaded(path).cases
    monkeypatch.setattr("conv_conformance.corpus.loader.read_file", None)
    (second,) = loaded(path).cases
    assert first.call.input.tobytes() == second.call.input.tobytes()
    assert (first.id, first.line, first.call.strides) == (second.id, second.line, second.call.strides)


def test_a_broken_cache_is_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rubbish in it, or no right to write, and the files are read again in silence."""
    path = write(tmp_path, one(EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"))
    loaded(path)
    kept = [*(tmp_path / "cache").rglob(cache.key(path.read_bytes()))]
    assert 1 == len(kept)
    kept[0].write_bytes(kept[0].read_bytes().replace(b"A fact", b"A fake"))
    assert ["A fact"] == [case.title for case in loaded(path).cases]
    kept[0].write_bytes(hashlib.sha256(b"?" * 9).digest() + b"?" * 9)
    assert 1 == len(loaded(path).cases)
    kept[0].write_bytes(b"")
    assert 1 == len(loaded(path).cases)
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(path))
    assert 1 == len(loaded(path).cases)


def test_wrong_files_are_not_kept(tmp_path: Path) -> None:
    """Their problems are told again."""
    path = write(tmp_path, one("    strides: 0\n"))
    assert told(path) == told(path) != []


def test_the_digest_follows_the_contents(tmp_path: Path) -> None:
    """Another byte, another digest; the order of the arguments changes nothing."""
    keys = EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"
    paths = [write(tmp_path, one(keys), "x.yaml"), write(tmp_path, one(keys, "a.c"), "y.yaml")]
    first = load(paths).digest
    assert first.startswith("sha256:")
    assert load(paths[::-1]).digest == first
    write(tmp_path, one(keys.replace("5", "6")), "x.yaml")
    assert load(paths).digest != first


def test_a_folder_brings_its_own_glossaries(tmp_path: Path) -> None:
    """Clauses and faults beside a user's cases may be cited, and are checked as strictly."""
    (tmp_path / "clauses.yaml").write_text("OWN-1:\n  level: required\n  sentence: Ours.\n")
    write(tmp_path, one(EXAMPLE + "    clauses: [OWN-1]\n    expect: {shape: [1, 3, 1]}\n"))
    assert "Ours." == load([tmp_path]).clauses["OWN-1"].sentence
    (tmp_path / "clauses.yaml").write_text("OWN-1:\n  level: must\n  sentence: Ours.\n")
    with pytest.raises(Invalid, match=r"clauses.yaml:2:10: unknown level 'must'"):
        load([tmp_path])


def test_a_profile_is_made_of_clauses_that_there_are(tmp_path: Path) -> None:
    """A pattern that no clause fits is told; the shipped profiles are read."""
    assert {"core", "mixed", "gradients", "full"} <= load().profiles.keys()
    (tmp_path / "profiles.yaml").write_text("own: {about: Ours., clauses: [CONV-*, CONF-*]}\n")
    write(tmp_path, one(EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"))
    with pytest.raises(Invalid, match=r"^profiles.yaml: own: no clause matches 'CONF-\*'"):
        load([tmp_path])


CHOICE = "OWN-1: {{level: implementation-defined, sentence: A., when: [same], alternatives: {{a: {{}}, {}}}}}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("own-1: {level: required, sentence: A.}\n", "'own-1' is not a clause id"),
        ("OWN-1: {level: required}\n", "missing key 'sentence'"),
        ("OWN-1: {level: required, sentence: A., when: [same]}\n", "unknown key 'when'"),
        ("OWN-1: {level: implementation-defined, sentence: A.}\n", "missing key 'alternatives'"),
        (CHOICE.format("b: {precision: float3}"), "unknown precision 'float3' (did you mean 'float32'?)"),
        (CHOICE.format("b: {precision: exact, refusal: {twin: {strides: 1}}}"), "an alternative must be {}, {switch"),
        (
            "OWN-1: {level: implementation-defined, sentence: A., when: [sam], alternatives: {a: {}, b: {}}}\n",
            "unknown rule 'sam' (did you mean 'same'?)",
        ),
        (
            CHOICE.format("b: {switch: x}"),
            "unknown switch 'x'",
        ),
        (
            "OWN-1: {level: implementation-defined, sentence: A., when: [same], alternatives: {a: {}}}\n",
            "alternatives needs at least two entries",
        ),
        (
            CHOICE.format("b: {refusal: {twin: {stride: 1}}}"),
            "unknown key 'stride' (did you mean 'strides'?)",
        ),
    ],
)
def test_wrong_clauses_are_told(text: str, problem: str, tmp_path: Path) -> None:
    """Levels, rules, switches and twins of clauses are of the documented sets."""
    (tmp_path / "clauses.yaml").write_text(text)
    write(tmp_path, one(EXAMPLE + "    expect: {shape: [1, 3, 1]}\n"))
    assert any(problem in each for each in told(tmp_path)), told(tmp_path)


def test_a_hostile_file_is_refused_quickly(tmp_path: Path) -> None:
    """Sizes beyond every memory are refused before anything is built."""
    keys = "    input: {shape: [99999, 99999, 99999], fill: 0}\n    kernel: [[[1]]]\n    expect: {shape: [1, 1, 1]}\n"
    start = time.process_time()
    assert "an array can have at most 67108864 elements, not" in told(write(tmp_path, one(keys)))[0]
    padded = EXAMPLE + "    padding: 999999999\n    expect: {shape: [1, 1, 1]}\n"
    assert "the output of shape [1, 2000000001, 1] has more" in told(write(tmp_path, one(padded)))[0]
    assert time.process_time() - start < 1
