"""Records of the parts of one run as one record, and a record without what needs no line of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from ..core import Invalid, Problem
from ..corpus import Corpus, parse_shard
from .alternatives import count_alternatives
from .record import Record, TargetInfo, Timing, verdict_counts

#: What a condensed record counts, and does not list.
COUNTED = ("agree", "unsupported", "not-run")

#: What must be the same in the headers of parts.
_SAME = ("suite", "selection", "terms", "ledger")


def merged(records: Mapping[Path, Record]) -> Record:
    """
    Return several records as one: of parts of the corpus (`--shard`), of some targets each, or both.

    It is complete if each of them is, and no part is missing of any target. Machines may differ; the header names all.
    Condensed records give a condensed one: counts add up, and each keeps its groups.

    Raises:
        Invalid: if they are not of one suite, corpus, selection and ledger, some of them are condensed, or two speak of
            one case and target.

    """
    (first, record), *others = records.items()
    if not others:
        return record
    for path, other in others:
        _check(first, record, path, other)
    (_check_parts if record.left_out else _check_twice)(records)
    headers = [each.header for each in records.values()]
    return Record(
        header=_header(headers),
        targets=_targets(records),
        verdicts=tuple(verdict for each in records.values() for verdict in each.verdicts),
        tap_audits=tuple(audit for each in records.values() for audit in each.tap_audits),
        is_complete=all(each.is_complete for each in records.values()) and not missing(headers),
        **(_behind(records.values()) if record.left_out else {}),
    )


def condensed(record: Record, corpus: Corpus) -> Record:
    """
    Return a record that counts agreements, and what was not said or not run, and lists the rest.

    The reasons, and the alternatives of the corpus' clauses that its targets follow, are counted with them.

    Raises:
        Invalid: if the run did not come to its end.

    """
    if not record.is_complete:
        raise Invalid(Problem(path="--condensed", message="the run did not come to its end", hint="see `run --resume`"))
    kept = [verdict for verdict in record.verdicts if verdict.verdict not in COUNTED]
    return replace(
        record,
        header={**record.header, "left_out": list(COUNTED)},
        verdicts=kept,
        summary=record.summary or verdict_counts(record.verdicts),
        followed=count_alternatives(record, {case.id: case for case in corpus.cases}, corpus.clauses),
        unsaid={target.name: record.reasons(target.name) for target in record.targets},
    )


def missing(headers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the parts of the corpus that some target lacks, such as `2/4`."""
    there: dict[str, set[str | None]] = {}
    for header in headers:
        for target in header.get("targets", ()):
            there.setdefault(target, set()).add(_shard(header))
    wanted = {f"{at}/{count}" for count in _counts(headers) for at in range(1, count + 1)}
    return sorted({part for parts in there.values() if None not in parts for part in wanted - parts})


def _shard(header: Mapping[str, Any]) -> str | None:
    shard: str | None = header.get("selection", {}).get("shard")
    return shard


def _counts(headers: Iterable[Mapping[str, Any]]) -> set[int]:
    return {parse_shard(shard)[1] for header in headers if (shard := _shard(header)) is not None}


def _behind(records: Iterable[Record]) -> dict[str, Any]:
    """Return what condensed records have besides their verdicts, together."""
    groups = [group for record in records for group in record.groups]
    more: dict[str, Any] = {
        "groups": tuple(replace(group, name=f"g{number}") for number, group in enumerate(groups, 1))
    }
    for name in ("summary", "followed", "unsaid"):
        more[name] = reduce(_added, (getattr(record, name) for record in records))
    return more


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two counts, or of two mappings of counts, name by name."""
    if not isinstance(one, Mapping):
        return one + other
    shared = {name: _added(value, other[name]) for name, value in one.items() if name in other}
    return {**one, **other, **shared}


def _check(first: Path, record: Record, path: Path, other: Record) -> None:
    if list(record.left_out) != list(other.left_out):
        condensed_one, whole_one = (first, path) if record.left_out else (path, first)
        message = f"{condensed_one} is condensed, and {whole_one} is not"
        raise Invalid(Problem(path=str(path), message=message, hint="condense the other one too"))
    for part in _SAME:
        was, now = (_without_shard(each.header.get(part, {})) for each in (record, other))
        for name in {**was, **now}:
            if was.get(name) != now.get(name):
                message = f"{part}.{name} is {now.get(name)}, and {was.get(name)} in {first}"
                raise Invalid(Problem(path=str(path), message=message, hint=_HINT))
    if len(_counts([record.header, other.header])) > 1:
        message = f"part {_shard(other.header)} beside {_shard(record.header)} in {first}"
        raise Invalid(Problem(path=str(path), message=message, hint=_HINT))


_HINT = "records are put together whose runs differ in --shard or in targets"


def _without_shard(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "shard"}


def _check_twice(records: Mapping[Path, Record]) -> None:
    found: dict[tuple[str, str], Path] = {}
    for path, record in records.items():
        for verdict in record.verdicts:
            before = found.setdefault((verdict.case, verdict.target), path)
            if before is not path:
                raise _twice(path, f"{verdict.case} on {verdict.target}", before)


def _check_parts(records: Mapping[Path, Record]) -> None:
    """Refuse condensed records that have a part of a target in common: not all their cases are listed."""
    found: dict[str, list[tuple[str | None, Path]]] = {}
    for path, record in records.items():
        part = _shard(record.header)
        for target in record.targets:
            earlier = found.setdefault(target.name, [])
            for other, before in earlier:
                if part == other or None in (part, other):
                    raise _twice(path, target.name if part is None else f"part {part} of {target.name}", before)
            earlier.append((part, path))


def _twice(path: Path, what: str, before: Path) -> Invalid:
    return Invalid(Problem(path=str(path), message=f"{what} is in {before} too", hint=_HINT))


def _targets(records: Mapping[Path, Record]) -> tuple[TargetInfo, ...]:
    found: dict[str, TargetInfo] = {}
    first: dict[str, Path] = {}
    for path, record in records.items():
        for info in record.targets:
            before = found.get(info.name)
            if before is not None and before.said != info.said:
                names = [name for name in vars(info) if getattr(before.said, name) != getattr(info.said, name)]
                was, now = getattr(before, names[0]), getattr(info, names[0])
                message = f"{info.name}: its {names[0]} is {now}, and {was} in {first[info.name]}"
                raise Invalid(Problem(path=str(path), message=message, hint=_HINT))
            first.setdefault(info.name, path)
            found[info.name] = info if before is None else Timing(target=info.name, seconds=info.seconds).added(before)
    return tuple(found.values())


def _header(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    header = dict(headers[0])
    header["targets"] = list(dict.fromkeys(name for each in headers for name in each.get("targets", ())))
    if "selection" in header:
        parts = sorted({shard for each in headers if (shard := _shard(each)) is not None}, key=parse_shard)
        header["selection"] = {**header["selection"], "shard": ", ".join(parts) if missing(headers) else None}
    machines = [each["platform"] for each in headers]
    different = [machine for at, machine in enumerate(machines) if machine not in machines[:at]]
    if len(different) > 1:
        header |= {"platform": _platform(different), "platforms": different}
    return header


def _platform(machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return several machines as one: every name that they have, and the flags that all have."""
    together: dict[str, Any] = {
        name: " / ".join(dict.fromkeys(str(machine.get(name, "")) for machine in machines)) for name in machines[0]
    }
    counts = Counter(flag for machine in machines for flag in machine["flags"])
    return {**together, "flags": [flag for flag in machines[0]["flags"] if counts[flag] == len(machines)]}
