"""The verdict on one case and one target: a value that is counted and reported, never an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: All verdicts, in the order in which tables show them.
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

#: The verdicts on calls that ended their worker.
DEATHS = ("crash", "timeout")

#: All kinds of disagreement. If several kinds apply, the first of them in this order is reported.
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

#: The severities, in the order of reports; a `silent` fault is a wrong result without an error.
SEVERITIES = ("silent", "loud", "precision")

#: The precision policies of a run. `any` accepts every precision class. The others require the class that the case
#: names. If the case names none, `strict` requires the class of the dtype's accumulator, and `declared` requires the
#: class that the target documents.
POLICIES = ("strict", "declared", "any")

#: The verdicts that count as unexpected; if the ledger lists the fault, the verdict is `known` instead.
UNEXPECTED = ("disagree", "crash", "timeout")

#: The reasons for which a run can fail: unexpected verdicts of each severity, unsupported calls, and known faults that
#: are fixed.
FAILURES = (*SEVERITIES, "unsupported", "fixed")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """
    A difference between an observation and an expectation.

    `first_index` is the index of the first differing element in row-major order. `expected` and `got` are the expected
    and the returned value of this element.
    `differing` is the number of differing elements.
    `max_error_uS` is the largest error in units of u * S, with S = sum abs(x * w).
    """

    kind: str
    message: str
    where: str = "output"
    first_index: tuple[int, ...] | None = None
    expected: Any = None
    got: Any = None
    differing: int | None = None
    max_error_uS: float | None = None  # noqa: N815 - the key in the record, in mathematical notation
    #: Up to eight expected elements around the first difference, in row-major order; `got_near` has the returned
    #: elements there.
    expected_near: tuple[Any, ...] | None = None
    got_near: tuple[Any, ...] | None = None
    #: All returned elements in row-major order, if the output is small.
    returned: tuple[Any, ...] | None = None
    #: The positions of the differing elements in `returned`.
    differing_at: tuple[int, ...] | None = None
    #: The alternative with which the output was compared, if a clause allows several.
    against: str | None = None
    #: The clauses that were judged, if they are not those that the case cites.
    clauses: tuple[str, ...] | None = None

    @property
    def severity(self) -> str:
        """The severity of the finding: `silent`, `loud` or `precision`."""
        if self.kind == "refused":
            return "loud"
        return "precision" if self.kind == "precision" else "silent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """
    The causes that reproduce a wrong output, by name.

    `confidence` is `exact` if one cause reproduces the whole output, and `ambiguous` if each of several causes does. It
    is `partial` if each cause reproduces the output inside `region`, such as `in W from 8`, and the output outside the
    region is correct. Otherwise it is `unexplained`. `wider` names further causes that explain the output; each has the
    effect of one of `causes`, but on more calls.
    """

    causes: tuple[str, ...] = ()
    wider: tuple[str, ...] = ()
    confidence: str = "unexplained"
    region: str = ""

    def __str__(self) -> str:
        """The diagnosis as text."""
        if not self.causes:
            return "none known"
        names = " or ".join(self.causes)
        more = f", as does {' or '.join(self.wider)} of more calls" if self.wider else ""
        if self.confidence == "partial":
            return f"{names}, {self.region} alone{more}: the rest is right"
        return f"{names}: {'it gives' if len(self.causes) == 1 else 'each gives'} exactly this{more}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The verdict on one case and one target, as the record stores it."""

    case: str
    target: str
    verdict: str
    message: str = ""
    finding: Finding | None = None
    #: The alternative of an implementation-defined clause that the target follows.
    alternative: str | None = None
    precision: str | None = None
    #: The largest error of the output in units of u * S, if the case draws its numbers to measure rounding.
    error_uS: float | None = None  # noqa: N815 - see Finding
    phase: str = ""
    call: str = ""
    output_sha256: str | None = None
    #: The causes of a wrong output, if a diagnosis was requested.
    diagnosis: Diagnosis | None = None
    #: The id of the entry in the ledger, if the verdict is `known` or `fixed`.
    known: str | None = None
    seconds: float = 0.0
    #: The traceback of an exception in the suite itself; the record does not contain the traceback.
    traceback: str = ""

    @property
    def severity(self) -> str | None:
        """The severity of the verdict: `silent`, `loud` or `precision`; None if nothing is wrong."""
        if self.finding is not None:
            return self.finding.severity
        return "loud" if self.verdict in DEATHS else None


def counts_as_failure(verdict: Verdict, fail_on: Sequence[str] = SEVERITIES) -> bool:
    """Return whether a verdict makes a run fail; `fail_on` lists the members of `FAILURES` that do."""
    failure = verdict.severity if verdict.verdict in UNEXPECTED else verdict.verdict
    return failure in fail_on
