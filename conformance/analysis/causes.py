"""
Which causes explain what a run's targets get wrong, and under which conditions.

A cause is held against the calls on which it would show: one that flips a kernel changes nothing where a kernel is
symmetric, so that an agreement there says nothing about it. Against it speak those that agree, and those that are wrong
in a way that no cause gives.
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

#: So many causes are told of one target.
MOST = 3
#: Of so many causes that explain as much, the first ones, it is looked at which shows least where calls agree.
TIED = 3
#: So many agreeing calls are looked at, evenly chosen from all.
LOOKED_AT = 2000
#: So many of the calls that a cause explains are asked, evenly chosen, in which portion of the output it acts.
ASKED = 40
#: It must be this share of them that a portion says right.
SHARE = 0.75


def attributed(record: Record, corpus: Corpus) -> Record:
    """Return a record with what causes explain of its wrong outputs, unless it says so already."""
    if record.attributions or record.left_out or all(each.diagnosis is None for each in record.verdicts):
        return record
    found = attribute(record.verdicts, {case.id: case for case in corpus.cases})
    means = {name: fault.sentence for name, fault in corpus.faults.items()}
    return replace(record, attributions=[replace(each, means=means.get(each.cause, "")) for each in found])


def attribute(
    verdicts: Sequence[Verdict], cases: Mapping[str, Case], showing: CauseVisibility | None = None
) -> tuple[Attribution, ...]:
    """
    Return what the commonest causes explain of the wrong outputs of each target, those first that explain most.

    `showing` is what is known already of where causes show.
    """
    by_target: dict[str, Wrong] = {}
    for verdict in verdicts:
        by_target.setdefault(verdict.target, Wrong()).take(verdict)
    showing = showing or CauseVisibility(cases)
    found: dict[tuple[str, str, str], Attribution] = {}
    for target, wrong in by_target.items():
        for each in wrong.attributions(target, showing):
            key = (each.cause, each.portion, each.condition.text)
            found[key] = _together(found[key], each, showing) if key in found else each
    return tuple(sorted(found.values(), key=lambda each: -len(each.cases)))


def _together(one: Attribution, other: Attribution, showing: CauseVisibility) -> Attribution:
    return replace(
        one,
        targets={**one.targets, **other.targets},
        cases=showing.features.by_size(dict.fromkeys(one.cases + other.cases)),
        against=showing.features.by_size(dict.fromkeys(one.against + other.against)),
    )


def _is_of_output(verdict: Verdict) -> bool:
    """Say whether an output is wrong: on which calls a wrong gradient would show is not known."""
    return verdict.finding is None or verdict.finding.where == "output"


@dataclass(kw_only=True, eq=False)
class Wrong:
    """The wrong outputs of one target, and its calls that agree."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    agreeing: list[Verdict] = field(default_factory=list)

    def take(self, verdict: Verdict) -> None:
        """Take a verdict, if it is of a wrong output or an agreement."""
        if verdict.verdict in AGREEING:
            self.agreeing.append(verdict)
        elif verdict.verdict == "disagree" and verdict.diagnosis is not None and _is_of_output(verdict):
            self.verdicts[verdict.case] = verdict

    def attributions(self, target: str, showing: CauseVisibility) -> Iterator[Attribution]:
        """Yield what one cause after another explains of what is left."""
        left = {case: _causes(verdict) for case, verdict in self.verdicts.items()}
        for _ in range(MOST):
            counts = Counter(name for causes in left.values() for name in causes)
            if not counts or max(counts.values()) < MIN_CALLS:
                return
            most = [name for name, count in counts.items() if count == max(counts.values())][:TIED]
            # Of causes that explain as much, the one that shows on the fewest calls that agree.
            cause = min(most, key=lambda name: (len(self._showing(name, "", showing)) if len(most) > 1 else 0, name))
            cases = [case for case, causes in left.items() if cause in causes]
            portion = self._portion(cause, cases, showing)
            if portion:
                cases = [case for case in left if showing.fits(self.verdicts[case], cause, portion)]
            yield from self._parts(target, cause, cases, portion, showing)
            left = {case: causes for case, causes in left.items() if case not in cases and cause not in causes}

    def _portion(self, cause: str, cases: Sequence[str], showing: CauseVisibility) -> str:
        """
        Return the portion of the output in which a cause acts; an empty text for all of it, or none that is known.

        Calls on which it explains a part of the output must say so, and few others may speak against it.
        """
        partial = [case for case in cases if _is_partial(self.verdicts[case])]
        if len(partial) < MIN_CALLS:
            return ""
        asked = [self.verdicts[case] for case in cases[:: -(-len(cases) // ASKED)]]
        fitting = {name: sum(showing.fits(each, cause, name) for each in asked) for name in PORTIONS}
        most = max(fitting.values())
        if most < max(MIN_CALLS, SHARE * len(asked)):
            return ""
        best = [name for name, count in fitting.items() if count == most]
        return min(best, key=lambda name: len(self._showing(cause, name, showing)) if len(best) > 1 else 0)

    def _parts(
        self, target: str, cause: str, cases: Sequence[str], portion: str, showing: CauseVisibility
    ) -> Iterator[Attribution]:
        others = self._showing(cause, portion, showing)
        unlike = [case for case in self._unexplained(cases) if showing.on(case, cause, portion)]
        rows = [showing.features.features(case) for case in (*cases, *others)]
        search = Search(Table(rows), np.arange(len(cases), len(rows)))
        for part in search.parts(range(len(cases))):
            exact = search.exact(part.members) if part.others and not part.condition.wanted else None
            condition = exact or part.condition
            members = [cases[at] for at in part.members]
            against = [case for case in others if condition.holds(showing.features.features(case))]
            otherwise = [case for case in unlike if condition.holds(showing.features.features(case))]
            if len(against) + len(otherwise) >= len(members):  # more speaks against it than for it
                continue
            yield Attribution(
                cause=cause,
                targets={target: GroupCounts(len(members), len(self.verdicts))},
                portion=portion,
                condition=condition,
                is_weak=exact is not None,
                cases=showing.features.by_size(members),
                against=showing.features.by_size(against),
            )

    def _unexplained(self, cases: Sequence[str]) -> Iterator[str]:
        """Yield the calls, beside some, whose output is wrong in a way that no cause gives."""
        members = {*cases}
        for case, verdict in self.verdicts.items():
            if case not in members and (_is_partial(verdict) or not _causes(verdict)):
                yield case

    def _showing(self, cause: str, portion: str, showing: CauseVisibility) -> list[str]:
        """Return the calls that agree on which a cause would show."""
        step = -(-len(self.agreeing) // LOOKED_AT) or 1
        looked_at = (verdict for verdict in self.agreeing[::step] if showing.tells(verdict))
        return [verdict.case for verdict in looked_at if showing.on(verdict.case, cause, portion)]


def _causes(verdict: Verdict) -> frozenset[str]:
    assert verdict.diagnosis is not None
    return frozenset((*verdict.diagnosis.causes, *verdict.diagnosis.wider))


def _is_partial(verdict: Verdict) -> bool:
    return verdict.diagnosis is not None and verdict.diagnosis.confidence == "partial"
