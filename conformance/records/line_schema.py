"""The check of record lines by their schema, record.schema.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

#: The schema of each type of line; the page docs/reference/record.md has the same entries.
SCHEMA = Path(__file__).with_name("record.schema.json")
#: First entry of a line -> name of its definition in the schema.
LINES = {
    "format": "header",
    "ready": "ready",
    "case": "verdict",
    "timing": "timing",
    "group": "group",
    "cause": "cause",
    "repetition": "repetition",
    "tap_audit": "tap_audit",
    "summary": "summary",
}


def line_problem(line: Mapping[str, Any]) -> str:
    """Return what is wrong with a line, as text; empty for a line of the schema and for a line of an unknown type."""
    from fastjsonschema import JsonSchemaValueException

    name = next((name for entry, name in LINES.items() if entry in line), "")
    if not name:
        return ""
    try:
        _checks()[name](line)
    except JsonSchemaValueException as error:
        return str(error.message).removeprefix("data").removeprefix(".").strip()[:200]
    return ""


@cache
def _checks() -> Mapping[str, Callable[[Any], Any]]:
    """Return a function for each type of line, which raises an exception for a line of another form."""
    import fastjsonschema

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return {
        name: fastjsonschema.compile({**schema, "$ref": f"#/definitions/{name}"}, use_default=False)
        for name in LINES.values()
    }
