"""Resuming an interrupted run from its record, with the options that the run was started with."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..core import SEVERITIES, Invalid, Problem, writing
from ..records import Record, parsed_line, read_record
from ..workers import named_targets

#: The header entries that resuming needs.
_NEEDED = ("targets", "selection", "terms", "ledger")

#: The parameters of `run` that a resumed run cannot change.
KEPT = (
    *("what", "sweeps", "mutators", "profile", "shard", "ops", "dtypes", "audit", "precision", "preload", "backends"),
    *("every", "ledgers", "no_known", "fail_on"),
)
#: For messages: parameter -> name of its option, if this name is not `--` followed by the parameter's name.
_OPTIONS = {
    "what": "[PATH|ID-PATTERN]...",
    "backends": "--backend",
    "ledgers": "--known",
    "no_known": "--no-known",
    "fail_on": "--fail-on",
}


def begun(path: Path) -> Record:
    """
    Read the record of a run that is to be resumed.

    Raises:
        Invalid: if the file is no record, or its header lacks the options of the run.

    """
    record = read_record(path)
    if lacking := [name for name in _NEEDED if name not in record.header]:
        raise Invalid(_unlike(path, f"its header lacks {', '.join(lacking)}"))
    return record


def agreed(path: Path, header: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the options of a recorded run: parameter name -> value.

    Raises:
        Invalid: if an option in `given` differs from its recorded value.

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
    stated = dict(given)
    if stated.keys() & {"backends", "every"}:
        adapters = named_targets(stated.get("backends", ()), every=stated.pop("every", False))
        stated["backends"] = [str(adapter) for adapter in adapters]
    for name, value in stated.items():
        if value != kept[name]:
            option = _OPTIONS.get(name, f"--{name}")
            raise Invalid(_unlike(path, f"{option} is {_shown(value)} now and was {_shown(kept[name])}"))
    return kept


def check(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """
    Compare the header of a record with the header that the run would have now.

    Raises:
        Invalid: at the first difference in suite, platform or ledger.

    """
    for part in ("suite", "platform", "ledger"):
        for name in {**before[part], **now[part]}:
            was, value = before[part].get(name), now[part].get(name)
            if was != value:
                raise Invalid(_unlike(path, f"{part}.{name} is {_shown(value)} now and was {_shown(was)}"))


def opened(path: Path) -> IO[str]:
    """
    Remove a truncated last line from a record, and all lines from the first group on; return it open for appending.

    When the resumed run finishes, it writes the groups, and the lines that follow them, again.

    Raises:
        Invalid: if the file cannot be written.

    """
    with writing(path):
        record = path.open("a", encoding="utf-8", buffering=1)
        lock(record, path)
        with path.open("r+b") as file:
            is_ended = _truncate(file)
            file.seek(0, os.SEEK_END)
            file.write(b"" if is_ended else b"\n")
        return record


def lock(file: IO[str], path: Path) -> None:
    """
    Lock a record for this process until the file is closed.

    Raises:
        Invalid: if another process has locked it.

    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        hint = "wait until it ends, or choose another file"
        raise Invalid(Problem(path=str(path), message="another run writes this record now", hint=hint)) from None
    except OSError:  # a device or a file system without locks
        return


def _truncate(file: IO[bytes]) -> bool:
    """Cut off the record at its first group or truncated line; return whether the rest ends with a newline."""
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
    return Problem(path=str(path), message=message, hint="resume with the options and versions of the recorded run")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)
