"""A record that was cut short, anywhere, is gone on with to what it would have been undisturbed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from conv_conformance import corpus
from conv_conformance.running import resumption, runner, target_session
from conv_conformance.workers.process import TargetFailed

from ..support.command_line import Command, is_clean, lying

TARGETS = ("-b", "numpy", "-b", lying("off_by_one"))


class Undisturbed(NamedTuple):
    """An undisturbed run: what it was asked, and its whole record."""

    asked: tuple[str, ...]
    record: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Command], Undisturbed]:
    """Return a function that makes the run, once: agreements, a fault, refusals with twins; on two targets."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for topic in ("refusals", "strides"):
        shutil.copy(corpus.shipped() / "conv" / f"{topic}.yaml", folder)
    asked = (*map(str, sorted(folder.glob("*.yaml"))), "conv1d.*", *TARGETS, "--sweeps", "none", "--no-known")

    def make(command: Command) -> Undisturbed:
        record = folder / "r.jsonl"
        if not record.exists():
            assert command("run", *asked, "--jobs", 1, "--record", record).code == 1
        return Undisturbed(asked, record.read_text())

    return make


@pytest.fixture
def undisturbed(command: Command, made: Callable[[Command], Undisturbed]) -> Undisturbed:
    """Return the undisturbed run."""
    return made(command)


def same(record: str) -> list[str]:
    """Return the lines of a record in order, without what tells of time."""
    lines = [re.sub(r',"seconds":[\d.e-]+', "", line) for line in record.splitlines()]
    return sorted(line for line in lines if not line.startswith('{"timing"'))


def after(text: str, record: str, *, more: int = 0) -> int:
    """Return the place behind the first line that holds a text, and `more` characters."""
    return record.index("\n", record.index(text)) + 1 + more


CUTS: dict[str, Callable[[str], int]] = {
    "behind the header": lambda whole: after('"format"', whole),
    "in the first target's ready line": lambda whole: after('"format"', whole, more=20),
    "behind the first target's ready line": lambda whole: after('{"ready"', whole),
    "behind a verdict": lambda whole: after("conv1d.strides.", whole),
    "before a verdict's end of line": lambda whole: after("conv1d.strides.", whole, more=-1),
    "in a verdict": lambda whole: after("conv1d.strides.", whole, more=30),
    "between the targets": lambda whole: after('{"timing"', whole),
    "before the first target's timing": lambda whole: whole.index('{"timing"'),
    "in a disagreement": lambda whole: whole.index('"disagree","severity"') + 40,
    "in the last verdict": lambda whole: whole.rindex('{"case"') + 25,
    "in the last timing": lambda whole: whole.rindex('{"timing"') + 12,
    "before the summary": lambda whole: whole.rindex('{"summary"'),
    "in the summary": lambda whole: len(whole) - 20,
}


@pytest.mark.parametrize("cut", CUTS)
def test_resumed_run_is_as_if_undisturbed(command: Command, undisturbed: Undisturbed, tmp_path: Path, cut: str) -> None:
    """Wherever a record was cut short, also in the middle of a line, --resume alone makes it whole: nothing twice."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    record.write_text(whole[: CUTS[cut](whole)])
    done = command("run", "--resume", record)
    assert (done.code, is_clean(done)) == (1, True)
    assert same(record.read_text()) == same(whole)
    assert command("report", record).out.splitlines()[-3:] == done.out.splitlines()[-3:]


def test_only_what_is_missing_is_run(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished target is not started; on the other one only the missing calls run, with the twins of refusals."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    record.write_text(whole[: whole.rindex('{"case":"conv1d.refusals.')])
    made: list[tuple[str, int]] = []
    observe = target_session.observe

    def noted(terms: object, adapter: object, smoke: bytes, calls: list[bytes], *more: object) -> object:
        made.append((str(adapter), len(calls)))
        return observe(terms, adapter, smoke, calls, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(target_session, "observe", noted)
    lines = record.read_text().splitlines()
    judged = sum(json.loads(line).get("target") == TARGETS[3] and "case" in json.loads(line) for line in lines)
    command("run", "--resume", record)
    cases = sum(1 for line in whole.splitlines() if line.startswith('{"case"')) // 2
    twins = made[0][1] - (cases - judged)
    assert ([name for name, _ in made], cases > judged > 0, twins > 0) == ([TARGETS[3]], True, True)


def test_whole_record_runs_nothing(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming what is complete reports it, with the exit code of its run, and leaves it as it is."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    record.write_text(whole)
    before = record.stat().st_mtime_ns
    monkeypatch.setattr(target_session, "observe", None)
    monkeypatch.setattr(runner, "make_plan", None)
    done = command("run", "--resume", record)
    assert (done.code, record.read_text() == whole, record.stat().st_mtime_ns) == (1, True, before)
    assert "numpy" in done.out


def test_stale_entries_are_named_again(command: Command, cases: Path, tmp_path: Path) -> None:
    """What nothing that was run bears out is said of a record that is gone on with as well, whole or not."""
    first, record, ledger = (tmp_path / name for name in ("first.jsonl", "r.jsonl", "known.yaml"))
    command("run", cases, "-b", lying("flips_the_kernel"), "--sweeps", "none", "--record", first)
    command("known", "--record", first, "--write", ledger)
    ledger.write_text(ledger.read_text().replace("flips_the_kernel", "negative_zero"))
    words = ("--sweeps", "none", "--no-known", "--known", ledger, "--record", record)
    done = command("run", cases, "-b", lying("negative_zero"), *words)
    assert f"({ledger}:3)" in done.out
    assert command("run", "--resume", record).out == done.out
    record.write_text(record.read_text()[:-20])
    assert command("run", "--resume", record).out == done.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("conv1d.strides.*",),
            "[PATH|ID-PATTERN]... is conv1d.strides.* now and was /",
        ),
        (("--sweeps", "full"), "--sweeps is full now and was none"),
        (("--ops", "conv,depthwise_conv"), "--ops is conv, depthwise_conv now and was none"),
        (("--dtypes", "float32"), "--dtypes is float32 now and was none"),
        (("--profile", "core"), "--profile is core now and was not given"),
        (("--shard", "1/2"), "--shard is 1/2 now and was not given"),
        (("--mutators",), "--mutators is True now and was False"),
        (("--audit",), "--audit is True now and was False"),
        (("--preload", "json"), "--preload is json now and was none"),
        (("--known", "mine.yaml"), "--known is mine.yaml now and was none"),
        (("-b", "numpy"), "--backend is numpy now and was numpy, "),
        (("--fail-on", "loud"), "--fail-on is loud now and was silent, loud, precision"),
    ],
)
def test_other_options_are_refused(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """What is given besides must say what the record was begun with: one line, exit 2, nothing written."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    record.write_text(whole[:-20])
    done = command("run", *words, "--resume", record)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert f"{record}: {says}" in done.err
    assert record.read_text() == whole[:-20]


def test_what_a_run_fails_on_is_kept(command: Command, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """A run begun with --fail-on is gone on with so: its silent disagreements end it with exit code 0."""
    record = tmp_path / "r.jsonl"
    assert command("run", *undisturbed.asked, "--fail-on", "loud", "--record", record).code == 0
    record.write_text(record.read_text()[:-20])
    assert command("run", "--resume", record).code == 0


def test_same_options_are_welcome(command: Command, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """The command that was interrupted can be given again."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    record.write_text(whole[:-20])
    done = command("run", *undisturbed.asked, "--resume", record)
    assert (done.code, same(record.read_text()) == same(whole)) == (1, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"corpus":"sha256:', '"corpus":"sha256:0'), "suite.corpus is sha256:"),
        (('"suite":{"version":"', '"suite":{"version":"9'), "suite.version is "),
        (('"python":"', '"python":"2'), "platform.python is "),
        (('"digest":"sha256:', '"digest":"sha256:0'), "ledger.digest is sha256:"),
        (('"selection":', '"selected":'), "its header lacks selection"),
        (('"targets":["numpy"', '"targets":["mumpy"'), "no backend named 'mumpy'"),
        (('"shard":null', '"shard":"3/2"'), "shard must be I/N with 1 <= I <= N; got '3/2'"),
    ],
)
def test_other_corpus_suite_machine_or_ledger_is_refused(
    command: Command,
    undisturbed: Undisturbed,
    tmp_path: Path,
    change: tuple[str, str],
    says: str,
) -> None:
    """A record is of one corpus, version, machine and ledger: one line, and nothing is written."""
    record, text = tmp_path / "r.jsonl", undisturbed.record[:-20].replace(*change, 1)
    record.write_text(text)
    done = command("run", "--resume", record)
    assert (done.code, done.out, len(done.err.splitlines())) == (3 if "mumpy" in says else 2, "", 1)
    assert says in done.err
    assert record.read_text() == text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ('"framework":"miniature","version":"?"', '"framework":"miniature","version":"7"'),
            "its version changed from 7 in the record to ? now",
        ),
        (
            ('"framework":"miniature"', '"framework":"maxiature"'),
            "its framework changed from maxiature in the record to miniature now",
        ),
    ],
)
def test_other_version_of_a_framework_is_refused(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    """The verdicts of two versions do not stand in one record."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    text = whole[: whole.index('"disagree","severity"')].rpartition("\n")[0].replace(*change, 1) + "\n"
    record.write_text(text)
    done = command("run", "--resume", record)
    assert (done.code, is_clean(done)) == (2, True)
    assert f"{TARGETS[3]}: {says}" in done.err
    assert record.read_text() == text


def test_target_that_cannot_run_any_more_leaves_the_record_as_it_is(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that is missing today does not end the record of yesterday."""
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    text = whole[: whole.rindex('{"timing"')].rpartition('{"case"')[0]
    record.write_text(text)
    monkeypatch.setattr(target_session, "observe", lambda *_: iter([TargetFailed(reason="no such device")]))
    done = command("run", "--resume", record)
    assert (done.code, done.err.splitlines()[-1]) == (2, f"{TARGETS[3]}: cannot run now: no such device")
    assert record.read_text() == text


def test_record_beside_resume_is_refused(command: Command, tmp_path: Path) -> None:
    """A record that is gone on with is written where it is."""
    done = command("run", "--resume", tmp_path / "a.jsonl", "--record", tmp_path / "b.jsonl")
    assert (done.code, "omit --record" in done.err) == (2, True)


def test_what_is_no_record_is_refused(command: Command, cases: Path) -> None:
    """A file that is no record, or is not there, is refused in one line, and not written to."""
    before = cases.read_text()
    for path in (cases, cases.with_name("none.jsonl")):
        done = command("run", "--resume", path)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert (cases.read_text(), cases.with_name("none.jsonl").exists()) == (before, False)


def test_target_that_could_not_run_is_not_tried_again(
    command: Command, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of its cases is not run either, for the reason that the record has."""
    record = tmp_path / "r.jsonl"
    words = ("--sweeps", "none", "--record", record)
    assert command("run", cases, "-b", lying("Broken"), *words).code == 4
    whole = record.read_text()
    record.write_text(whole[: whole.rindex('{"case"')])
    monkeypatch.setattr(target_session, "observe", None)
    assert command("run", "--resume", record).code == 4
    assert same(record.read_text()) == same(whole)


def test_record_of_several_batches_is_resumed(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with batches of a few cases, of which some are done, some are not, and some are partly done."""
    monkeypatch.setattr(runner.Runner.__init__, "__kwdefaults__", {**runner.Runner.__init__.__kwdefaults__, "batch": 7})
    whole, record = undisturbed.record, tmp_path / "r.jsonl"
    lines = whole.splitlines(keepends=True)
    record.write_text("".join(lines[: len(lines) // 2]) + lines[len(lines) // 2][:15])
    command("run", "--resume", record)
    assert same(record.read_text()) == same(whole)


@pytest.mark.parametrize("words", [("--record",), ("--resume",)])
def test_record_that_another_run_writes_is_left_alone(
    command: Command, undisturbed: Undisturbed, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A second run on the same record, new or resumed, is refused in one line, and does not change a byte."""
    record = tmp_path / "r.jsonl"
    record.write_text(undisturbed.record[: len(undisturbed.record) // 2])
    before = record.read_bytes()
    asked = undisturbed.asked if words == ("--record",) else ()
    with record.open("a") as file:
        resumption.lock(file, record)
        done = command("run", *asked, *words, record)
    assert (done.code, is_clean(done), record.read_bytes()) == (2, True, before)
    assert f"{record}: another run writes this record now" in done.err
