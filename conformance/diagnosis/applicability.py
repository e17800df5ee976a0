"""On which calls a cause would show, everywhere or in a portion of the output, and whether that is what a target returned."""

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

#: Of two numbers as near as this, in units of their dtype, one can be the other, rounded otherwise.
UNITS = 4
#: Of the elements that a cause makes wrong at least this share must differ, for a judge lets pass what is near enough.
NEARLY = 0.95


class CauseVisibility:
    """On which calls a cause would show: worked out once for all targets."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        self.features = CaseFeatures(cases)
        self._cases = cases
        self._known: dict[tuple[str, str], bool] = {}
        #: Of one cause at a time, for they hold outputs.
        self._effects: dict[str, Sequence[Effect]] = {}
        self._cause = ""
        self._plain: dict[str, frozenset[str]] = {}

    def on(self, case: str, cause: str, portion: str = "") -> bool:
        """Say whether a cause changes what a call gives, in a portion of its output, in whichever of its ways it acts."""
        if portion:
            ways = self._ways(case, cause)
            return bool(ways) and all(bool((each.wrong & _marked(each, portion)).any()) for each in ways)
        if (case, cause) not in self._known:
            self._known[case, cause] = self._found(case, cause)
        return self._known[case, cause]

    def fits(self, verdict: Verdict, cause: str, portion: str) -> bool:
        """
        Say whether a cause that acts in a portion of the output alone gives what a verdict says of an output.

        That is how many elements differ, the first of them, and the numbers near it.
        """
        finding = verdict.finding
        if finding is None or not self.tells(verdict):
            return False
        for each in self._ways(verdict.case, cause):
            got, right, wrong = each.within(_marked(each, portion))
            if finding.kind == "nonfinite":
                wrong = wrong & (special_kind(widened(got)) != special_kind(widened(right)))
            if _is_said(finding, got, wrong):
                return True
        return False

    def _found(self, case: str, cause: str) -> bool:
        from .search import is_visible

        return case in self._cases and is_visible(self._cases[case].build_call(), cause)

    def _ways(self, case: str, cause: str) -> Sequence[Effect]:
        from .search import effects

        if cause != self._cause:
            self._effects.clear()
            self._cause = cause
        if case not in self._effects:
            self._effects[case] = effects(self._cases[case].build_call(), cause) if case in self._cases else ()
        return self._effects[case]

    def tells(self, verdict: Verdict) -> bool:
        """
        Say whether a verdict is on what the definition computes: who refuses, or has the shape, says nothing of it.

        Where a clause leaves a choice, that is a verdict by the alternative that computes so.
        """
        if verdict.case not in self._plain:
            case = self._cases.get(verdict.case)
            self._plain[verdict.case] = frozenset(plain(case) if case is not None else ())
        held = verdict.finding.against if verdict.finding is not None else verdict.alternative
        return (held or "") in self._plain[verdict.case]


def plain(case: Case) -> Iterator[str]:
    """Yield by which alternatives a case expects what the definition computes; an empty text where none is named."""
    expected = case.build_expectation()
    ways = expected.alternatives if isinstance(expected, AnyOf) else {"": expected}
    outputs = {name: each.array for name, each in ways.items() if isinstance(each, Output)}
    right = evaluate(case.build_call()) if len(outputs) > 1 else None
    yield from (name for name, array in outputs.items() if right is None or array.tobytes() == right.tobytes())


def _is_said(finding: Finding, got: Array, wrong: Array) -> bool:
    """Say whether a finding tells of an output that is wrong in these places."""
    count = np.count_nonzero(wrong)
    if not count or finding.first_index is None or finding.differing is None or finding.got_near is None:
        return False
    first = int(np.flatnonzero(wrong)[0])
    near = got.reshape(-1)[max(first - 2, 0) :][: len(finding.got_near)]
    is_first = first == int(np.ravel_multi_index(finding.first_index, wrong.shape))
    is_as_much = NEARLY * count <= finding.differing <= count
    return is_first and bool(is_as_much) and _are_near(near, finding.got_near)


def _marked(effect: Effect, portion: str) -> Array:
    return PORTIONS[portion](effect.right.shape)


def _are_near(numbers: Array, said: Sequence[Any]) -> bool:
    """Say whether numbers are those that a record holds: as numbers, or as text where JSON has none."""
    unit = FORMATS[numbers.dtype.name].unit if numbers.dtype.name in FORMATS else 2.0**-53
    exact = numbers.astype(np.complex128)
    return bool(np.allclose(exact, [complex(each) for each in said], rtol=UNITS * unit, atol=0, equal_nan=True))
