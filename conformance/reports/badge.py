"""
A record in a few words, as the JSON from which shields makes a badge (its endpoint schema, version 1).

A repository hosts the file itself, and a badge that names its address says what the last run found.
"""

from __future__ import annotations

import json

from ..core import UNEXPECTED
from ..records import Record

LABEL = "convolutions"


def render(record: Record) -> str:
    """Return the JSON of a badge: red where something is unexpected, grey where nothing can be said."""
    message, color = _said(record)
    return json.dumps({"schemaVersion": 1, "label": LABEL, "message": message, "color": color}) + "\n"


def _said(record: Record) -> tuple[str, str]:
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
