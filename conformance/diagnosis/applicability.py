"""Visibility of causes: whether a cause changes the output of a call, and whether a verdict matches the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..calls import PORTIONS, CaseFeatures
from ..core import FORMATS, AnyOf, Array, Case, Finding, Output, Verdict
from ..judging import special_kind, widened
from ..reference import evaluate

if TYPE_CHECKING:
    from .search import Effect

#: Two numbers count as equal if they differ by at most this many unit roundoffs of their dtype, relative to their size.
UNITS = 4
#: A finding must report at least this share of the elements that a cause changes. It may report fewer elements than the
#: cause changes, because the judge tolerates small errors.
NEARLY = 0.95


class CauseVisibility:
    """Determines the cases on which a cause is visible. The results are the same for all targets and are cached."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        self.features = CaseFeatures(cases)
        self._cases = cases
        self._known: dict[tuple[str, str], bool] = {}
        #: The effects of the cause `_cause`, by case. Effects hold whole outputs, so those of earlier causes are
        #: dropped.
        self._effects: dict[str, Sequence[Effect]] = {}
        self._cause = ""
        self._plain: dict[str, frozenset[str]] = {}

    def on(self, case: str, cause: str, portion: str = "") -> bool:
        """
        Return whether every variant of a cause changes the output of a case.

        If `portion` is not empty, every variant must change this portion of the output.
        """
        if portion:
            effects = self._effects_of(case, cause)
            return bool(effects) and all((effect.wrong & _mask(effect, portion)).any() for effect in effects)
        if (case, cause) not in self._known:
            self._known[case, cause] = self._is_visible(case, cause)
        return self._known[case, cause]

    def fits(self, verdict: Verdict, cause: str, portion: str) -> bool:
        """
        Return whether a verdict matches the output that results if a cause applies only in a portion.

        Three things must match: the number of differing elements, the index of the first differing element, and the
        numbers near that element.
        """
        finding = verdict.finding
        if finding is None or not self.is_informative(verdict):
            return False
        for effect in self._effects_of(verdict.case, cause):
            got, right, wrong = effect.within(_mask(effect, portion))
            if finding.kind == "nonfinite":
                wrong = wrong & (special_kind(widened(got)) != special_kind(widened(right)))
            if _matches(finding, got, wrong):
                return True
        return False

    def _is_visible(self, case: str, cause: str) -> bool:
        from .search import is_visible

        return case in self._cases and is_visible(self._cases[case].build_call(), cause)

    def _effects_of(self, case: str, cause: str) -> Sequence[Effect]:
        from .search import effects

        if cause != self._cause:
            self._effects.clear()
            self._cause = cause
        if case not in self._effects:
            self._effects[case] = effects(self._cases[case].build_call(), cause) if case in self._cases else ()
        return self._effects[case]

    def is_informative(self, verdict: Verdict) -> bool:
        """
        Return whether a verdict judges an output against the definition.

        If a clause allows alternatives, the verdict must refer to an alternative whose output the definition computes.
        A refusal, or an alternative that specifies only a shape, is no evidence about a cause.
        """
        if verdict.case not in self._plain:
            case = self._cases.get(verdict.case)
            self._plain[verdict.case] = frozenset(plain(case) if case is not None else ())
        held = verdict.finding.against if verdict.finding is not None else verdict.alternative
        return (held or "") in self._plain[verdict.case]


def plain(case: Case) -> Iterator[str]:
    """Yield the names of the alternatives whose output the definition computes; "" if a case has no alternatives."""
    expected = case.build_expectation()
    alternatives = expected.alternatives if isinstance(expected, AnyOf) else {"": expected}
    outputs = {name: each.array for name, each in alternatives.items() if isinstance(each, Output)}
    right = evaluate(case.build_call()) if len(outputs) > 1 else None
    yield from (name for name, array in outputs.items() if right is None or array.tobytes() == right.tobytes())


def _matches(finding: Finding, got: Array, wrong: Array) -> bool:
    """Return whether a finding matches an output `got` with the mask `wrong` of wrong elements."""
    count = np.count_nonzero(wrong)
    if not count or finding.first_index is None or finding.differing is None or finding.got_near is None:
        return False
    first = int(np.flatnonzero(wrong)[0])
    near = got.reshape(-1)[max(first - 2, 0) :][: len(finding.got_near)]
    is_first = first == int(np.ravel_multi_index(finding.first_index, wrong.shape))
    is_as_much = NEARLY * count <= finding.differing <= count
    return is_first and bool(is_as_much) and _are_near(near, finding.got_near)


def _mask(effect: Effect, portion: str) -> Array:
    return PORTIONS[portion](effect.right.shape)


def _are_near(numbers: Array, recorded: Sequence[Any]) -> bool:
    """Return whether numbers equal recorded numbers up to UNITS roundoffs. Records hold NaN and infinities as text."""
    unit = FORMATS[numbers.dtype.name].unit if numbers.dtype.name in FORMATS else 2.0**-53
    exact = numbers.astype(np.complex128)
    return bool(np.allclose(exact, [complex(number) for number in recorded], rtol=UNITS * unit, atol=0, equal_nan=True))
