"""Groups in the record and in every report: a thousand failing calls of one fault are one block."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conv_conformance.analysis.failure_groups import grouped
from conv_conformance.calls.condition import condition_of
from conv_conformance.calls.features import features_of
from conv_conformance.core.case import Case
from conv_conformance.core.problem import Invalid
from conv_conformance.core.verdict import Diagnosis
from conv_conformance.records.ledger import Ledger
from conv_conformance.records.record import Record, read_record, write_record
from conv_conformance.reports import junit, markdown, terminal
from rich.console import Console

from ..analysis.test_failure_groups import CASES, LAYER, TARGET, VALUES, failing
from ..records.test_record import HEADER
from ..support.command_line import Command

POINTS = {name: replace(case, sweep="drawn") for name, case in CASES.items()}
#: Of 1,200 calls some hundreds.
MANY = condition_of({"padding": "same", "strided": True})
#: No more than a handful.
FEW = condition_of({"input-storage": "offset", "channels": 33, "padding": "full", "rank": 1, "batch": 2})


def record_of(*conditions: Any, cases: Mapping[str, Case] = POINTS, **what: Any) -> Record:
    """Return a record in which the calls under any of the conditions fail on PyTorch's functions and layers."""
    verdicts = [
        verdict
        for name in ("torch", "torch+layer")
        for verdict in failing(lambda found: any(each.holds(found) for each in conditions), name, **what)
    ]
    record = Record(header=HEADER, targets=(TARGET, LAYER), verdicts=verdicts, is_complete=True)
    return grouped(record, cases)


def shown(record: Record, cases: Mapping[str, Case] = POINTS, width: int = 80) -> str:
    file = StringIO()
    terminal.show(Console(file=file, width=width, highlight=False), record, cases, Ledger())
    return file.getvalue()


def path_of(record: Record, tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    write_record(record, path)
    return path


def test_groups_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Conditions with words, numbers, bounds, lists and what is not so come back equal, as does what has no kind."""
    conditions = [condition_of({"rank": [1, 2], "channels": ">=17", "grouped": False, "dtype": ["int8", "float16"]})]
    for what in ({}, {"verdict": "crash", "finding": None}, {"verdict": "known", "known": "torch.a"}):
        record = record_of(*conditions, **what)
        assert len(record.groups) >= 1
        assert tuple(read_record(path_of(record, tmp_path)).groups) == record.groups


def test_line_of_a_group_says_it_to_any_reader(tmp_path: Path) -> None:
    """A program in another language finds the condition in words, the counts, the smallest call and all ids."""
    record = record_of(MANY)
    [line] = [json.loads(each) for each in path_of(record, tmp_path).read_text().splitlines() if '"group"' in each]
    [group] = record.groups
    count = len(group.cases)
    assert line == {
        "group": "g1",
        "targets": {"torch": {"seen": count, "of": count}, "torch+layer": {"seen": count, "of": count}},
        "verdict": "disagree",
        "severity": "silent",
        "kind": "values",
        "where": "output",
        "condition": {"padding": "same", "strided": True},
        "acts": "padding same, a stride is not 1",
        "count": count,
        "smallest": group.cases[0],
        "cases": list(group.cases),
    }


def test_condensed_record_keeps_its_groups_and_gets_no_new_ones(tmp_path: Path) -> None:
    """Without the calls that agree nothing could be told of those that fail."""
    record = record_of(MANY)
    header = {**record.header, "left_out": ["agree"]}
    condensed = replace(record, header=header, verdicts=[v for v in record.verdicts if v.verdict != "agree"])
    assert grouped(read_record(path_of(condensed, tmp_path)), POINTS).groups == record.groups
    assert grouped(replace(condensed, groups=()), POINTS).groups == ()


def test_record_that_was_cut_short_has_no_groups(tmp_path: Path) -> None:
    """Groups of a run that did not come to its end, and may be gone on with, say nothing."""
    path = path_of(record_of(MANY), tmp_path)
    path.write_text("".join(path.read_text().splitlines(True)[:-1]))
    assert read_record(path).groups == ()


@pytest.mark.parametrize(
    "change", [('"of":', '"off":'), ('"condition":{', '"condition":7,"x":{'), ('"cases":', '"c":')]
)
def test_broken_line_of_a_group_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    """A group without what it needs is no line of a record."""
    path = path_of(record_of(MANY), tmp_path)
    lines = path.read_text().splitlines(True)
    path.write_text("".join(line.replace(*change) if '"group"' in line else line for line in lines))
    with pytest.raises(Invalid, match="not a line of a record"):
        read_record(path)


def test_hundreds_of_calls_are_one_block() -> None:
    """The terminal shows the smallest call, the condition, the number of failing calls, and the id of the group."""
    record = record_of(MANY)
    [group] = record.groups
    count = len(group.cases)
    lines = shown(record).splitlines()
    assert count > 200
    assert lines[0] == f"silent  {group.smallest}  torch, torch+layer  values"
    assert [line.strip() for line in lines if re.match(r" +(when|seen|ids) ", line)] == [
        "when  padding same, a stride is not 1",
        f"seen  {count} of {count} such calls on each; {len(CASES) - count} others agree",
        "ids  in the record: group g1",
    ]
    assert len(lines) < 15


def test_targets_that_differ_are_told_apart() -> None:
    """Where one of two targets agrees on some of the calls, each has its own counts."""
    record = record_of(MANY)
    gone = next(v for v in record.verdicts if v.target == "torch+layer" and v.verdict == "disagree")
    fixed = [replace(v, verdict="agree", finding=None) if v is gone else v for v in record.verdicts]
    record = grouped(replace(record, verdicts=fixed, groups=()), POINTS)
    count = record.groups[0].targets["torch"].seen
    said = f"torch {count} of {count} such calls, torch+layer {count - 1} of {count} such calls"
    assert f"    seen  {said}\n" in shown(record)


def test_what_no_condition_tells_is_said_so() -> None:
    """Calls that fail without a condition are no `such calls`."""
    ids = [name for at, name in enumerate(POINTS) if at % 97 == 0]
    verdicts = failing(lambda found: False)
    wrong = [replace(v, verdict="disagree", finding=VALUES) if v.case in ids else v for v in verdicts]
    record = grouped(Record(header=HEADER, targets=(TARGET,), verdicts=wrong, is_complete=True), POINTS)
    text = shown(record)
    assert "when  under no condition that these calls alone fulfil\n" in text
    assert f"seen  {len(ids)} of {len(CASES)} calls; no others agree\n" in text


def test_literal_cases_of_a_handful_keep_their_blocks() -> None:
    """A few literal cases have one block per case and target; points of a sweep share a block."""
    ids = [name for name, case in CASES.items() if FEW.holds(features_of(case))]
    assert 2 <= len(ids) <= 5
    literal, points = (shown(record_of(FEW, cases=cases), cases) for cases in (CASES, POINTS))
    assert [line.split("  ")[1:3] for line in literal.splitlines() if line.startswith("silent")] == [
        [name, target] for name in sorted(ids) for target in ("torch", "torch+layer")
    ]
    assert [line.split("  ")[2] for line in points.splitlines() if line.startswith("silent")] == ["torch, torch+layer"]


def test_every_verdict_is_shown_once() -> None:
    """Blocks and what is left out come to the number of all disagreements, whatever is grouped how."""
    some = dict(list(POINTS.items())[::3])
    record = record_of(MANY, FEW, condition_of({"rank": 3, "dtype": "bfloat16", "batch": 2}))
    for cases in (POINTS, CASES, {**CASES, **some}):
        found = terminal.items(grouped(record, cases), cases)
        assert sum(item.verdicts for item in found) == sum(v.verdict == "disagree" for v in record.verdicts)


def test_many_single_calls_are_counted() -> None:
    """Of more blocks than a person reads the rest is counted, in calls."""
    verdicts = [replace(v, finding=VALUES, verdict="disagree") for v in failing(lambda found: False)[:60]]
    record = Record(header=HEADER, targets=(TARGET,), verdicts=verdicts, is_complete=True)
    assert "… and 35 more, all of them in the record" in shown(record)


def test_markdown_shows_a_group_once() -> None:
    """A group is one heading with all its targets; the heading of the chapter counts all its calls."""
    record = record_of(MANY)
    [group] = record.groups
    text = markdown.render(record, POINTS, Ledger())
    assert [line for line in text.split("\n") if line.startswith("#")][1:] == [
        f"## Unexpected: {2 * len(group.cases)}",
        f"### silent: `{group.smallest}` on `torch`, `torch+layer`: values",
    ]
    assert "\n- when: padding same, a stride is not 1\n- seen: " in text


def test_markdown_lists_what_is_known() -> None:
    """What the ledger knows is a line for each group: its entry, the targets with their counts, the condition."""
    record = record_of(MANY, verdict="known", known="torch.same_strided")
    count = len(record.groups[0].cases)
    line = f"- torch.same\\_strided: values on torch {count}, torch+layer {count}, padding same, a stride is not 1\n"
    assert line in markdown.render(record, POINTS, Ledger())


def test_junit_names_the_group_of_a_failure() -> None:
    """Each failing test of a group names it, so that a reader of the tests finds the others."""
    record = record_of(MANY)
    count = len(record.groups[0].cases)
    root = ElementTree.fromstring(junit.render(record))  # noqa: S314 - our own text
    texts = [failure.text or "" for failure in root.iter("failure")]
    assert len(texts) == 2 * count
    assert {text.splitlines()[-1] for text in texts} == {f"group g1, {count} calls: padding same, a stride is not 1"}


SWEEP = """\
about: A sweep of one's own.
sweeps:
  - id: mine.sweep
    title: Strides and kernels
    clauses: [CONV-1]
    base:
      op: conv
      layout: {input: NWC, kernel: WIO, output: NWC}
      dtype: float32
      input: {shape: [2, 7, 3], generate: {lcg: 1, low: 1, high: 3}}
      kernel: {shape: [2, 3, 2], generate: {lcg: 2, low: 1, high: 3}}
    axes: {length: [5, 6, 7], kernel_size: [1, 2, 3], strides: [1, 2, 3], padding: [valid, same]}
"""

BROKEN = """\
from conv_conformance import Outputs
from conv_conformance.backends.numpy import NumPy


class Broken(NumPy):
    def prepare(self, call):
        make, is_broken = super().prepare(call), call.padding == "same" and max(call.strides) > 1
        return (lambda: Outputs({"output": -make().arrays["output"]})) if is_broken else make
"""


def test_run_groups_what_a_sweep_finds(command: Command, tmp_path: Path) -> None:
    """From a run over its record to a draft of the ledger, under which the same run has nothing unexpected."""
    sweep, broken, record, ledger = (tmp_path / name for name in ("mine.yaml", "broken.py", "r.jsonl", "known.yaml"))
    sweep.write_text(SWEEP)
    broken.write_text(BROKEN)
    run = ("run", sweep, "-b", f"{broken}:Broken", "--no-known")
    done = command(*run, "--record", record)
    assert (done.code, done.out.count("silent  ")) == (1, 1)
    assert "    when  padding same, a stride is not 1\n    seen  18 of 18 such calls; 36 others agree\n" in done.out
    assert command("known", "--record", record, "--write", ledger).code == 0
    assert (
        'cases:\n      - "mine.sweep[*"\n    calls:\n      padding: same\n      strided: true\n' in ledger.read_text()
    )
    assert command(*run, "--known", ledger, "--strict-known").code == 0


def test_causes_are_counted_over_a_group() -> None:
    """What explains all of its outputs stands first; nothing is said where nobody asked."""
    plain = record_of(MANY)
    assert "causes  " not in shown(plain)
    exact = Diagnosis(causes=("kernel-flipped",), confidence="exact")
    either = Diagnosis(causes=("kernel-flipped", "kernel-rolled"), confidence="ambiguous")
    verdicts = [
        replace(verdict, diagnosis=either if number % 2 else exact) if verdict.verdict == "disagree" else verdict
        for number, verdict in enumerate(plain.verdicts)
    ]
    text = shown(replace(plain, verdicts=verdicts))
    assert re.search(r"  causes  of \d+ wrong outputs: kernel-flipped all, kernel-rolled \d+\n", text)
    nothing = [replace(verdict, diagnosis=Diagnosis()) for verdict in plain.verdicts]
    assert "  causes  no known cause explains any of " in shown(replace(plain, verdicts=nothing))
