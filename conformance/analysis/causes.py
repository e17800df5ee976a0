"""
Attribution: which causes explain the wrong outputs of a run's targets, and under which conditions.

A cause is visible on a call if it changes the call's output. A flipped kernel, for example, changes nothing if the
kernel is symmetric. A cause is therefore tested only on calls on which it is visible. Such a call is evidence against
the cause if the call's output is correct, or if the output is wrong and no cause explains it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..calls import PORTIONS
from ..core import Case, Verdict
from ..corpus import Corpus
from ..diagnosis import CauseVisibility
from ..records import MIN_CALLS, Attribution, GroupCounts, Record
from .condition_search import Search, Table
from .failure_groups import AGREEING

#: The largest number of causes reported for one target.
MOST = 3
#: If several causes explain equally many calls, at most this many of these causes are compared by the evidence against
#: each of them.
TIED = 3
#: At most this many agreeing calls, evenly spaced, are searched for evidence against a cause.
LOOKED_AT = 2000
#: At most this many explained calls, evenly spaced, determine in which portion of the output a cause applies.
ASKED = 40
#: A portion must match at least this share of the sampled explained calls.
SHARE = 0.75


def attributed(record: Record, corpus: Corpus) -> Record:
    """
    Return a record with attributions added.

    A record that already has attributions, is condensed or has no diagnosis is returned unchanged.
    """
    if record.attributions or record.left_out or all(each.diagnosis is None for each in record.verdicts):
        return record
    found = attribute(record.verdicts, {case.id: case for case in corpus.cases})
    means = {name: fault.sentence for name, fault in corpus.faults.items()}
    return replace(record, attributions=[replace(each, means=means.get(each.cause, "")) for each in found])


def attribute(
    verdicts: Sequence[Verdict], cases: Mapping[str, Case], visibility: CauseVisibility | None = None
) -> tuple[Attribution, ...]:
    """
    Return attributions of the wrong outputs of each target to their most frequent causes.

    Attributions of more calls come first. `visibility` caches, for each cause, the calls on which the cause is visible.
    """
    by_target: dict[str, Wrong] = {}
    for verdict in verdicts:
        by_target.setdefault(verdict.target, Wrong()).take(verdict)
    visibility = visibility or CauseVisibility(cases)
    found: dict[tuple[str, str, str], Attribution] = {}
    for target, wrong in by_target.items():
        for each in wrong.attributions(target, visibility):
            key = (each.cause, each.portion, each.condition.text)
            found[key] = _merged(found[key], each, visibility) if key in found else each
    return tuple(sorted(found.values(), key=lambda each: -len(each.cases)))


def _merged(one: Attribution, other: Attribution, visibility: CauseVisibility) -> Attribution:
    return replace(
        one,
        targets={**one.targets, **other.targets},
        cases=visibility.features.by_size(dict.fromkeys(one.cases + other.cases)),
        against=visibility.features.by_size(dict.fromkeys(one.against + other.against)),
    )


def _is_of_output(verdict: Verdict) -> bool:
    """Return whether a verdict is about the output and not about a gradient, which attribution does not cover."""
    return verdict.finding is None or verdict.finding.where == "output"


@dataclass(kw_only=True, eq=False)
class Wrong:
    """
    The verdicts on one target that are evidence for or against causes.

    `verdicts` maps a case id to a verdict on a diagnosed wrong output. `agreeing` holds the verdicts on right results.
    """

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    agreeing: list[Verdict] = field(default_factory=list)

    def take(self, verdict: Verdict) -> None:
        """Add a verdict that agrees or reports a diagnosed wrong output; ignore any other verdict."""
        if verdict.verdict in AGREEING:
            self.agreeing.append(verdict)
        elif verdict.verdict == "disagree" and verdict.diagnosis is not None and _is_of_output(verdict):
            self.verdicts[verdict.case] = verdict

    def attributions(self, target: str, visibility: CauseVisibility) -> Iterator[Attribution]:
        """Yield attributions, one cause after another. Each cause explains calls that no earlier cause explains."""
        left = {case: _causes(verdict) for case, verdict in self.verdicts.items()}
        for _ in range(MOST):
            counts = Counter(name for causes in left.values() for name in causes)
            if not counts or max(counts.values()) < MIN_CALLS:
                return
            most = [name for name, count in counts.items() if count == max(counts.values())][:TIED]
            # If several causes explain equally many calls, take the cause that is visible on the fewest agreeing calls.
            cause = min(
                most, key=lambda name: (len(self._counterexamples(name, "", visibility)) if len(most) > 1 else 0, name)
            )
            cases = [case for case, causes in left.items() if cause in causes]
            portion = self._portion(cause, cases, visibility)
            if portion:
                cases = [case for case in left if visibility.fits(self.verdicts[case], cause, portion)]
            yield from self._parts(target, cause, cases, portion, visibility)
            left = {case: causes for case, causes in left.items() if case not in cases and cause not in causes}

    def _portion(self, cause: str, cases: Sequence[str], visibility: CauseVisibility) -> str:
        """
        Return the portion of the output in which a cause applies.

        The result is an empty string if the cause applies in the whole output or if the portion is unknown.

        The portion is unknown if fewer than MIN_CALLS calls have a partial diagnosis, or if no portion matches enough
        of the sampled calls (see SHARE). If several portions match equally many calls, the result is the portion in
        which the cause is visible on the fewest agreeing calls.
        """
        partial = [case for case in cases if _is_partial(self.verdicts[case])]
        if len(partial) < MIN_CALLS:
            return ""
        sampled = [self.verdicts[case] for case in cases[:: -(-len(cases) // ASKED)]]
        fitting = {name: sum(visibility.fits(each, cause, name) for each in sampled) for name in PORTIONS}
        most = max(fitting.values())
        if most < max(MIN_CALLS, SHARE * len(sampled)):
            return ""
        best = [name for name, count in fitting.items() if count == most]
        return min(best, key=lambda name: len(self._counterexamples(cause, name, visibility)) if len(best) > 1 else 0)

    def _parts(
        self, target: str, cause: str, cases: Sequence[str], portion: str, visibility: CauseVisibility
    ) -> Iterator[Attribution]:
        others = self._counterexamples(cause, portion, visibility)
        unlike = [case for case in self._unexplained(cases) if visibility.on(case, cause, portion)]
        rows = [visibility.features.features(case) for case in (*cases, *others)]
        search = Search(Table(rows), np.arange(len(cases), len(rows)))
        for part in search.parts(range(len(cases))):
            exact = search.exact(part.members) if part.others and not part.condition.wanted else None
            condition = exact or part.condition
            members = [cases[at] for at in part.members]
            against = [case for case in others if condition.holds(visibility.features.features(case))]
            otherwise = [case for case in unlike if condition.holds(visibility.features.features(case))]
            if len(against) + len(otherwise) >= len(members):  # at least as much evidence against the cause as for it
                continue
            yield Attribution(
                cause=cause,
                targets={target: GroupCounts(len(members), len(self.verdicts))},
                portion=portion,
                condition=condition,
                is_weak=exact is not None,
                cases=visibility.features.by_size(members),
                against=visibility.features.by_size(against),
            )

    def _unexplained(self, cases: Sequence[str]) -> Iterator[str]:
        """Yield the calls with a wrong output that are not in `cases` and that no cause explains completely."""
        members = {*cases}
        for case, verdict in self.verdicts.items():
            if case not in members and (_is_partial(verdict) or not _causes(verdict)):
                yield case

    def _counterexamples(self, cause: str, portion: str, visibility: CauseVisibility) -> list[str]:
        """Return agreeing calls whose output a cause would change in a portion; search at most LOOKED_AT calls."""
        step = -(-len(self.agreeing) // LOOKED_AT) or 1
        sample = (verdict for verdict in self.agreeing[::step] if visibility.is_informative(verdict))
        return [verdict.case for verdict in sample if visibility.on(verdict.case, cause, portion)]


def _causes(verdict: Verdict) -> frozenset[str]:
    assert verdict.diagnosis is not None
    return frozenset((*verdict.diagnosis.causes, *verdict.diagnosis.wider))


def _is_partial(verdict: Verdict) -> bool:
    return verdict.diagnosis is not None and verdict.diagnosis.confidence == "partial"
