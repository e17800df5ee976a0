"""What two records say differently: every change told apart from the others, grouped under its condition, none lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conv_conformance import cli
from conv_conformance.analysis.comparison import CHANGES, WORSE, Comparison, compared
from conv_conformance.backends.numpy import adapter as numpy_adapter
from conv_conformance.calls.features import features_of
from conv_conformance.core.verdict import Finding, Verdict
from conv_conformance.records.record import Record, TargetInfo, write_record
from conv_conformance.reports.diff import about, advice

from ..records.test_record import HEADER
from ..support.command_line import Command, is_clean, lying
from .test_failure_groups import CASES, VALUES

OLD = TargetInfo(name="torch", framework="torch", version="2.12.1")
NEW = replace(OLD, version="2.13.0")
LAYER = replace(NEW, name="torch+layer")
SHAPE = Finding(kind="shape", message="shape [1], expected [2]")
IDS = list(CASES)


def verdict(word: str = "agree", case: str = IDS[0], target: str = "torch", **more: Any) -> Verdict:
    return Verdict(case=case, target=target, verdict=word, **more)


#: What a record says that was of literal cases alone: the sweeps need not be drawn for it.
LITERAL = {"sweeps": "none"}


def record(*verdicts: Verdict, targets: Sequence[TargetInfo] = (NEW,), **header: Any) -> Record:
    return Record(header={**HEADER, **header}, targets=targets, verdicts=verdicts, is_complete=True)


def changed(was: Verdict | None, now: Verdict | None, **more: Any) -> list[str]:
    before, after = (record(*([] if each is None else [each])) for each in (was, now))
    return [change.change for change in compared(before, after, CASES, **more).changes]


WRONG = verdict("disagree", finding=VALUES, output_sha256="ab")
RIGHT = verdict(output_sha256="ab", alternative="computes", precision="float32")


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        (RIGHT, WRONG, "regressed"),
        (RIGHT, verdict("crash"), "regressed"),
        (RIGHT, verdict("timeout"), "regressed"),
        (verdict("fixed"), verdict("known", finding=VALUES, known="torch.a"), "regressed"),
        (WRONG, RIGHT, "fixed"),
        (verdict("known", finding=VALUES, known="torch.a"), verdict("fixed"), "fixed"),
        (WRONG, replace(WRONG, output_sha256="cd"), "wrong-otherwise"),
        (WRONG, replace(WRONG, finding=SHAPE), "wrong-otherwise"),
        (replace(WRONG, finding=SHAPE), replace(WRONG, finding=replace(SHAPE, message="shape [3]")), "wrong-otherwise"),
        (WRONG, verdict("crash"), "wrong-otherwise"),
        (verdict("crash"), verdict("timeout"), "wrong-otherwise"),
        (RIGHT, verdict("unsupported"), "unsupported"),
        (WRONG, verdict("unsupported"), "unsupported"),
        (verdict("unsupported"), RIGHT, "supported"),
        (verdict("unsupported"), WRONG, "supported"),
        (RIGHT, replace(RIGHT, precision="tf32-like", output_sha256="cd"), "precision"),
        (RIGHT, replace(RIGHT, alternative="refuses", output_sha256=None), "refuses"),
        (replace(RIGHT, alternative="refuses", output_sha256=None), RIGHT, "alternative"),
        (RIGHT, replace(RIGHT, alternative="steps-back", output_sha256="cd"), "alternative"),
        (RIGHT, replace(RIGHT, output_sha256="cd"), "moved"),
        (RIGHT, None, "only-before"),
        (RIGHT, verdict("not-run"), "only-before"),
        (verdict("suite-error"), RIGHT, "only-after"),
        (None, WRONG, "only-after"),
    ],
)
def test_each_change_has_one_name(was: Verdict | None, now: Verdict | None, change: str) -> None:
    """What was right, wrong, not to be said or not judged becomes something else."""
    assert changed(was, now) == [change]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (RIGHT, RIGHT),
        (RIGHT, replace(RIGHT, verdict="fixed", known="torch.a")),
        (WRONG, replace(WRONG, verdict="known", known="torch.a")),
        (verdict("known", known="torch.a"), verdict("known", known="torch.b")),
        (verdict("crash"), verdict("known", known="torch.a")),
        (verdict("unsupported", message="no words"), verdict("unsupported", message="no word")),
        (verdict("not-run"), verdict("suite-error")),
        (None, verdict("not-run")),
        (RIGHT, replace(RIGHT, seconds=9.0)),
        (replace(WRONG, finding=SHAPE), replace(WRONG, finding=SHAPE, output_sha256="cd")),
    ],
)
def test_what_a_ledger_knows_is_no_change(was: Verdict | None, now: Verdict | None) -> None:
    """Nor is the reason for which a call is not judged, nor time that nobody asks for."""
    assert changed(was, now) == []


def test_a_slower_call_is_told_if_asked_for() -> None:
    """By a factor, beyond what is noise, beside another change, and of calls that are right alone."""
    was, now = replace(RIGHT, seconds=0.010), replace(RIGHT, seconds=0.031, output_sha256="cd")
    assert changed(was, now, slower=2.0) == ["moved", "slower"]
    assert changed(was, now, slower=3.5) == ["moved"]
    assert changed(replace(was, seconds=1e-5), replace(was, seconds=9e-4), slower=2.0) == []
    assert changed(was, replace(WRONG, seconds=1.0), slower=2.0) == ["regressed"]


def planted() -> Comparison:
    """Return a comparison of two surfaces: strided float32 calls become wrong, float16 calls return other bits."""
    before, after = [], []
    for name in ("torch", "torch+layer"):
        for case in CASES.values():
            dtype, is_strided = features_of(case)["dtype"], features_of(case).get("strided", False)
            sha = "cd" if dtype == "float16" and not is_strided else "ab"
            now = verdict(case=case.id, target=name, output_sha256=sha)
            if dtype == "float32" and is_strided:
                now = verdict("disagree", case.id, name, finding=VALUES, message=VALUES.message)
            before.append(verdict(case=case.id, target=name, output_sha256="ab"))
            after.append(now)
    olds = (OLD, replace(OLD, name="torch+layer"))
    return compared(record(*before, targets=olds), record(*after, targets=(NEW, LAYER)), CASES)


def test_calls_that_change_alike_are_one_group_under_their_condition() -> None:
    """The condition is the planted one, is exact and holds for both surfaces; worse changes come first."""
    found = planted()
    assert [(group.verdict, group.kind, group.acts) for group in found.groups] == [
        ("regressed", "values", "dtype float32, a stride is not 1"),
        ("moved", None, "dtype float16, not strided"),
    ]
    for group in found.groups:
        assert (list(group.targets), group.is_exact) == (["torch", "torch+layer"], True)
        assert Counter(change.change for change in found.changes)[group.verdict] == 2 * len(group.cases)
    assert found.judged == {"torch": len(CASES), "torch+layer": len(CASES)}


def test_groups_of_changes_stand_in_the_order_of_their_harm() -> None:
    """First by the kind of change as `CHANGES` lists them, then by severity, then the larger group."""
    refused = Finding(kind="refused", message="no")
    planted = [
        (9, WRONG, RIGHT),
        (8, RIGHT, replace(RIGHT, output_sha256="cd")),
        (2, WRONG, replace(WRONG, output_sha256="cd")),
        (7, RIGHT, verdict("disagree", finding=refused)),
        (3, RIGHT, verdict("disagree", finding=SHAPE)),
        (5, RIGHT, WRONG),
    ]
    pairs = [(was, now) for count, was, now in planted for _ in range(count)]
    before, after = (
        record(*(replace(pair[at], case=case) for case, pair in zip(IDS, pairs, strict=False))) for at in (0, 1)
    )
    found = compared(before, after, CASES).groups
    assert [(group.verdict, group.severity, group.kind, len(group.cases)) for group in found] == [
        ("regressed", "silent", "values", 5),
        ("regressed", "silent", "shape", 3),
        ("regressed", "loud", "refused", 7),
        ("wrong-otherwise", "silent", "values, now values", 2),
        ("moved", None, None, 8),
        ("fixed", "silent", "values", 9),
    ]


def test_the_command_line_fails_on_what_is_worse() -> None:
    """Its default and the advice speak of the same changes."""
    for command in ("diff", "check"):
        (option,) = (each for each in cli.commands.commands[command].params if each.name == "fail_on")
        assert option.default == ",".join(WORSE)


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        (RIGHT, WRONG, "Of 1 call: 1 regressed; 1 wrong without an error. Do not switch"),
        (RIGHT, verdict("crash"), "Of 1 call: 1 regressed. Do not switch"),
        (RIGHT, replace(RIGHT, output_sha256=None, alternative="refuses"), "1 now refused. Do not switch"),
        (RIGHT, verdict("unsupported"), "1 now unsupported. Do not switch"),
        (
            WRONG,
            RIGHT,
            "none got worse. Also: 1 fixed. As far as these calls show, it is safe",
        ),
        (
            WRONG,
            WRONG,
            "none got worse. Also: 1 wrong on both sides. As far as these calls show, it is safe",
        ),
        (
            RIGHT,
            replace(RIGHT, output_sha256="cd"),
            "Also: 1 right with other bits. As far as these calls show, it is safe",
        ),
        (
            RIGHT,
            verdict("suite-error"),
            "Of 0 calls, none got worse. Also: 1 judged only before.",
        ),
    ],
)
def test_advice_says_whether_to_change_over(was: Verdict, now: Verdict, says: str) -> None:
    """Not where something that was computed rightly is wrong, refused or cannot be said."""
    assert says in advice(compared(record(was), record(now), CASES))


def test_records_of_one_target_each_are_compared_whatever_its_name() -> None:
    """Of two devices, or a surface and another; of several targets, those that both have."""
    gpu = replace(NEW, name="torch@gpu", device="gpu")
    found = compared(record(RIGHT), record(replace(WRONG, target="torch@gpu"), targets=(gpu,)), CASES)
    assert [(change.target, change.change) for change in found.changes] == [("torch, torch@gpu", "regressed")]
    several = compared(record(RIGHT, targets=(NEW, LAYER)), record(RIGHT, targets=(NEW, gpu)), CASES)
    assert [pair.name for pair in several.pairs] == ["torch"]


def test_what_else_is_not_the_same_is_told() -> None:
    """Another corpus, processor or ledger may be the cause of a change."""
    platform = {**HEADER["platform"], "flags": ["avx2", "fma"]}
    found = compared(record(), record(platform=platform, suite={**HEADER["suite"], "corpus": "sha256:01"}), CASES)
    assert dict(found.apart) == {
        "suite.corpus": ("sha256:00", "sha256:01"),
        "platform.flags": ("avx2", "avx2, fma"),
    }
    assert dict(compared(record(), record(), CASES).apart) == {}


def test_a_run_that_did_not_come_to_its_end_is_told() -> None:
    """What it lacks would look as if only the other had been asked for it."""
    cut, line = replace(record(), is_complete=False), "did not finish"
    for before, after, side in ((record(), record(), None), (cut, record(), "before"), (record(), cut, "after")):
        told = [each for each in about(compared(before, after, CASES)) if line in each]
        assert told == [f"{side}: the run {line}; the missing calls are judged only on the other side"] * (
            side is not None
        )


def test_a_call_that_neither_can_say_is_judged_by_none() -> None:
    """It speaks against no condition, and is not counted."""
    unsaid = [verdict("unsupported", case=case) for case in IDS[2:]]
    found = compared(record(replace(RIGHT, case=IDS[0]), *unsaid), record(replace(WRONG, case=IDS[0]), *unsaid), CASES)
    assert found.judged == {"torch": 1}
    assert [change.change for change in found.changes] == ["regressed"]
    gone = compared(record(RIGHT), record(verdict("unsupported")), CASES)
    assert gone.judged == {"torch": 1}


@pytest.mark.parametrize(
    ("was", "now", "what"),
    [
        ("SAME-4:refuses", "SAME-4:computes, STRIDE-2:computes", "refuses, now computes"),
        ("refuses", "SAME-4:computes, DTYPE-FLOAT16:computes", "refuses, now computes"),
        ("SAME-4:refuses, STRIDE-2:refuses", "TRANS-7:trailing-zeros, SAME-4:computes", "refuses, now trailing-zeros"),
        (
            "TRANS-7:trailing-zeros",
            "TRANS-7:ends-with-the-last-product",
            "trailing-zeros, now ends-with-the-last-product",
        ),
    ],
)
def test_an_alternative_is_told_without_its_clauses(was: str, now: str, what: str) -> None:
    """Calls that are computed now and were not are one group, under whichever clauses they might be refused."""
    found = compared(record(replace(RIGHT, alternative=was)), record(replace(RIGHT, alternative=now)), CASES)
    assert [(group.verdict, group.kind) for group in found.groups] == [("alternative", what)]


# --- as a person does it


@pytest.fixture
def records(command: Command, cases: Path, tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "honest.jsonl", tmp_path / "wrong.jsonl"
    for target, path in zip(("numpy", lying("off_by_one")), paths, strict=True):
        command("run", cases, "-b", target, "--sweeps", "none", "--record", path)
    return paths


def test_a_record_differs_from_itself_in_nothing(command: Command, records: tuple[Path, Path]) -> None:
    """An empty diff, exit 0."""
    done = command("diff", records[0], records[0])
    assert (done.code, done.err) == (0, "")
    assert "3 calls judged on both sides, no change" in done.out
    assert not any(change in done.out for change in CHANGES)


def test_a_fault_is_a_regression_and_its_repair_is_none(command: Command, records: tuple[Path, Path]) -> None:
    """A regression exits with 1 and shows the case; in reverse it is `fixed` and exits with 0, or 1 on `--fail-on`."""
    honest, wrong = records
    done = command("diff", honest, wrong)
    assert (done.code, is_clean(done)) == (1, True)
    assert "regressed  1 call" in done.out
    assert "mine.marked" in done.out
    back = command("diff", wrong, honest)
    assert (back.code, "fixed  1 call" in back.out) == (0, True)
    assert command("diff", wrong, honest, "--fail-on", "regressed,fixed").code == 1
    assert command("diff", honest, wrong, "--fail-on", "moved").code == 0


def test_json_and_markdown_hold_every_change(command: Command, records: tuple[Path, Path], tmp_path: Path) -> None:
    """The JSON lists each change with both verdicts, the Markdown says what the terminal says."""
    data, text = tmp_path / "diff.json", tmp_path / "diff.md"
    command("diff", *records, "--json", data, "--markdown", text)
    parsed = json.loads(data.read_text())
    assert parsed["format"] == "conv-conformance-diff/1"
    assert [(each["case"], each["change"], each["before"], each["after"]) for each in parsed["changes"]] == [
        ("mine.marked", "regressed", "agree", "disagree")
    ]
    assert [(group["change"], group["cases"]) for group in parsed["groups"]] == [("regressed", ["mine.marked"])]
    assert "## regressed: 1 call" in text.read_text()
    assert "mine.marked" in text.read_text()


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("--fail-on", "regresed"), "--fail-on: unknown change 'regresed' (did you mean 'regressed'?)", 2),
        (("--slower", "0.5"), "0.5 is not in the range", 2),
    ],
)
def test_wrong_words_are_refused_in_one_line(
    command: Command, records: tuple[Path, Path], words: Sequence[str], says: str, code: int
) -> None:
    """What is not there to be asked for is said, with what was meant."""
    done = command("diff", *records, *words)
    assert (done.code, done.out, is_clean(done)) == (code, "", True)
    assert says in done.err


def test_a_condensed_record_is_refused(command: Command, records: tuple[Path, Path], tmp_path: Path) -> None:
    """It does not list agreeing calls: no change would be `moved`, and every call would be `only-after`."""
    small = tmp_path / "small.jsonl"
    command("report", records[0], "--condensed", small)
    done = command("diff", small, records[1])
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert "does not list the calls that agree" in done.err


def test_records_with_nothing_in_common_cannot_be_judged(command: Command, tmp_path: Path) -> None:
    """Exit 3, not 0: nothing was compared."""
    for name, case in (("one", IDS[0]), ("other", IDS[1])):
        write_record(record(verdict(case=case), selection=LITERAL), tmp_path / f"{name}.jsonl")
    done = command("diff", tmp_path / "one.jsonl", tmp_path / "other.jsonl")
    assert (done.code, "0 calls judged on both sides" in done.out) == (3, True)


def test_a_fault_of_ours_is_no_change_and_no_pardon(command: Command, tmp_path: Path) -> None:
    """Where the adapter itself failed on one side, nothing is said of the framework: exit 4, before any other."""
    both = [verdict(case=IDS[0]), verdict(case=IDS[1])]
    write_record(record(*both, selection=LITERAL), tmp_path / "one.jsonl")
    write_record(record(verdict("suite-error", case=IDS[0]), both[1], selection=LITERAL), tmp_path / "other.jsonl")
    done = command("diff", tmp_path / "one.jsonl", tmp_path / "other.jsonl")
    assert done.code == 4
    assert "torch: 1 call ignored because of a fault of the suite or the adapter (after)" in done.out
    back = command("diff", tmp_path / "other.jsonl", tmp_path / "one.jsonl", "--fail-on", "only-after")
    assert (back.code, "adapter (before)" in back.out) == (4, True)


# --- an adapter with a flag

#: What the flag does in a copy of NumPy's adapter: a fault in dilated windows, or channels summed from the last on.
FLAGGED = """\
            if os.environ.get("FLAG") == "fault" and max(stage.dilations) > 1:
                kernel = 2 * kernel
            if os.environ.get("FLAG") == "order" and stage.groups == 1:
                received[-1], kernel = received[-1][:, ::-1], kernel[:, ::-1]
"""
DRAWN = """\
about: Drawn numbers, whose sums are rounded.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
sweeps:
  - id: drawn.sums
    title: Sums of 85 products
    base:
      input: {shape: [3, 20, 17], generate: {normal: 3, scale: 1}}
      kernel: {shape: [5, 17, 4], generate: {normal: 4, scale: 0.25}}
    axes: {batch: [1, 3], dilations: [1, 2]}
"""


@pytest.fixture
def flagged(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that runs cases on the copy under a flag, and returns the record."""
    home = Path(numpy_adapter.__file__)
    copy = home.read_text(encoding="utf-8")
    copy = copy.replace("from ...", "from conv_conformance.")
    copy = copy.replace("from .", "from conv_conformance.backends.numpy.")
    place = "            function, parameters = _function(stage)\n"
    assert place in copy
    copy = copy.replace(place, FLAGGED + place, 1).replace(
        "import numpy as np\n", "import os\n\nimport numpy as np\n", 1
    )
    (tmp_path / "copied.py").write_text(copy, encoding="utf-8")

    def run(flag: str, *what: str | Path) -> Path:
        monkeypatch.setenv("FLAG", flag)
        path = tmp_path / f"{flag or 'none'}.jsonl"
        command("run", *what, "-b", f"{tmp_path / 'copied.py'}:NumPy", "--record", path)
        return path

    return run


def test_a_fault_behind_a_flag_is_regressed(command: Command, flagged: Callable[..., Path]) -> None:
    """Under the condition on which it acts, and a change that nothing has is none."""
    what = ("conv1d.valid.*", "conv1d.dilation.*", "conv1d.same.*")
    before, after = flagged("", *what, "--sweeps", "none"), flagged("fault", *what, "--sweeps", "none")
    done = command("diff", before, after)
    assert done.code == 1
    assert "regressed" in done.out
    assert "when  a dilation is not 1" in done.out
    assert not any(f"\n{change} " in done.out for change in CHANGES if change != "regressed")


def test_another_order_of_summation_has_only_moved(
    command: Command, flagged: Callable[..., Path], tmp_path: Path
) -> None:
    """Where sums are rounded, bits differ and both are right; where they are exact, nothing changes at all."""
    drawn = tmp_path / "drawn.yaml"
    drawn.write_text(DRAWN, encoding="utf-8")
    done = command("diff", flagged("", drawn), flagged("order", drawn))
    assert (done.code, "moved  4 calls" in done.out) == (0, True)
    assert not any(f"\n{change} " in done.out for change in CHANGES if change != "moved")
    exact = "conv1d.valid.*"
    done = command("diff", flagged("", exact, "--sweeps", "none"), flagged("order", exact, "--sweeps", "none"))
    assert (done.code, "no change" in done.out) == (0, True)
