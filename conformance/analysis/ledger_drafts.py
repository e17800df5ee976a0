"""Drafts of the ledger's entries, of what a run found: one for each group of failing calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from ..core import UNEXPECTED, Verdict
from ..records import DRAFT_TEXT, EVERY_VERSION, Group, Record

#: So many calls are listed by their ids, with what they computed; more are named by their condition.
LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What an entry is drafted of: failing calls of one group on these targets, named by the condition or listed."""

    group: Group
    targets: Sequence[str]
    verdicts: Sequence[Verdict]
    version: str

    @property
    def is_listed(self) -> bool:
        """Whether its calls are listed by their ids."""
        return not self.group.condition.wanted or len(self.group.cases) <= LISTED

    @property
    def id(self) -> str:
        """An id that says target, place and kind."""
        kind, where = self.group.kind or self.group.verdict, self.group.where
        return f"{_slug(self.targets[0])}.{kind if where == 'output' else f'{_slug(where)}-{kind}'}"


def ledger_draft(record: Record, today: str) -> str:
    """
    Return a ledger file with an entry for each group of unexpected verdicts, of one that is listed for each target.

    A person has to write the reason, the link and the script; until then the file says so.
    """
    drafts = list(_drafts(record))
    if not drafts:
        return "about: Drafted from a run in which nothing was unexpected.\nentries: []\n"
    used: Counter[str] = Counter()
    text = "about: Drafted from a run; every entry needs a reason, a link and a script.\nentries:\n"
    for each in drafts:
        used[each.id] += 1
        number = f"-{used[each.id]}" if used[each.id] > 1 else ""
        text += "\n".join(_lines(each, f"{each.id}{number}", today)) + "\n"
    return text


def _drafts(record: Record) -> Iterator[Draft]:
    versions = {target.name: target.version for target in record.targets}
    found = {(verdict.target, verdict.case): verdict for verdict in record.verdicts if verdict.verdict in UNEXPECTED}
    for group in record.groups:
        keys = ((target, case) for target in group.targets for case in group.cases)
        verdicts = [found[key] for key in keys if key in found and group.is_like(found[key])]
        by_target = [[each for each in verdicts if each.target == target] for target in group.targets]
        drafts = [_draft(group, each, versions) for each in by_target if each]
        if drafts and not drafts[0].is_listed:
            yield _draft(group, verdicts, versions)
        else:
            yield from drafts


def _draft(group: Group, verdicts: Sequence[Verdict], versions: Mapping[str, str]) -> Draft:
    targets = list(dict.fromkeys(verdict.target for verdict in verdicts))
    return Draft(group=group, targets=targets, verdicts=verdicts, version=versions[targets[0]])


def _lines(each: Draft, name: str, today: str) -> Iterator[str]:
    yield f"  - id: {name}"
    yield "    cases:"
    yield from (f"      - {_quoted(pattern)}" for pattern in _patterns(each))
    if not each.is_listed:
        yield from _said("calls", each.group.condition.plain)
    yield f"    targets: [{', '.join(map(_quoted, each.targets))}]"
    yield f"    versions: {_exactly(each.version)}"
    if not each.is_listed and not each.group.is_exact:
        seen, of = max(each.group.targets.values(), key=lambda counts: counts.of - counts.seen)
        yield f"    partly: {{seen: {seen}, of: {of}}}"
    yield from _said("is", _is(each))
    yield f"    reason: {_quoted(f'{DRAFT_TEXT}; the first said: {each.verdicts[0].message[:160]}')}"
    yield f"    link: {DRAFT_TEXT}"
    yield f"    since: {_quoted(today)}"
    yield f"    triage: {DRAFT_TEXT}"


def _patterns(each: Draft) -> list[str]:
    """Return the ids, of calls that are named by their condition with one pattern for all points of a sweep."""
    names = [verdict.case for verdict in each.verdicts]
    if not each.is_listed:
        names = [f"{sweep}[*" if point else sweep for sweep, point, _ in (name.partition("[") for name in names)]
    return list(dict.fromkeys(names))


def _exactly(version: str) -> str:
    try:
        return _quoted(f"=={Version(version)}")
    except InvalidVersion:
        return EVERY_VERSION


def _is(each: Draft) -> dict[str, Any]:
    said: dict[str, Any] = {"verdict": each.group.verdict}
    if each.group.kind:
        said |= {"kind": each.group.kind, "where": each.group.where}
    outputs = {verdict.case: verdict.output_sha256 for verdict in each.verdicts if verdict.output_sha256}
    return said | ({"outputs": outputs} if outputs and each.is_listed else {})


def _said(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"    {name}:"
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"      {key}:"
            yield from (f"        {_quoted(inner)}: {_quoted(text)}" for inner, text in value.items())
        else:
            yield f"      {key}: {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) and value.startswith((">", "<")) else str(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name).strip("-").lower()
