"""
The summary of a record as JSON for a badge of shields.io (endpoint schema, version 1).

A repository publishes the JSON file. A badge that refers to the file shows the result of the last run.
"""

from __future__ import annotations

import json

from ..core import UNEXPECTED
from ..records import Record

LABEL = "convolutions"


def render(record: Record) -> str:
    """Return the JSON of a badge: red for unexpected verdicts, grey for an incomplete or faulty run, else green."""
    message, color = _summary(record)
    return json.dumps({"schemaVersion": 1, "label": LABEL, "message": message, "color": color}) + "\n"


def _summary(record: Record) -> tuple[str, str]:
    counts = [record.counts(target.name) for target in record.targets]
    agreeing, known, unexpected, faults = (
        sum(each[name] for each in counts for name in names)
        for names in (("agree", "fixed"), ("known",), UNEXPECTED, ("suite-error",))
    )
    if unexpected:
        return f"{unexpected:,} unexpected", "red"
    if not record.is_complete or faults or not agreeing or any(target.failed for target in record.targets):
        return "not judged", "lightgrey"
    return f"{agreeing:,} agree" + (f", {known:,} known" if known else ""), "brightgreen"
