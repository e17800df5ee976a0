"""Comparison of two records of the same calls, made before and after a change of version, device or flag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..core import SEVERITIES, Case, Invalid, Problem, Verdict, suggestion
from ..records import Group, Record, TargetInfo
from .failure_groups import Likeness, Sides, separated

#: The kinds of changes and what they mean. Reports list them in this order: worse results, different results, better
#: results, missing calls.
CHANGES = {
    "regressed": "was right, is now wrong",
    "wrong-otherwise": "is still wrong, with another result",
    "refuses": "was computed, is now refused, as a clause allows",
    "unsupported": "was supported, is now unsupported",
    "slower": "takes longer than `--slower` allows",
    "precision": "is still right, in another precision class",
    "alternative": "follows another alternative of a clause",
    "moved": "is still right, with other bits",
    "fixed": "was wrong, is now right",
    "supported": "was unsupported, is now supported",
    "only-before": "was judged only before",
    "only-after": "was judged only after",
}

#: Changes that break a model that makes the changed calls. They are the default of `--fail-on`.
WORSE = ("regressed", "refuses", "unsupported")

#: Changes after which a call does not return a right result.
BROKEN = (*WORSE, "wrong-otherwise")

#: The state of a call, by verdict. A call with any other verdict is not judged.
_STATES = {
    **dict.fromkeys(("agree", "fixed"), "right"),
    **dict.fromkeys(("disagree", "known", "crash", "timeout"), "wrong"),
    "unsupported": "unsupported",
}

#: The kind of change, by the states of a call before and after.
_BETWEEN = {
    ("right", "wrong"): "regressed",
    ("wrong", "right"): "fixed",
    ("right", "unsupported"): "unsupported",
    ("wrong", "unsupported"): "unsupported",
    ("unsupported", "right"): "supported",
    ("unsupported", "wrong"): "supported",
}

#: A call that takes at most this many seconds longer is never `slower`, because such a difference is noise.
NOISE = 0.001


class Pair(NamedTuple):
    """Two targets that are compared: `before` is in the older record, `after` in the newer record."""

    before: TargetInfo
    after: TargetInfo

    @property
    def name(self) -> str:
        """The name of the two targets without the requested release, or both names if the names differ."""
        one, other = self.before.surface, self.after.surface
        return one if one == other else f"{one}, {other}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference between two verdicts on a call; a verdict is None if its record does not judge the call."""

    case: str
    target: str
    change: str
    before: Verdict | None
    after: Verdict | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """
    The comparison of two records of the same calls.

    `both` maps a target to the ids of the calls that both records judge. `apart` maps the name of each header field
    with different values to these values (before, after).
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
        """The number of calls that both records judge, by target."""
        return {name: len(ids) for name, ids in self.both.items()}

    @property
    def wrong(self) -> int:
        """The number of calls that are wrong in both records, whether or not a ledger lists them."""
        return sum(
            _state(was[name]) == _state(now[name]) == "wrong"
            for pair in self.pairs
            for was, now in [(_by_case(self.before, pair.before), _by_case(self.after, pair.after))]
            for name in self.both[pair.name]
        )

    def counts(self, target: str) -> Counter[str]:
        """Return the number of changes on a target, by kind of change."""
        return Counter(change.change for change in self.changes if change.target == target)

    def faults(self, pair: Pair) -> tuple[int, int]:
        """Return the number of calls on which the suite or an adapter failed, for each record (before, after)."""
        sides = ((self.before, pair.before), (self.after, pair.after))
        before, after = (
            sum((verdict.target, verdict.verdict) == (info.name, "suite-error") for verdict in record.verdicts)
            for record, info in sides
        )
        return before, after


def compared(before: Record, after: Record, cases: Mapping[str, Case], *, slower: float | None = None) -> Comparison:
    """
    Return what changed between two records.

    Targets of the same name are compared, even if they request different releases. If each record has only one target,
    these two targets are compared whatever their names are. A call that takes more than `slower` times as long as
    before counts as slower. None disables this check.
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
        groups=separated(sides, cases, _place),
        apart=dict(_apart(before, after)),
    )


def named(text: str) -> Sequence[str]:
    """
    Return the kinds of changes in a comma-separated list such as `regressed,precision`.

    Raises:
        Invalid: if a name in the list is not a kind of change.

    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in CHANGES:
            hint = suggestion(name, CHANGES)
            raise Invalid(Problem(path="--fail-on", message=f"unknown change {name!r}", hint=hint))
    return names


def check_whole(records: Mapping[Path, Record]) -> None:
    """
    Check that no record is condensed.

    Raises:
        Invalid: if a record is condensed, so that it counts the agreeing calls but does not list them.

    """
    for path, record in records.items():
        if record.left_out:
            message = "this condensed record cannot be compared, because it does not list the calls that agree"
            raise Invalid(Problem(path=str(path), message=message, hint="pass the full record of the same run"))


def _pairs(before: Sequence[TargetInfo], after: Sequence[TargetInfo]) -> Iterator[Pair]:
    if len(before) == len(after) == 1:
        yield Pair(before[0], after[0])
        return
    # If the newer record has several releases of a target, prefer the release that the older record requests.
    named = {**{info.surface: info for info in after}, **{info.name: info for info in after}}
    found = ((info, named.get(info.name, named.get(info.surface))) for info in before)
    yield from (Pair(info, other) for info, other in found if other is not None)


def _by_case(record: Record, target: TargetInfo) -> dict[str, Verdict]:
    return {verdict.case: verdict for verdict in record.verdicts if verdict.target == target.name}


def _of_pair(
    pair: Pair, before: Mapping[str, Verdict], after: Mapping[str, Verdict], slower: float | None
) -> tuple[list[Change], list[str]]:
    """
    Return the changes of a pair of targets, and the ids of the calls that are compared.

    The ids include each call that both records judge, unless neither target supports the call.
    """
    found: list[Change] = []
    both: list[str] = []
    for case in dict.fromkeys([*before, *after]):
        was, now = _judged(before.get(case)), _judged(after.get(case))
        if was is not None and now is not None and {_state(was), _state(now)} != {"unsupported"}:
            both.append(case)
        for kind in _kinds(was, now, slower):
            found.append(Change(case=case, target=pair.name, change=kind, before=was, after=now))
    return found, both


def _judged(verdict: Verdict | None) -> Verdict | None:
    return verdict if verdict is not None and verdict.verdict in _STATES else None


def _kinds(was: Verdict | None, now: Verdict | None, slower: float | None) -> Iterator[str]:
    """
    Yield the kinds of changes between two verdicts.

    At most one kind concerns the result. In addition, a slower call yields `slower`.
    """
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
    """Return a key that identifies the kind of failure. The key ignores ledgers, which may differ between records."""
    finding = verdict.finding
    if finding is None:
        return (_death(verdict),)
    # A result of the wrong shape may hold unrelated memory that varies from run to run, so its digest is not compared.
    is_shape = finding.kind == "shape"
    return (finding.kind, finding.where, finding.message if is_shape else verdict.output_sha256)


def _death(verdict: Verdict) -> str:
    # A `known` verdict without a finding is a crash or a timeout, but does not state which of the two. Most are
    # crashes.
    return "timeout" if verdict.verdict == "timeout" else "crash"


def _sides(pair: Pair, changes: Sequence[Change], both: Sequence[str]) -> Iterator[Sides]:
    """
    Yield one `Sides` for each kind of change.

    Its field `failing` holds the calls with this change, and its field `agreeing` holds the calls that still work.
    """
    broken = {change.case for change in changes if change.change in BROKEN}
    for kind in dict.fromkeys(change.change for change in changes):
        failing: dict[Likeness, list[str]] = {}
        for change in changes:
            if change.change == kind:
                failing.setdefault(_likeness(change), []).append(change.case)
        # Leave out calls that broke in another way: they are evidence neither for nor against a condition.
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
    """Return a short text on the states before and after, or None if the kind of change determines these states."""
    describe = _DESCRIPTIONS.get(change.change)
    if describe is None or change.before is None or change.after is None:
        return None
    was, now = describe(change.before), describe(change.after)
    if change.change in ("regressed", "supported"):
        return now
    return was if change.change in ("fixed", "unsupported") else f"{was}, now {now}"


def _outcome(verdict: Verdict) -> str:
    if _state(verdict) == "right":
        return "right"
    if _state(verdict) == "unsupported":
        return verdict.verdict
    return verdict.finding.kind if verdict.finding is not None else _death(verdict)


def _followed(verdict: Verdict) -> str:
    """
    Return the names of the alternatives that a call follows, without the clauses.

    `refuses` replaces all other names. `computes` is omitted if there is another name.
    """
    names = [name.rpartition(":")[2] for name in (verdict.alternative or "none").split(", ")]
    special = list(dict.fromkeys(name for name in names if name != "computes"))
    return "refuses" if "refuses" in special else ", ".join(special) or "computes"


#: For each kind of change, the function that describes the state of a verdict.
_DESCRIPTIONS: Mapping[str, Callable[[Verdict], str]] = {
    **dict.fromkeys(("regressed", "wrong-otherwise", "unsupported", "fixed", "supported"), _outcome),
    "precision": lambda verdict: verdict.precision or "none",
    "alternative": _followed,
}


def _place(group: Group) -> tuple[int, int, int, str]:
    kinds = list(CHANGES)
    return (kinds.index(group.verdict), SEVERITIES.index(group.severity or "loud"), -len(group.cases), group.smallest)


def _apart(before: Record, after: Record) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield (name, (value before, value after)) for each header field that differs between the two runs."""
    for part, names in _HEADER_FIELDS.items():
        was, now = before.header.get(part, {}), after.header.get(part, {})
        for name in names:
            one, other = _text(was.get(name)), _text(now.get(name))
            if one != other:
                yield f"{part}.{name}", (one, other)


#: The header fields that a comparison reports if their values differ, by part of the header.
_HEADER_FIELDS: Mapping[str, Sequence[str]] = {
    "suite": ("version", "corpus"),
    "selection": ("what", "sweeps", "mutators", "ops", "dtypes", "profile", "shard"),
    "terms": ("audit", "preload", "precision"),
    "platform": ("machine", "cpu", "flags", "os", "python"),
    "ledger": ("digest",),
}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
