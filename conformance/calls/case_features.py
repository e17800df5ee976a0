"""Look up the features of cases by id, count the cases that meet a condition, and sort cases by size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from ..core import ARRAYS, Call, Case, Variation
from .condition import Condition
from .features import FeatureValue, features_of


class CaseFeatures:
    """The features and sizes of the calls of cases, looked up by case id. An unknown id has no features."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        self._cases = cases

    def features(self, case: str) -> Mapping[str, FeatureValue]:
        """Return the features of the call in the case whose id is `case`."""
        return features_of(self._cases[case]) if case in self._cases else {}

    def count(self, condition: Condition, ids: Iterable[str]) -> int:
        """Return the number of cases in `ids` whose call meets the condition."""
        return sum(condition.holds(self.features(case)) for case in ids)

    def all_fulfil(self, condition: Condition, ids: Sequence[str]) -> bool:
        """Return whether the call of every case in `ids` meets the condition."""
        return self.count(condition, ids) == len(ids)

    def by_size(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the ids sorted by the number of array elements, then by the number of non-default parameters."""
        return tuple(sorted(ids, key=self._size))

    def _size(self, case: str) -> tuple[float, int, str]:
        call = self._cases[case].outline if case in self._cases else None
        return (inf, 0, case) if call is None else (_elements(call), _non_default_parameters(call), case)


def _elements(call: Call) -> int:
    return sum(call.array(name).size for name in ARRAYS if getattr(call, name) is not None)


def _non_default_parameters(call: Call) -> int:
    """Return the number of parameters whose value is not the default."""
    ones = (*call.strides, *call.dilations, *call.input_dilations, call.groups)
    named = (call.padding != "valid", call.padding_mode != "zeros", call.variation != Variation())
    optional = (any(call.output_padding), call.before is not None, call.bias is not None)
    return sum(value != 1 for value in ones) + sum(named) + sum(optional)
