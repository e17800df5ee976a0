"""Drafts of ledger entries for a run, with at least one entry for each group of unexpected verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from ..core import UNEXPECTED, Verdict
from ..records import DRAFT_TEXT, EVERY_VERSION, Group, Record

#: An entry lists up to this many calls by id, with output digests. The calls of a larger group are selected by the
#: group's condition.
LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The data of one ledger entry: a group, and the verdicts of `targets` on the calls of the group."""

    group: Group
    targets: Sequence[str]
    verdicts: Sequence[Verdict]
    version: str

    @property
    def is_listed(self) -> bool:
        """Whether the entry lists its calls by id. Otherwise, the group's condition selects the calls."""
        return not self.group.condition.wanted or len(self.group.cases) <= LISTED

    @property
    def id(self) -> str:
        """The id of the entry: the first target, the array (left out for the output) and the kind of failure."""
        kind, where = self.group.kind or self.group.verdict, self.group.where
        return f"{_slug(self.targets[0])}.{kind if where == 'output' else f'{_slug(where)}-{kind}'}"


def ledger_draft(record: Record, today: str) -> str:
    """
    Return the text of a ledger file with at least one entry for each group of unexpected verdicts.

    If a group's calls are listed by id, the group has a separate entry for each target. The reason, the link and the
    triage script are placeholders that a person must replace. `today` is the date of the entries.
    """
    drafts = list(_drafts(record))
    if not drafts:
        return "about: Drafted from a run without unexpected verdicts.\nentries: []\n"
    used: Counter[str] = Counter()
    text = "about: Drafted from a run; every entry needs a reason, a link and a script.\nentries:\n"
    for draft in drafts:
        used[draft.id] += 1
        number = f"-{used[draft.id]}" if used[draft.id] > 1 else ""
        text += "\n".join(_lines(draft, f"{draft.id}{number}", today)) + "\n"
    return text


def _drafts(record: Record) -> Iterator[Draft]:
    versions = {target.name: target.version for target in record.targets}
    found = {(verdict.target, verdict.case): verdict for verdict in record.verdicts if verdict.verdict in UNEXPECTED}
    for group in record.groups:
        keys = ((target, case) for target in group.targets for case in group.cases)
        verdicts = [found[key] for key in keys if key in found and group.is_like(found[key])]
        by_target = [[verdict for verdict in verdicts if verdict.target == target] for target in group.targets]
        drafts = [_draft(group, members, versions) for members in by_target if members]
        if drafts and not drafts[0].is_listed:
            yield _draft(group, verdicts, versions)
        else:
            yield from drafts


def _draft(group: Group, verdicts: Sequence[Verdict], versions: Mapping[str, str]) -> Draft:
    targets = list(dict.fromkeys(verdict.target for verdict in verdicts))
    return Draft(group=group, targets=targets, verdicts=verdicts, version=versions[targets[0]])


def _lines(draft: Draft, name: str, today: str) -> Iterator[str]:
    yield f"  - id: {name}"
    yield "    cases:"
    yield from (f"      - {_quoted(pattern)}" for pattern in _patterns(draft))
    if not draft.is_listed:
        yield from _mapping("calls", draft.group.condition.plain)
    yield f"    targets: [{', '.join(map(_quoted, draft.targets))}]"
    yield f"    versions: {_exactly(draft.version)}"
    if not draft.is_listed and not draft.group.is_exact:
        seen, of = max(draft.group.targets.values(), key=lambda counts: counts.of - counts.seen)
        yield f"    partly: {{seen: {seen}, of: {of}}}"
    yield from _mapping("is", _is(draft))
    yield f"    reason: {_quoted(f'{DRAFT_TEXT}; first message: {draft.verdicts[0].message[:160]}')}"
    yield f"    link: {DRAFT_TEXT}"
    yield f"    since: {_quoted(today)}"
    yield f"    triage: {DRAFT_TEXT}"


def _patterns(draft: Draft) -> list[str]:
    """Return the case ids of an entry. If a condition selects the calls, one pattern replaces all points of a sweep."""
    names = [verdict.case for verdict in draft.verdicts]
    if not draft.is_listed:
        names = [f"{sweep}[*" if point else sweep for sweep, point, _ in (name.partition("[") for name in names)]
    return list(dict.fromkeys(names))


def _exactly(version: str) -> str:
    try:
        return _quoted(f"=={Version(version)}")
    except InvalidVersion:
        return EVERY_VERSION


def _is(draft: Draft) -> dict[str, Any]:
    entry: dict[str, Any] = {"verdict": draft.group.verdict}
    if draft.group.kind:
        entry |= {"kind": draft.group.kind, "where": draft.group.where}
    outputs = {verdict.case: verdict.output_sha256 for verdict in draft.verdicts if verdict.output_sha256}
    return entry | ({"outputs": outputs} if outputs and draft.is_listed else {})


def _mapping(name: str, values: Mapping[str, Any]) -> Iterator[str]:
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
