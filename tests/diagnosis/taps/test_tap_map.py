"""Tap audits: what probes recover of a wrong linear map, what they cannot, and when they are asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conv_conformance import corpus
from conv_conformance.analysis.tap_audits import audits
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.dtypes import FORMATS
from conv_conformance.core.expectation import Output
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Diagnosis, Finding, Verdict
from conv_conformance.diagnosis.taps import finding as lines
from conv_conformance.diagnosis.taps.probe import audit_taps, compared
from conv_conformance.diagnosis.taps.tap_map import MOST, CallFunction, probes
from conv_conformance.mutants.evaluator import HONEST, evaluate
from conv_conformance.records.failure_group import Group, GroupCounts
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import Record, TargetInfo, read_record
from conv_conformance.reports.failure_block import Item, block_of
from conv_conformance.workers import targets
from conv_conformance.workers.limits import Terms

from ...docs.test_guides import ROOT
from ...records.test_record import HEADER
from ...support.builders import call_of
from ...support.command_line import Command

sys.path.insert(0, str(ROOT / "benchmarks"))
from support.unknown_faults import FAULTS

X = np.array([[[3], [1], [4], [1], [5], [9], [2]]])
W = np.array([[[2]], [[7]], [[1]]])
CALL = call_of("conv", X, W)


def asking(compute: Callable[[Call], Array]) -> CallFunction:
    """Return what answers calls by a function, and those that it raises for by nothing."""

    def answered(call: Call) -> Array | None:
        try:
            return compute(call)
        except (ValueError, IndexError):
            return None

    return lambda calls: [answered(call) for call in calls]


def by_taps(source: Callable[[int, int], int | None], weight: Callable[[int], float] = lambda k: 1) -> CallFunction:
    """Return a convolution of one channel along one axis; output t and tap k read the element `source(t, k)`."""

    def compute(call: Call) -> Array:
        x, w = call.input[0, :, 0], call.array("kernel")[:, 0, 0]
        taken = [[source(t, k) for k in range(len(w))] for t in range(len(x) - len(w) + 1)]
        y = [sum(0 if i is None else x[i] * w[k] * weight(k) for k, i in enumerate(row)) for row in taken]
        return np.array(y, np.float32).reshape(1, -1, 1)

    return asking(compute)


def test_a_right_call_has_no_audit() -> None:
    """It is asked once more, and is right."""
    assert audit_taps(CALL, by_taps(lambda t, k: t + k)) is None


def test_a_lost_product() -> None:
    """Output 2 lacks what tap 1 takes from element 3; the picture shows both."""
    found = audit_taps(CALL, by_taps(lambda t, k: None if (t, k) == (2, 1) else t + k))
    assert found is not None and found.adds_up and not found.is_bias_wrong
    assert (found.products, found.probes) == (15, 1 + 3 * 2)
    (part,) = found.parts
    assert (part.kind, part.count, part.outputs, part.kernel) == ("lost", 1, "output W 2", "kernel W 1")
    assert part.first == "output (0, 2, 0): kernel (1, 0, 0) should take input (0, 3, 0), and takes nothing"
    assert found.picture == (
        "output (0, 2, 0), input N 0, C 0: which taps take which elements",
        "  should be  is",
        "  ..012..    ..0.2..",
    )
    assert found.lines[0] == "7 probes of single products; what the call returned is their sum"


def test_an_element_further_on() -> None:
    """The last tap takes what lies one further, but at the end, where there is nothing."""
    found = audit_taps(CALL, by_taps(lambda t, k: t + k + (k == 2) if t + k < 6 else None))
    assert found is not None and found.adds_up
    assert [(each.kind, each.count, each.by) for each in found.parts] == [("lost", 1, ""), ("elsewhere", 4, "W +1")]
    assert "  0.2...." not in found.picture and "  012....    01.2..." in found.picture


def test_a_product_that_should_not_be() -> None:
    """Under padding the zeros are elements of the other end."""
    padded = replace(CALL, padding=((1, 0),))
    found = audit_taps(padded, asking(lambda call: evaluate(replace(call, padding_mode="circular"), HONEST)))
    assert found is not None and found.adds_up
    assert [(each.kind, each.count, each.outputs, each.kernel) for each in found.parts] == [
        ("added", 1, "output W 0", "kernel W 0")
    ]
    assert "should take nothing, and takes input (0, 6, 0)" in found.parts[0].first


def test_a_weight() -> None:
    """One tap counts three times."""
    found = audit_taps(CALL, by_taps(lambda t, k: t + k, lambda k: 3 if k == 1 else 1))
    assert found is not None and found.adds_up
    assert [(each.kind, each.count, each.kernel) for each in found.parts] == [("weighed", 5, "kernel W 1")]
    assert found.parts[0].first.endswith("and takes 3 times input (0, 1, 0)")


def test_a_sum_is_something_else() -> None:
    """Two elements at once are not told apart, and nothing is said of their sum."""

    def compute(call: Call) -> Array:
        x = call.input.copy()
        x[0, 3] += x[0, 5]
        return evaluate(replace(call, input=x), HONEST)

    found = audit_taps(CALL, asking(compute))
    assert found is not None and not found.adds_up
    assert {each.kind for each in found.parts} == {"other"}


def test_what_depends_on_the_values_does_not_add_up() -> None:
    """Products are right as long as numbers are positive: the probes say so, and that their sum is not what came."""
    found = audit_taps(
        replace(CALL, input=-CALL.input), asking(lambda call: evaluate(replace(call, input=abs(call.input)), HONEST))
    )
    assert found is not None and not found.adds_up and not found.parts and not found.picture
    assert found.lines == ["7 probes of single products, all of them right; what the call returned is not their sum"]


def test_a_bias_that_is_lost() -> None:
    """Without any product the output is the bias."""
    call = call_of("conv", X, W, bias=[5])
    found = audit_taps(call, asking(lambda each: evaluate(replace(each, bias=None), HONEST)))
    assert found is not None and found.is_bias_wrong and found.adds_up and not found.parts
    assert "the bias alone gives another output" in found.lines


@pytest.mark.parametrize("bias", [None, [5]])
def test_a_constant_is_a_finding_of_its_own(bias: list[int] | None) -> None:
    """What is added to every output is named once, and no product is blamed for it."""
    call = call_of("conv", X, W, bias=bias)
    found = audit_taps(call, asking(lambda each: evaluate(each, HONEST) + np.float32(1)))
    assert found is not None and not found.parts and not found.is_bias_wrong and found.adds_up
    assert found.lines[1:] == ["1 is added to every output, whatever the input and the kernel are"]
    some = np.array([0, 0, 2, 0, 3], np.float32).reshape(1, 5, 1)
    found = audit_taps(call, asking(lambda each: evaluate(each, HONEST) + some))
    assert found is not None and not found.parts and not found.is_bias_wrong
    assert found.lines[1:] == ["a constant is added to 2 of 5 outputs: 2 to output (0, 2, 0)"]


def test_a_constant_beside_a_lost_bias() -> None:
    """Each has its line."""
    call = call_of("conv", X, W, bias=[5])
    found = audit_taps(call, asking(lambda each: evaluate(replace(each, bias=None), HONEST) + np.float32(1)))
    assert found is not None and found.is_bias_wrong and not found.parts
    assert found.constant.startswith("1 is added")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Small cases that expect an output, of every operation and dtype."""
    found = (case for case in corpus.load(sweeps="none").cases if isinstance(case.expectation, Output))
    plain = [case for case in found if case.call.training is None and not case.call.gradients]
    small = [
        case for case in plain if case.call.kernel is not None and case.call.input.size + case.call.kernel.size < 400
    ]
    return small[::8]


def test_the_right_map_is_that_of_the_definition(cases: list[Case]) -> None:
    """What probes recover of the evaluator that shares nothing with the reference computes every call again."""
    probed = 0
    for case in cases:
        found = compared(case.call, asking(lambda call: evaluate(call, HONEST)))
        if found is None:
            continue
        probed += 1
        assert not found.differs.any() and not found.is_bias_wrong, case.id
        assert _near(found.seen.sums(found.call), found.expected), case.id
    assert probed > len(cases) / 2 > 15


def _near(sums: Array, output: Array) -> bool:
    """Say whether sums in double precision are an output but for its own rounding."""
    if output.dtype.kind in "iu":
        return np.array_equal(sums.real.astype(np.int64).astype(output.dtype), output.reshape(-1))
    wide = output.astype(np.complex128 if output.dtype.kind == "c" else np.float64).reshape(-1)
    finite = np.isfinite(wide) & np.isfinite(sums)
    allowed = 2 * FORMATS[output.dtype.name].unit * np.abs(wide[finite]).max(initial=1)
    return bool((np.abs(sums[finite] - wide[finite]) <= allowed).all())


@pytest.mark.parametrize("name", sorted(FAULTS)[::9])
def test_a_map_is_true_of_other_numbers(name: str, cases: list[Case]) -> None:
    """What adds up for the call that was probed is what the fault computes for others of the same shapes."""

    def compute(call: Call) -> Array:
        return evaluate(call, FAULTS[name](HONEST))

    rng = np.random.default_rng(1)
    for case in cases[::3]:
        found = compared(case.call, asking(compute))
        if found is None or not found.is_wrong.any() or not found.adds_up:
            continue
        x, kernel = (
            rng.integers(-3, 4, each.shape).astype(each.dtype) for each in (case.call.input, found.call.kernel)
        )
        other = replace(found.call, input=x, kernel=kernel)
        seen = compute(other).reshape(-1)[found.is_wrong]
        assert _near(found.seen.sums(other)[found.is_wrong], seen), case.id


def test_what_is_not_probed() -> None:
    """Memory that several elements share, dtypes without numbers enough, too many elements, several kernels."""
    shared = call_of("conv", np.ones((2, 7, 1)), W, storage={"input": "broadcast:N"})
    narrow = call_of("conv", X, W, dtype="float8_e4m3fn")
    separable = call_of("separable_conv", X, depthwise_kernel=np.ones((2, 1, 1)), pointwise_kernel=np.ones((1, 1, 2)))
    assert all(probes(call, 5) is None for call in (shared, narrow, separable))
    assert probes(CALL, 5) is not None


def test_of_a_large_kernel_some_elements_are_probed() -> None:
    """Nothing is said of the sum then; what is probed is told as for a small one."""
    x, w = np.arange(3 * MOST).reshape(1, 3, MOST) % 5, np.arange(2 * MOST).reshape(2, MOST, 1) % 3 + 1
    found = audit_taps(call_of("conv", x, w), asking(lambda call: 2 * evaluate(call, HONEST)))
    assert found is not None and found.adds_up is None and found.probes <= MOST < found.kernel == 2 * MOST
    assert [(each.kind, each.count) for each in found.parts] == [("weighed", found.products)]
    assert (
        found.lines[0] == f"{found.probes} probes of single products of {found.taps} of {found.kernel} kernel elements"
    )


def test_an_answer_that_is_missing_ends_it() -> None:
    """As does one of another shape, or of another dtype."""

    def refuses(call: Call) -> Array:
        if not call.input.any():
            raise ValueError
        return np.zeros((1, 5, 1), np.float32)

    assert audit_taps(CALL, asking(refuses)) is None
    assert audit_taps(CALL, asking(lambda call: np.zeros((1, 4, 1), np.float32))) is None
    assert audit_taps(CALL, asking(lambda call: np.zeros((1, 5, 1)))) is None


WRONG = """
from dataclasses import replace
from conv_conformance.backends.numpy import NumPy

class Thrice(NumPy):
    def prepare(self, call):
        if call.kernel is None or call.rank > 1:
            return super().prepare(call)
        at = call.letters("kernel").index("W")
        kernel = call.kernel.copy()
        kernel.swapaxes(0, at)[1:2] *= 3
        return super().prepare(replace(call, kernel=kernel))

class Crashing(Thrice):
    def prepare(self, call):
        if call.strides != (1,):
            import os
            os.abort()
        return super().prepare(call)
"""
CASES = """\
about: Two cases of one's own.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases:
  - id: mine.wide
    title: Three taps
    clauses: [CONV-1]
    input: [[[3], [1], [4], [1], [5], [9], [2]]]
    kernel: [[[2]], [[7]], [[1]]]
    expect: {output: [[[17], [31], [20], [46], [75]]]}
  - id: mine.strided
    title: By two
    clauses: [CONV-1]
    input: [[[3], [1], [4], [1], [5], [9], [2]]]
    kernel: [[[2]], [[7]], [[1]]]
    strides: 2
    expect: {output: [[[17], [20], [75]]]}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "own.yaml").write_text(CASES)
    return tmp_path


def test_a_run_probes_what_no_cause_explains(own: Path, command: Command) -> None:
    """The block, JUnit and Markdown show it, and the record has it and gives it back."""
    record, junit, page = (own / name for name in ("run.jsonl", "run.xml", "run.md"))
    target = f"{own / 'wrong.py'}:Thrice"
    options = ["--record", record, "--junit", junit, "--markdown", page]
    done = command("run", own / "own.yaml", "-b", target, *options)
    assert done.code == 1
    said = "7 probes of single products; what the call returned is their sum"
    assert all(said in each for each in (done.out, junit.read_text(), page.read_text()))
    assert "5 of 15 products are weighed: kernel W 1" in done.out
    (kept,) = [each for each in read_record(record).tap_audits if each.case == "mine.wide"]
    assert lines.audit_from_line(json.loads(json.dumps(lines.audit_to_line(kept)))) == kept
    assert said in command("report", record).out
    assert said in command("run", "--resume", record).out  # as it stands there: nothing is left to run


def test_another_call_of_a_group_is_probed_where_probes_show_nothing_of_the_smallest(own: Path) -> None:
    """And shown in the block of the smallest, with its id."""
    loaded = {case.id: case for case in corpus.load([own / "own.yaml", corpus.shipped()]).cases}
    target = f"{own / 'wrong.py'}:Thrice"
    members = ("conv1d.empties.no-channels", "mine.wide", "mine.strided")
    finding = Finding(kind="values", message="wrong")
    wrong = Verdict(case="", target=target, verdict="disagree", finding=finding, diagnosis=Diagnosis())
    verdicts = [replace(wrong, case=case) for case in members]
    group = Group(name="g1", targets={target: GroupCounts(3, 3)}, verdict="disagree", kind="values", cases=members)
    record = Record(
        header=HEADER, targets=[TargetInfo(name=target)], verdicts=verdicts, is_complete=True, groups=(group,)
    )
    found = audits(record, loaded, targets.named_targets([target]), Terms(), 1)
    assert [each.case for each in found] == ["mine.wide"]
    block = block_of(Item(verdicts[0], group, 3), replace(record, tap_audits=tuple(found)), loaded, Ledger())
    assert ("probes", "of mine.wide:") in block.details
    alone = block_of(Item(verdicts[1], None, 1), replace(record, tap_audits=tuple(found)), loaded, Ledger())
    assert ("probes", found[0].lines[0]) in alone.details


def test_a_group_of_one_target_is_not_probed_for_another(own: Path) -> None:
    """Though both fail on the same calls: each target is probed for its own groups alone, and once for each."""
    loaded = {case.id: case for case in corpus.load([own / "own.yaml"]).cases}
    names = [f"{own / 'wrong.py'}:{name}" for name in ("Thrice", "Crashing")]
    finding = Finding(kind="values", message="wrong")
    wrong = Verdict(case="mine.wide", target="", verdict="disagree", finding=finding, diagnosis=Diagnosis())
    verdicts = [replace(wrong, target=name) for name in names]
    groups = [
        Group(name=name, targets={name: GroupCounts(1, 1)}, verdict="disagree", kind="values", cases=("mine.wide",))
        for name in names
    ]
    infos = [TargetInfo(name=name) for name in names]
    record = Record(header=HEADER, targets=infos, verdicts=verdicts, is_complete=True, groups=groups)
    found = audits(record, loaded, targets.named_targets(names), Terms(), 1)
    assert [each.target for each in found] == names


def test_probes_are_left_out_where_that_is_asked(own: Path, command: Command) -> None:
    """And on a target that crashed: it is not asked again."""
    assert "  probes" not in command("run", own / "own.yaml", "-b", f"{own / 'wrong.py'}:Thrice", "--no-tap-audit").out
    done = command("run", own / "own.yaml", "-b", f"{own / 'wrong.py'}:Crashing")
    assert done.code == 1 and "crash" in done.out and "  probes" not in done.out


def test_explain_probes_one_call(own: Path, command: Command) -> None:
    """With a target; of a right one it says that there is nothing to say."""
    done = command("explain", own / "own.yaml", "-b", f"{own / 'wrong.py'}:Thrice", "--taps")
    assert done.code == 0 and "products are weighed" in done.out
    right = command("explain", own / "own.yaml", "-b", "numpy", "--taps")
    assert right.code == 0 and "the products are right" in right.out
    assert command("explain", own / "own.yaml", "--taps").code == 2
