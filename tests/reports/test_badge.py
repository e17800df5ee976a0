"""The badge of a record says no more than the record does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conv_conformance.core.verdict import Verdict
from conv_conformance.records.record import Record, TargetInfo
from conv_conformance.reports import badge

from ..records.test_record import HEADER
from ..support.command_line import Command

TARGETS = (TargetInfo(name="one"), TargetInfo(name="other"))


def record(*said: str, targets: Sequence[TargetInfo] = TARGETS) -> Record:
    verdicts = [Verdict(case=f"{at}", target=TARGETS[at % 2].name, verdict=verdict) for at, verdict in enumerate(said)]
    return Record(header=HEADER, targets=targets, verdicts=verdicts, is_complete=True)


@pytest.mark.parametrize(
    ("made", "message", "color"),
    [
        (record("agree", "fixed", "unsupported"), "2 agree", "brightgreen"),
        (record(*["agree"] * 1200, "known"), "1,200 agree, 1 known", "brightgreen"),
        (record("agree", "disagree", "crash", "timeout", "known"), "3 unexpected", "red"),
        (replace(record("agree", "disagree"), is_complete=False), "1 unexpected", "red"),
        (replace(record("agree"), is_complete=False), "not judged", "lightgrey"),
        (record("agree", "suite-error"), "not judged", "lightgrey"),
        (record("unsupported"), "not judged", "lightgrey"),
        (record("agree", targets=(TARGETS[0], replace(TARGETS[1], failed="gone"))), "not judged", "lightgrey"),
    ],
)
def test_a_badge_says_what_was_found(made: Record, message: str, color: str) -> None:
    """Red whatever else is so, green only where all that was asked could be judged."""
    said = json.loads(badge.render(made))
    assert said == {"schemaVersion": 1, "label": badge.LABEL, "message": message, "color": color}


def test_a_run_writes_its_badge(command: Command, tmp_path: Path) -> None:
    """Beside the other reports."""
    files = {name: tmp_path / name for name in ("badge", "html", "markdown", "junit")}
    done = command("run", "conv1d.strides.two", "-b", "numpy", *(f"--{name}={path}" for name, path in files.items()))
    assert done.code == 0
    assert json.loads(files["badge"].read_text())["message"] == "1 agree"
    assert all(path.stat().st_size for path in files.values())
