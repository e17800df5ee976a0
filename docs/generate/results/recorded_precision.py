"""The data of a run on the precision of each target: by dtype, the alternatives followed and the bits of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from conv_conformance.core.case import Case
from conv_conformance.core.dtypes import FORMATS
from conv_conformance.core.verdict import Verdict
from conv_conformance.corpus import Corpus
from conv_conformance.records.alternatives import followed
from conv_conformance.records.record import Record, TargetInfo

from . import sum_orders

#: The clauses whose alternatives describe precision.
CLAUSES = ("NUM-1", "NUM-2", "NUM-3", "NUM-4", "SUBNORMAL-1")
#: The cases whose result holds a small term only if the accumulator has 21 bits.
SUMS = "numerics.sums-of-20-bits"
#: The number of digits kept of a digest: enough to distinguish the results of one case.
DIGITS = 8
#: The marks of a case without a result, and of a case that was not run.
NONE, UNASKED = "-", "."


def run(records: Sequence[Record], loaded: Corpus, under: str) -> dict[str, Any]:
    """Return the data of one run from its records; `under` is its commands' prefix, such as `OMP_NUM_THREADS=1`."""
    asked = {verdict.case for record in records for verdict in record.verdicts}
    cases = {case.id: case for case in loaded.cases if case.id in asked}
    by_dtype = _by_dtype(cases.values())
    seen = _Seen(loaded, cases, by_dtype)
    infos = {info.name: info for record in records for info in record.targets}
    said: dict[str, list[Verdict]] = {name: [] for name in infos}
    for verdict in (verdict for record in records for verdict in record.verdicts):
        said[verdict.target].append(verdict)
    return {
        "under": under,
        "suite": records[0].header["suite"],
        "platform": records[0].header["platform"],
        "commands": [_command(record) for record in records],
        "cases": {dtype: [case.id for case in some] for dtype, some in by_dtype.items()},
        "targets": {name: seen.target(infos[name], verdicts) for name, verdicts in said.items()},
    }


def _command(record: Record) -> dict[str, Any]:
    """Return the date, selection and targets of a record."""
    selection = record.header["selection"]
    return {
        "date": record.header["date"],
        **{name: selection[name] for name in ("what", "sweeps", "dtypes")},
        "targets": [info.name for info in record.targets],
    }


def _by_dtype(cases: Iterable[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        if (outline := case.outline) is not None:
            found.setdefault(str(outline.dtype.input), []).append(case)
    return found


class _Seen:
    """The cases of a run by dtype, and values that are computed once for all targets."""

    def __init__(self, loaded: Corpus, cases: Mapping[str, Case], by_dtype: Mapping[str, Sequence[Case]]) -> None:
        self._clauses = loaded.clauses
        self._cases = cases
        self._by_dtype = by_dtype
        self._orders = cache(self._ordered)

    def target(self, info: TargetInfo, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        """Return the settings of a target and, by dtype, its observed precision."""
        said = {verdict.case: verdict for verdict in verdicts}
        asked = {dtype: [case.id for case in some if case.id in said] for dtype, some in self._by_dtype.items()}
        return {
            "framework": info.framework,
            "version": info.version,
            "settings": dict(info.settings),
            "failed": info.failed,
            "dtypes": {
                dtype: self._of(info, dtype, [said[case] for case in ids])
                | {"bits": " ".join(_bits(said.get(case.id)) for case in self._by_dtype[dtype])}
                for dtype, ids in asked.items()
                if ids and not info.failed
            },
        }

    def _of(self, info: TargetInfo, dtype: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        result = info.result_dtypes.get(dtype, dtype)
        made = [verdict for verdict in verdicts if verdict.output_sha256 is not None]
        sums = [_is_kept(verdict) for verdict in made if SUMS in verdict.case]
        ordered = (self._order(verdict, result) for verdict in made if verdict.case.startswith(sum_orders.CASE))
        return {
            "followed": self._followed(made, _telling(dtype, result)),
            "sums": {"kept": sums.count(True), "lost": sums.count(False)},
            "order": next(ordered, ""),
            "unsteady": sum(_kind(verdict) == "nondeterministic" for verdict in made),
        }

    def _followed(self, made: Sequence[Verdict], clauses: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return, by clause, the count of each alternative, and of `none` for results that follow none of them."""
        found = {clause: dict[str, int]() for clause in clauses}
        for of_target in followed(made, self._cases, self._clauses).values():
            for clause in found.keys() & of_target.keys():
                found[clause] |= of_target[clause]
        for verdict in made:
            for clause in found.keys() & set(self._cases[verdict.case].clauses):
                if not _is_kept(verdict):
                    found[clause]["none"] = found[clause].get("none", 0) + 1
        return {clause: names for clause, names in found.items() if names}

    def _order(self, verdict: Verdict, dtype: str) -> str:
        known = self._orders(verdict.case, dtype)
        return known.get(verdict.output_sha256 or "", "another order" if known else "")

    def _ordered(self, case: str, dtype: str) -> sum_orders.Orders:
        return sum_orders.orders(self._cases[case].call, dtype)


def _telling(dtype: str, result: str) -> Sequence[str]:
    """
    Return the clauses that describe the precision in `dtype` if results have the dtype `result`, as under autocast.

    A copy or a tie in a narrower result does not show the precision before that rounding. A product does, if the
    product of two operands of the result's precision is exact in `dtype`, to which the expectation is rounded first.
    """
    if dtype == result:
        return CLAUSES
    is_exact = 2 * FORMATS[result].bits <= FORMATS[dtype].bits
    return ["NUM-2", "NUM-3", "SUBNORMAL-1"] if is_exact else ["NUM-3", "SUBNORMAL-1"]


def _is_kept(verdict: Verdict) -> bool:
    """Return whether the numbers are the expected ones, which is also possible for a nondeterministic call."""
    return _kind(verdict) in ("", "nondeterministic", "inputs-changed")


def _kind(verdict: Verdict) -> str:
    return verdict.finding.kind if verdict.finding is not None else ""


def _bits(verdict: Verdict | None) -> str:
    if verdict is None:
        return UNASKED
    return verdict.output_sha256[:DIGITS] if verdict.output_sha256 else NONE
