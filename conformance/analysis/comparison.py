"""What two records say differently of the same calls: before and after a change of version, device or flag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..core import SEVERITIES, Case, Invalid, Problem, Verdict, suggestion
from ..records import Group, Record, TargetInfo
from .failure_groups import Likeness, Sides, told_apart

#: Every kind of change, in the order of reports: what is worse, another answer, better, missing.
CHANGES = {
    "regressed": "was right, and is wrong",
    "wrong-otherwise": "is wrong in another way",
    "refuses": "was computed, and is refused, as a clause allows",
    "unsupported": "could be said, and cannot any more",
    "slower": "takes longer than asked for",
    "precision": "is right, in another class of precision",
    "alternative": "follows another alternative of a clause",
    "moved": "is still right, with other bits",
    "fixed": "was wrong, and is right",
    "supported": "could not be said, and can now",
    "only-before": "was judged before alone",
    "only-after": "was judged after alone",
}

#: What breaks a model that makes such calls, and what `--fail-on` names unless it is told otherwise.
WORSE = ("regressed", "refuses", "unsupported")

#: What leaves a call without its right result.
BROKEN = (*WORSE, "wrong-otherwise")

#: What a verdict says of a call; the others do not judge it.
_STATES = {
    **dict.fromkeys(("agree", "fixed"), "right"),
    **dict.fromkeys(("disagree", "known", "crash", "timeout"), "wrong"),
    "unsupported": "unsaid",
}

#: The change from one state to another.
_BETWEEN = {
    ("right", "wrong"): "regressed",
    ("wrong", "right"): "fixed",
    ("right", "unsaid"): "unsupported",
    ("wrong", "unsaid"): "unsupported",
    ("unsaid", "right"): "supported",
    ("unsaid", "wrong"): "supported",
}

#: So many seconds more are noise, whatever the factor.
NOISE = 0.001


class Pair(NamedTuple):
    """A target of the record before, and the one of the record after that is held against it."""

    before: TargetInfo
    after: TargetInfo

    @property
    def name(self) -> str:
        """The target's name without the release that it asks for, or both names where they differ."""
        one, other = self.before.surface, self.after.surface
        return one if one == other else f"{one}, {other}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One call of which the records differ; None where a record does not judge it."""

    case: str
    target: str
    change: str
    before: Verdict | None
    after: Verdict | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """
    Two records of the same calls, held against each other.

    `both` holds by target the ids of the calls that both judge; `apart` says what else is not the same in the two runs.
    """

    before: Record
    after: Record
    pairs: Sequence[Pair]
    both: Mapping[str, Sequence[str]]
    changes: Sequence[Change]
    groups: Sequence[Group]
    apart: Mapping[str, tuple[str, str]]

    @property
    def judged(self) -> dict[str, int]:
        """By target how many calls both judge."""
        return {name: len(ids) for name, ids in self.both.items()}

    @property
    def wrong(self) -> int:
        """How many calls both judge to be wrong, whatever a ledger knows of them."""
        return sum(
            _state(was[name]) == _state(now[name]) == "wrong"
            for pair in self.pairs
            for was, now in [(_by_case(self.before, pair.before), _by_case(self.after, pair.after))]
            for name in self.both[pair.name]
        )

    def counts(self, target: str) -> Counter[str]:
        """Return how often each change was seen on a target."""
        return Counter(change.change for change in self.changes if change.target == target)

    def faults(self, pair: Pair) -> tuple[int, int]:
        """Return on how many calls the suite or an adapter itself failed, before and after."""
        sides = ((self.before, pair.before), (self.after, pair.after))
        before, after = (
            sum((verdict.target, verdict.verdict) == (info.name, "suite-error") for verdict in record.verdicts)
            for record, info in sides
        )
        return before, after


def compared(before: Record, after: Record, cases: Mapping[str, Case], *, slower: float | None = None) -> Comparison:
    """
    Return what changed between two records; `slower` is the factor from which on a call counts as slower.

    Targets of the same name are compared, whatever release they ask for, or those of two records that have one each.
    """
    pairs = list(_pairs(before.targets, after.targets))
    judged: dict[str, Sequence[str]] = {}
    changes: list[Change] = []
    sides: list[Sides] = []
    for pair in pairs:
        found, both = _of_pair(pair, _by_case(before, pair.before), _by_case(after, pair.after), slower)
        judged[pair.name] = both
        changes += found
        sides += _sides(pair, found, both)
    return Comparison(
        before=before,
        after=after,
        pairs=pairs,
        both=judged,
        changes=changes,
        groups=told_apart(sides, cases, _place),
        apart=dict(_apart(before, after)),
    )


def named(text: str) -> Sequence[str]:
    """
    Return the changes that a list such as `regressed,precision` names.

    Raises:
        Invalid: if one of them is none.

    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in CHANGES:
            hint = suggestion(name, CHANGES)
            raise Invalid(Problem(path="--fail-on", message=f"there is no change {name!r}", hint=hint))
    return names


def check_whole(records: Mapping[Path, Record]) -> None:
    """
    Refuse condensed records.

    Raises:
        Invalid: if one of them only counts what agrees.

    """
    for path, record in records.items():
        if record.left_out:
            message = "a condensed record does not list what agrees, so that nothing can be held against it"
            raise Invalid(Problem(path=str(path), message=message, hint="name the record that it was made of"))


def _pairs(before: Sequence[TargetInfo], after: Sequence[TargetInfo]) -> Iterator[Pair]:
    if len(before) == len(after) == 1:
        yield Pair(before[0], after[0])
        return
    # Of several releases in one record the one of the same name goes ahead.
    named = {**{info.surface: info for info in after}, **{info.name: info for info in after}}
    found = ((info, named.get(info.name, named.get(info.surface))) for info in before)
    yield from (Pair(info, other) for info, other in found if other is not None)


def _by_case(record: Record, target: TargetInfo) -> dict[str, Verdict]:
    return {verdict.case: verdict for verdict in record.verdicts if verdict.target == target.name}


def _of_pair(
    pair: Pair, before: Mapping[str, Verdict], after: Mapping[str, Verdict], slower: float | None
) -> tuple[list[Change], list[str]]:
    """Return the changes of a pair of targets, and the calls that both records judge: of which one at least is said."""
    found: list[Change] = []
    both: list[str] = []
    for case in dict.fromkeys([*before, *after]):
        was, now = _judged(before.get(case)), _judged(after.get(case))
        if was is not None and now is not None and {_state(was), _state(now)} != {"unsaid"}:
            both.append(case)
        for kind in _kinds(was, now, slower):
            found.append(Change(case=case, target=pair.name, change=kind, before=was, after=now))
    return found, both


def _judged(verdict: Verdict | None) -> Verdict | None:
    return verdict if verdict is not None and verdict.verdict in _STATES else None


def _kinds(was: Verdict | None, now: Verdict | None, slower: float | None) -> Iterator[str]:
    """Yield the change from one verdict to another, if there is one, and whether the call is slower beside."""
    if was is None or now is None:
        if was is not now:
            yield "only-after" if was is None else "only-before"
        return
    if kind := _kind(was, now):
        yield kind
    is_right = _state(was) == _state(now) == "right"
    if slower is not None and is_right and now.seconds > slower * was.seconds + NOISE:
        yield "slower"


def _kind(was: Verdict, now: Verdict) -> str:
    states = _state(was), _state(now)
    if states == ("right", "right"):
        return _of_right(was, now)
    if states == ("wrong", "wrong"):
        return "wrong-otherwise" if _manner(was) != _manner(now) else ""
    return _BETWEEN.get(states, "")


def _state(verdict: Verdict) -> str:
    return _STATES[verdict.verdict]


def _of_right(was: Verdict, now: Verdict) -> str:
    if now.output_sha256 is None and was.output_sha256 is not None:
        return "refuses"
    if was.precision != now.precision:
        return "precision"
    if was.alternative != now.alternative:
        return "alternative"
    return "moved" if was.output_sha256 != now.output_sha256 else ""


def _manner(verdict: Verdict) -> tuple[str | None, ...]:
    """Return how a call is wrong, whatever a ledger knows of it: the records may have been held against two."""
    finding = verdict.finding
    if finding is None:
        return (_death(verdict),)
    # What stands in a result of another shape may be memory that belongs to nothing, and another one each time.
    is_shape = finding.kind == "shape"
    return (finding.kind, finding.where, finding.message if is_shape else verdict.output_sha256)


def _death(verdict: Verdict) -> str:
    # What is known and has no finding is a death; only the entry says which, and most are crashes.
    return "timeout" if verdict.verdict == "timeout" else "crash"


def _sides(pair: Pair, changes: Sequence[Change], both: Sequence[str]) -> Iterator[Sides]:
    """Yield for each kind of change the calls that changed so, and all others that both records judge."""
    broken = {change.case for change in changes if change.change in BROKEN}
    for kind in dict.fromkeys(change.change for change in changes):
        failing: dict[Likeness, list[str]] = {}
        for change in changes:
            if change.change == kind:
                failing.setdefault(_likeness(change), []).append(change.case)
        # What broke in another way speaks neither for a condition nor against it.
        changed = broken.union(*failing.values())
        target = replace(pair.after, name=pair.name)
        yield Sides(target=target, failing=failing, agreeing=[case for case in both if case not in changed])


def _likeness(change: Change) -> Likeness:
    wrong = change.before if change.change == "fixed" else change.after
    finding = wrong.finding if wrong is not None else None
    where = finding.where if finding is not None else "output"
    known = wrong.known if wrong is not None and wrong.verdict == "known" else None
    return Likeness(change.change, wrong.severity if wrong is not None else None, _what(change), where, known)


def _what(change: Change) -> str | None:
    """Return in a few words what became of what, where the kind of change does not say it."""
    said = _SAYS.get(change.change)
    if said is None or change.before is None or change.after is None:
        return None
    was, now = said(change.before), said(change.after)
    if change.change in ("regressed", "supported"):
        return now
    return was if change.change in ("fixed", "unsupported") else f"{was}, now {now}"


def _in_words(verdict: Verdict) -> str:
    if _state(verdict) == "right":
        return "right"
    if _state(verdict) == "unsaid":
        return verdict.verdict
    return verdict.finding.kind if verdict.finding is not None else _death(verdict)


def _followed(verdict: Verdict) -> str:
    """Return the alternative that was followed, without the clauses; of several what is told beside `computes`."""
    names = [name.rpartition(":")[2] for name in (verdict.alternative or "none").split(", ")]
    told = list(dict.fromkeys(name for name in names if name != "computes"))
    return "refuses" if "refuses" in told else ", ".join(told) or "computes"


#: What of a verdict tells of a change.
_SAYS: Mapping[str, Callable[[Verdict], str]] = {
    **dict.fromkeys(("regressed", "wrong-otherwise", "unsupported", "fixed", "supported"), _in_words),
    "precision": lambda verdict: verdict.precision or "not said",
    "alternative": _followed,
}


def _place(group: Group) -> tuple[int, int, int, str]:
    kinds = list(CHANGES)
    return (kinds.index(group.verdict), SEVERITIES.index(group.severity or "loud"), -len(group.cases), group.smallest)


def _apart(before: Record, after: Record) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what of the two runs is not the same, besides the targets that they have in common."""
    for part, names in _TOLD.items():
        was, now = before.header.get(part, {}), after.header.get(part, {})
        for name in names:
            one, other = _said(was.get(name)), _said(now.get(name))
            if one != other:
                yield f"{part}.{name}", (one, other)


#: What of a header is told where it differs.
_TOLD: Mapping[str, Sequence[str]] = {
    "suite": ("version", "corpus"),
    "selection": ("what", "sweeps", "mutators", "ops", "dtypes", "profile", "shard"),
    "terms": ("audit", "preload", "precision"),
    "platform": ("machine", "cpu", "flags", "os", "python"),
    "ledger": ("digest",),
}


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
