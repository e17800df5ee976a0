"""The lengths and windows of a worked example equal those of the reference; each similar call has an output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conv_conformance import reference
from conv_conformance.commands.explain import OPERATIONS, _show
from conv_conformance.core.call import Call, PerArray
from conv_conformance.corpus import load
from conv_conformance.explain import requested_call, worked_example
from conv_conformance.workers import targets
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.console import Console

from ..diagnosis.taps.test_tap_map import WRONG
from ..support import zoo
from ..support.builders import call_of
from ..support.command_line import Command
from ..support.random_calls import calls


@settings(max_examples=150, deadline=None)
@given(calls())
def test_lengths_are_those_of_the_reference(call: Call) -> None:
    """Each printed formula, evaluated, equals the length."""
    try:
        output = reference.evaluate(call)
    except reference.Undefined:
        return
    assume(all(call.extents(call.stages[0].kernel)) and (call.op != "conv_transpose" or 0 not in call.lengths))
    for each in worked_example.lengths(call):
        assert output.shape[call.letters("output").index(each.axis)] == each.length
        value = evaluated(re.sub(r"^max\((.*), 0\)$", r"\1", each.formula))
        assert max(value, 0) == each.length


def evaluated(formula: str) -> int:
    """Return what a formula of numbers, + - * / and floor comes to, read as Python reads it."""
    assert re.fullmatch(r"[-floor\d+*/ ()]+", formula)
    return int(eval(formula, {"floor": lambda number: int(np.floor(number))}))


@settings(max_examples=200, deadline=None)
@given(calls(op="conv", rank=1), st.integers(0, 2**31))
def test_windows_are_those_of_the_reference(drawn: Call, seed: int) -> None:
    """What stands behind each arrow is an element of the output, in order of filters."""
    rng = np.random.default_rng(seed)
    present = ("input", "kernel", *(["bias"] if drawn.bias is not None else []))
    arrays = {name: rng.integers(-9, 10, drawn.array(name).shape).astype(np.float32) for name in present}
    call = replace(drawn, dtype=PerArray(**dict.fromkeys((*present, "output"), "float32")), **arrays)
    try:
        output = reference.evaluate(call)
    except reference.Undefined:
        return
    lines = [line for line in worked_example.windows(call) if line != "..."]
    totals = [float(line.rpartition("→ ")[2]) for line in lines]
    letters = call.letters("output")
    expected = output.transpose([letters.index(letter) for letter in "NCW"])[:1].reshape(-1)[: len(totals)]
    assert expected.tolist() == totals


@pytest.mark.parametrize(("length", "wanted"), [(17, 3), (40, 36), (7, 7), (5, 1)])
def test_ways_lead_there(length: int, wanted: int) -> None:
    """Each combination gives the length, by the reference."""
    found = list(worked_example.ways(length, wanted))
    assert len(found) == len(set(found)) > 3
    for way in found:
        words = {name: str(value) for name, value in way._asdict().items()}
        call = requested_call.call(requested_call.Words(input_shape=f"1,{length},1", **words))
        assert (1, wanted, 1) == reference.evaluate(call).shape


@pytest.mark.parametrize(
    ("words", "why", "near"),
    [
        (
            {"input_shape": "16070,1,45", "kernel_size": "10", "strides": "5"},
            "no window fits along W: the output is empty",
            {"padding: same": (16070, 1, 1), "input 1x16070x45 NWC: N and W exchanged": (1, 3213, 1)},
        ),
        (
            {"input_shape": "1,5,4", "kernel": "[[[1],[1]]]"},
            "the kernel has I = 2, but 4 input channels and groups=1 need I = 4",
            {"kernel 1x4x1 WIO": (1, 5, 1)},
        ),
        (
            {"input_shape": "2,9,4", "kernel_size": "3", "groups": 2},
            "groups=2 must divide the 1 filters",
            {"groups: 1, kernel 3x4x1 WIO": (2, 7, 1)},
        ),
        ({"input_shape": "1,9,3", "padding": "wide"}, "unknown padding wide", {}),
    ],
)
def test_what_is_near(words: dict[str, Any], why: str, near: dict[str, tuple[int, ...]]) -> None:
    """Why a call has no meaning or no output, and the calls beside it that have one."""
    call = requested_call.call(requested_call.Words(**words))
    assert why == requested_call.objection(call)
    assert near.items() <= dict(requested_call.nearest(call)).items()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--input", "1,2,x"], "--input: got '1,2,x' (expected numbers separated by commas, or nested lists)"),
        (
            ["--input", '[["1"]]'],
            "--input: got '[[\"1\"]]' (expected numbers separated by commas, or nested lists of numbers)",
        ),
        (["--input", "1e39"], "--input: got '1e39' (expected finite float32 numbers)"),
        (["--input", "1e400"], "--input: got '1e400' (expected finite float32 numbers)"),
        (["--input-shape", "1,5,2", "--kernel-size", "-1"], "--kernel-size: got '-1' (expected at least 0 taps)"),
        ([], "--input-shape: missing (expected integers separated by commas)"),
        (["--input", "1,2", "--strides", "1,1"], "--strides: got '1,1' (expected one number)"),
        (
            ["--input", "1,2", "--padding", "[[1]]"],
            "--padding: got '[[1]]' (expected a padding name, a number, or a [low, high] pair for each axis)",
        ),
        (
            ["--input-shape", "1,2"],
            "--input-shape: got '1,2' (expected three to five sizes, such as 1,40,1 for batch, steps, channels)",
        ),
        (["--input", "1,2", "--layout", "NHW"], "--layout: got 'NHW' (expected the letters of NWC in some order)"),
    ],
)
def test_wrong_options_are_one_line(arguments: list[str], line: str, command: Command) -> None:
    """With the option, what is wrong with it, and a hint."""
    done = command("explain", *arguments)
    assert (2, "", [line]) == (done.code, done.out, done.err.splitlines())


def test_a_call_by_options_is_made(command: Command) -> None:
    """In the words of the target; one without a meaning is asked as well, and a search for many is refused."""
    done = command("explain", "--input", "0,3,4,5", "--kernel", "1,2", "-b", "numpy")
    assert (0, "the call on numpy") == (done.code, done.out.splitlines()[0])
    names = {line.split()[0] for line in done.out.splitlines()[1:] if line[0] != " "}
    assert {"verdict", "grid", "error", "call"} == names
    refused = command("explain", "--input-shape", "1,5,3", "--kernel-size", "2", "--groups", "2", "-b", "numpy")
    assert (0, True) == (refused.code, refused.out.splitlines()[1].startswith("outcome  raised"))
    many = command("explain", "--input-shape", "1,17,1", "--output-size", "3", "-b", "numpy")
    assert (2, True) == (
        many.code,
        many.err.endswith("--output-size searches for parameters; omit cases and -b\n"),
    )


@pytest.mark.parametrize("op", OPERATIONS)
def test_each_op_by_options_has_an_output(op: str) -> None:
    """Its kernels fit the input; a separable one has a filter for each channel, then as many as are asked for."""
    call = requested_call.call(
        requested_call.Words(op=op, input_shape="2,6,7,3", kernel_size="2,3", filters=4, strides="2")
    )
    output = reference.evaluate(call)
    counts = {"depthwise_conv": 12}
    lengths = (12, 15) if op == "conv_transpose" else (3, 3)
    assert (2, *lengths, counts.get(op, 4)) == output.shape


def test_a_bias_stands_in_its_windows() -> None:
    """And several filters are told apart."""
    call = call_of("conv", [[[1], [2]]], [[[1, 2]], [[3, 4]]], bias=[10, 20])
    assert [
        "filter 0: [1 2] * [1 3] = [1 6] + 10 → 17",
        "filter 1: [1 2] * [2 4] = [2 8] + 20 → 30",
    ] == list(worked_example.windows(call))


def test_literal_cases_can_be_explained() -> None:
    """Also those without a meaning, of every op and dtype: every third."""
    loaded = load(sweeps="none")
    for case in loaded.cases[::3]:
        _show(Console(file=StringIO()), case.call, case.clauses, loaded.clauses)


def test_each_framework_says_it_in_its_own_words(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On one line, ready to paste; what it refuses, cannot say or gives otherwise stands there or below."""
    (tmp_path / "wrong.py").write_text(WRONG)
    names = ["numpy", f"{tmp_path / 'wrong.py'}:Thrice", f"{zoo.MINIATURES}:UnsupportedEverything"]
    adapters = [targets.resolve(name) for name in names]
    monkeypatch.setattr(targets, "named_targets", lambda names: adapters)
    done = command("explain", "--input", "0,3,4,5", "--kernel", "1,2", "--frameworks")
    (_, array, kernel, right, wrong, but, unsaid) = done.out.splitlines()
    assert done.code == 0 and array.endswith('  np.array([[[0.], [3.], [4.], [5.]]], "float32")')
    assert kernel.startswith("kernel  ") and right.startswith("numpy  ") and "strides=(1,)" in right
    assert (
        wrong.startswith(names[1]) and but.strip() == "but: output[0, 0, 0] is 18, expected 6; 3 of 3 elements differ"
    )
    assert "unsupported: " in unsaid
    refused = command("explain", "--input-shape", "1,5,3", "--kernel-size", "2", "--groups", "2", "--frameworks").out
    assert "numpy             raised: " in refused


def test_a_call_as_large_as_a_model_has_it(command: Command) -> None:
    """Its shape needs neither its samples nor its channels; what would not fit into memory is refused in one line."""
    done = command("explain", "--input-shape", "8,56,56,64", "--kernel-size", "3", "--filters", "96", "--strides", "2")
    assert (done.code, "output  8x27x27x96 NHWC" in done.out) == (0, True)
    large = command("explain", "--input-shape", "1,100000000,1", "--kernel-size", "5")
    assert (large.code, large.err.startswith("--input-shape: an array of 100,000,000 elements is too large")) == (
        2,
        True,
    )
    assert len(large.err.splitlines()) == 1
    kernel = command("explain", "--input-shape", "1,3,900000", "--kernel-size", "3", "--filters", "9")
    assert (kernel.code, kernel.err.startswith("--kernel-size: an array of 24,300,000 elements is too large")) == (
        2,
        True,
    )


def test_the_shape_is_that_of_the_whole_call() -> None:
    """Whatever of it is left out to find it."""
    seen = 0
    for case in load(sweeps="none").cases[::5]:
        if case.call.training is None and case.call.kernel is not None:
            assert worked_example.shape(case.call) == _shape(case.call), case.id
            seen += 1
    assert seen > 200


def _shape(call: Call) -> tuple[int, ...] | None:
    try:
        return reference.evaluate(call).shape
    except reference.Undefined:
        return None


def test_ways_to_a_length_are_all_of_them() -> None:
    """As a search over every kernel, stride and dilation finds them; of a long input those that there are at all."""
    for length, wanted in ((17, 3), (7, 1), (6, 6), (5, 9), (1, 1)):
        found = {
            (way.kernel_size, way.strides, way.padding, way.dilations) for way in worked_example.ways(length, wanted)
        }
        assert found == {*_every_way(length, wanted)}
    assert next(worked_example.ways(16070, 3212))[:2] == (11, 5)


def _every_way(length: int, wanted: int) -> Iterator[tuple[int, int, str, int]]:
    for taps, stride, dilation in product(range(1, length + 1), range(1, length + 1), (1, 2, 3)):
        window = (taps - 1) * dilation + 1
        paddings = range(min(5, window - 1) + 1) if dilation == 1 or taps > 1 else ()
        fitting = [each for each in paddings if length + 2 * each >= window]
        fitting = [each for each in fitting if (length + 2 * each - window) // stride + 1 == wanted]
        if fitting:
            yield taps, stride, f"[[{fitting[0]}, {fitting[0]}]]" if fitting[0] else "valid", dilation
        if dilation == 1 and stride > 1 and -(-length // stride) == wanted:
            yield taps, stride, "same", 1


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["--strides", "0"], "strides: 1"),
        (["--input-dilations", "0"], "input_dilations: 1"),
        (["--groups", "0"], "groups: 1"),
        (["--padding", "foo"], "padding: same"),
        (["--output-padding", "1"], "output_padding: 0"),
    ],
)
def test_a_call_that_is_refused_has_others_near_it(command: Command, words: list[str], near: str) -> None:
    """With their lengths."""
    done = command("explain", "--input-shape", "1,9,1", "--kernel-size", "2", *words)
    assert (done.code, f"similar  {near}: output 1x" in done.out) == (0, True)


def test_clauses_in_play(command: Command) -> None:
    """Of a call by options those that cases with its parameters cite."""
    done = command("explain", "--input-shape", "1,9,3", "--kernel-size", "2", "--padding", "same", "--strides", "2")
    assert "clause  SAME-2: " in done.out and "REFUSE" not in done.out
    plain = command("explain", "--input", "0,3,4,5", "--kernel", "1,2").out
    assert "clause  CONV-1: " in plain and "SAME" not in plain


def test_the_words_of_a_target_can_be_pasted(command: Command) -> None:
    """On one line, however narrow the terminal is."""
    words = ("--op", "conv_transpose", "--input", "1,2", "--kernel", "1,2", "-b", "numpy")
    (line,) = (each for each in command("explain", *words).out.splitlines() if each.startswith("call "))
    assert line.endswith(".astype('float32')") and "convolve_transposed(" in line and "…" not in line


def test_options_that_do_not_go_together(command: Command) -> None:
    """A case has its call, and probes and shrinking take a target."""
    case = "conv1d.walkthrough.two-channels"
    said = {
        ("--strides", "2"): "is a case with its own parameters; omit --strides",
        ("--taps",): "--taps needs a target (-b)",
        ("--frameworks", "-b", "numpy"): "omit -b, --shrink and --output-size",
        ("--shrink",): "--shrink needs a case and exactly one target (-b)",
        ("--output-size", "3"): "--output-size searches for parameters; omit cases and -b",
    }
    for options, line in said.items():
        done = command("explain", case, *options)
        assert done.code == 2 and done.err.strip().endswith(line)
    alone = {
        ("--kernel", "1,2", "--filters", "3"): "--kernel determines the sizes; omit --filters",
        ("--input-shape", "1,9,1"): "--input determines the sizes; omit --input-shape",
        ("--output-size", "3", "--op", "conv_transpose"): "; omit --op",
    }
    for options, line in alone.items():
        done = command("explain", "--input", "1,2,3", *options)
        assert done.code == 2 and done.err.strip().endswith(line)
    assert "no kernel size and stride" in command("explain", "--input", "1,2,3", "--output-size", "90").out
