"""A record that was cut short, gone on with as it was begun."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..core import SEVERITIES, Invalid, Problem, writing
from ..records import Record, parsed_line, read_record
from ..workers import named_targets

#: What a header must say, for a run to be gone on with.
_NEEDED = ("targets", "selection", "terms", "ledger")

#: The parameters of `run` that a record fixes.
KEPT = (
    *("what", "sweeps", "mutators", "profile", "shard", "ops", "dtypes", "audit", "precision", "preload", "backends"),
    *("every", "ledgers", "no_known", "fail_on"),
)
#: What messages call the parameters of the command line that have another name there.
_OPTIONS = {
    "what": "[PATH|ID-PATTERN]...",
    "backends": "--backend",
    "ledgers": "--known",
    "no_known": "--no-known",
    "fail_on": "--fail-on",
}


def begun(path: Path) -> Record:
    """
    Read a record that is to be gone on with.

    Raises:
        Invalid: if it is none, or does not say what it is to hold.

    """
    record = read_record(path)
    if lacking := [name for name in _NEEDED if name not in record.header]:
        raise Invalid(_unlike(path, f"its header does not say {', '.join(lacking)}"))
    return record


def agreed(path: Path, header: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what a run was begun with, by the names of the command line's parameters; what is `given` must say the same.

    Raises:
        Invalid: if it does not.

    """
    ledger = header["ledger"]
    kept = {
        **header["selection"],
        "precision": "declared",
        **header["terms"],
        "ledgers": ledger["files"],
        "no_known": not ledger["shipped"],
        "backends": header["targets"],
        "fail_on": list(header.get("fail_on", SEVERITIES)),
        "every": False,
    }
    wanted = dict(given)
    if wanted.keys() & {"backends", "every"}:
        adapters = named_targets(wanted.get("backends", ()), every=wanted.pop("every", False))
        wanted["backends"] = [str(adapter) for adapter in adapters]
    for name, value in wanted.items():
        if value != kept[name]:
            raise Invalid(
                _unlike(path, f"{_OPTIONS.get(name, f'--{name}')} is {_said(value)}, and was {_said(kept[name])}")
            )
    return kept


def check(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """
    Hold the header of a record against the one that its run would have now.

    Raises:
        Invalid: at the first thing that is not as it was.

    """
    for part in ("suite", "platform", "ledger"):
        for name in {**before[part], **now[part]}:
            was, found = before[part].get(name), now[part].get(name)
            if was != found:
                raise Invalid(_unlike(path, f"{part}.{name} is {_said(found)}, and was {_said(was)}"))


def opened(path: Path) -> IO[str]:
    """
    Open a record to be gone on with, behind its last whole line; what was cut short is cut off.

    So are groups of failing calls, which are found when all is known.

    Raises:
        Invalid: if it cannot be written to.

    """
    with writing(path):
        with path.open("r+b") as file:
            is_ended = _cut(file)
            file.seek(0, os.SEEK_END)
            file.write(b"" if is_ended else b"\n")
        return path.open("a", encoding="utf-8", buffering=1)


def _cut(file: IO[bytes]) -> bool:
    """Cut off what was cut short, and groups; return whether the last line that is left has its end."""
    begin, end, kept = 0, 0, b""
    for line in file:
        if line.startswith(b'{"group"') or not (line.endswith(b"\n") or parsed_line(line)):
            break
        begin, end, kept = end, end + len(line), line
    if parsed_line(kept) is None:
        end, kept = begin, b"\n"
    file.truncate(end)
    return kept.endswith(b"\n")


def _unlike(path: Path, message: str) -> Problem:
    return Problem(path=str(path), message=message, hint="a record is gone on with as it was begun")


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)
