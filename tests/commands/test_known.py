"""The ledger, as a person or a CI job uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conv_conformance.records import ledger_files
from conv_conformance.records.ledger import DRAFT_TEXT

from ..support.command_line import Command, Done, lying


@pytest.fixture
def drafted(command: Command, cases: Path, tmp_path: Path) -> Path:
    """Return a ledger that was drafted from a run of the flipped kernel: it is wrong on two cases of three."""
    record, ledger = tmp_path / "first.jsonl", tmp_path / "known.yaml"
    assert command("run", cases, "-b", lying("flips_the_kernel"), "--record", record).code == 1
    assert command("known", "--record", record, "--write", ledger).code == 0
    return ledger


def with_ledger(command: Command, cases: Path, ledger: Path, *more: str, target: str = "flips_the_kernel") -> Done:
    return command("run", cases, "-b", lying(target), "--no-known", "--known", ledger, *more)


def test_drafted_ledger_knows_everything(command: Command, cases: Path, drafted: Path) -> None:
    """With the drafted entries nothing is unexpected, also under --strict-known."""
    done = with_ledger(command, cases, drafted, "--strict-known")
    assert done.code == 0
    assert done.out.splitlines()[-1].split()[-3:] == ["1", "0", "2"]


def test_what_is_not_written_is_told(command: Command, cases: Path, drafted: Path) -> None:
    """A draft hides nothing for want of a reason, but a run says so until a person has written it."""
    told = "still to be written: reason, link, triage"
    drafts = [line for line in with_ledger(command, cases, drafted).err.splitlines() if line.endswith(told)]
    assert len(drafts) == drafted.read_text().count("  - id: ") > 0
    drafted.write_text(drafted.read_text().replace(DRAFT_TEXT, "it is so"))
    assert told not in with_ledger(command, cases, drafted).err


def test_deleted_entry_is_named(command: Command, cases: Path, drafted: Path) -> None:
    """A fault whose entry was deleted makes the run exit 1, and is named."""
    drafted.write_text(
        "".join(line for line in drafted.read_text().splitlines(True) if line.strip() != '- "mine.marked"')
    )
    done = with_ledger(command, cases, drafted)
    assert done.code == 1
    assert [line.split()[1] for line in done.out.splitlines() if line.startswith("silent")] == ["mine.marked"]


def test_false_entry_is_a_notice(command: Command, cases: Path, drafted: Path) -> None:
    """An entry about a case that agrees is a notice for a user, and exit 1 under --strict-known."""
    drafted.write_text(drafted.read_text().replace('- "mine.marked"', '- "mine.marked"\n      - "mine.symmetric"'))
    done = with_ledger(command, cases, drafted)
    assert done.code == 0
    assert "expects a disagreement: mine.symmetric" in done.out
    assert with_ledger(command, cases, drafted, "--strict-known").code == 1


def test_stale_entry_is_a_notice(command: Command, cases: Path, drafted: Path) -> None:
    """An entry that nothing run bears out is named with its place, and is exit 1 under --strict-known."""
    drafted.write_text(drafted.read_text().replace("flips_the_kernel", "negative_zero"))
    done = with_ledger(command, cases, drafted, target="negative_zero")
    assert done.code == 0
    assert f"({drafted}:3)" in done.out
    assert with_ledger(command, cases, drafted, "--strict-known", target="negative_zero").code == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: values", "kind: shape"),
        ('"mine.marked": "', '"mine.marked": "0'),
        ("versions: every", 'versions: "==1.0"'),
    ],
)
def test_entry_that_says_something_else_hides_nothing(
    command: Command, cases: Path, drafted: Path, old: str, new: str
) -> None:
    """A wrong kind, hash or version leaves the fault in sight."""
    assert drafted.read_text().count(old) == 1
    drafted.write_text(drafted.read_text().replace(old, new))
    assert with_ledger(command, cases, drafted).code == 1


def test_wrong_ledger_runs_nothing(command: Command, cases: Path, drafted: Path) -> None:
    """A ledger that cannot be read is an error before anything is run."""
    drafted.write_text(drafted.read_text().replace("kind: values", "kind: value"))
    done = with_ledger(command, cases, drafted)
    assert (done.code, done.out) == (2, "")
    assert "known.yaml:" in done.err


def test_shipped_ledger_is_listed(command: Command) -> None:
    """`known` names every entry that comes with the suite."""
    done = command("known")
    assert done.code == 0
    assert all(entry.id in done.out for entry in ledger_files.load(ledger_files.shipped()).entries)


def test_draft_that_cannot_be_written_exits_2(command: Command, cases: Path, tmp_path: Path) -> None:
    """A folder that is not there is the user's to make, no fault of the suite."""
    record, draft = tmp_path / "r.jsonl", tmp_path / "no" / "such.yaml"
    command("run", cases, "-b", lying("off_by_one"), "--record", record)
    done = command("known", "--record", record, "--write", draft)
    assert (done.code, done.err) == (2, f"{draft}: cannot be written: No such file or directory\n")
