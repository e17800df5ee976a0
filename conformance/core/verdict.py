"""The verdict on one case and one target: a value, counted and reported, never an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Every verdict, in the order in which tables show them.
VERDICTS = (
    "agree",
    "disagree",
    "known",
    "fixed",
    "unsupported",
    "not-run",
    "crash",
    "timeout",
    "suite-error",
)

#: Every kind of disagreement; of several, the first that holds.
KINDS = (
    "refused",
    "not-refused",
    "layout",
    "shape",
    "dtype",
    "nonfinite",
    "values",
    "precision",
    "nondeterministic",
    "inputs-changed",
)

#: Silent faults come first in every report: a wrong result without an error.
SEVERITIES = ("silent", "loud", "precision")

#: What may be asked of rounding, beside what a case asks: the class of each dtype's own; or the lower one that a target
#: documents; or whatever it is.
POLICIES = ("strict", "declared", "any")

#: What nobody expects, unless the ledger knows of it.
UNEXPECTED = ("disagree", "crash", "timeout")

#: What a run can fail on: the unexpected by severity, calls that cannot be said, and what the ledger says otherwise.
FAILURES = (*SEVERITIES, "unsupported", "fixed")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """
    How an observation departs from an expectation.

    `first_index` is the first differing element in row-major order, `expected` and `got` its values;
    `differing` counts such elements; `max_error_uS` is the largest error in units of u * S, S = sum abs(x * w).
    """

    kind: str
    message: str
    where: str = "output"
    first_index: tuple[int, ...] | None = None
    expected: Any = None
    got: Any = None
    differing: int | None = None
    max_error_uS: float | None = None  # noqa: N815 - the record's name, in the field's notation
    #: The row in which the first difference stands, near it: as expected, and as returned.
    expected_near: tuple[Any, ...] | None = None
    got_near: tuple[Any, ...] | None = None
    #: All that was returned, in memory order, where that is little.
    returned: tuple[Any, ...] | None = None
    #: Which of these differ, by their places.
    differing_at: tuple[int, ...] | None = None
    #: The alternative that all this is said of, where a clause leaves several.
    against: str | None = None

    @property
    def severity(self) -> str:
        """`silent`, `loud` or `precision`."""
        if self.kind == "refused":
            return "loud"
        return "precision" if self.kind == "precision" else "silent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """
    The causes that give what was returned, by their names in the glossary.

    `confidence` is `exact` (one cause gives all of it), `ambiguous` (each of several does), `partial` (each gives what
    is wrong, and acts in the `region` alone, such as `in W from 8`) or `unexplained`. `wider` are those that explain it
    too and say the same of more calls than one of the causes does.
    """

    causes: tuple[str, ...] = ()
    wider: tuple[str, ...] = ()
    confidence: str = "unexplained"
    region: str = ""

    def __str__(self) -> str:
        """The diagnosis in words."""
        if not self.causes:
            return "none known"
        names = " or ".join(self.causes)
        more = f", as does {' or '.join(self.wider)} of more calls" if self.wider else ""
        if self.confidence == "partial":
            return f"{names}, {self.region} alone{more}: the rest is right"
        return f"{names}: {'it gives' if len(self.causes) == 1 else 'each gives'} exactly this{more}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is said about one case on one target, as the record holds it."""

    case: str
    target: str
    verdict: str
    message: str = ""
    finding: Finding | None = None
    #: The alternative of an implementation-defined clause that was followed.
    alternative: str | None = None
    precision: str | None = None
    #: The largest error of a result whose numbers were drawn for rounding, in units of u * S.
    error_uS: float | None = None  # noqa: N815 - see Finding
    phase: str = ""
    call: str = ""
    output_sha256: str | None = None
    #: What explains a wrong output, where that was asked.
    diagnosis: Diagnosis | None = None
    #: The ledger's entry, where the verdict is `known` or `fixed`.
    known: str | None = None
    seconds: float = 0.0
    #: Where a fault of ours was raised; not in the record.
    traceback: str = ""

    @property
    def severity(self) -> str | None:
        """`silent`, `loud` or `precision`, None where nothing is wrong."""
        if self.finding is not None:
            return self.finding.severity
        return "loud" if self.verdict in ("crash", "timeout") else None


def counts_as_failure(verdict: Verdict, fail_on: Sequence[str] = SEVERITIES) -> bool:
    """Say whether a run that fails on some of `FAILURES` fails on a verdict."""
    word = verdict.severity if verdict.verdict in UNEXPECTED else verdict.verdict
    return word in fail_on
