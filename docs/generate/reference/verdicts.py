"""The page of verdicts and exit codes, docs/reference/verdicts.md, from their tables in the code; pages.py writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from conv_conformance.commands import exit_codes
from conv_conformance.core.verdict import FAILURES, KINDS, POLICIES, SEVERITIES, UNEXPECTED, VERDICTS
from conv_conformance.diagnosis.causes import CAUSES
from conv_conformance.diagnosis.gradients import causes as backward

HEAD = """\
# Verdicts and exit codes

Each case and target get one verdict, which is counted, written into [the record](record.md) and never raised. A run
ends by holding the number of verdicts against the number of cases.
"""
VERDICT = {
    "agree": "What was returned is what the case expects, or one of the alternatives that a clause leaves.",
    "disagree": "It is not. `kind` and `severity` say how.",
    "known": "A disagreement, crash or time-out of which [the ledger](ledger.md) speaks, exactly so.",
    "fixed": "It agrees, and the ledger says that it would not.",
    "unsupported": "The API has no words for the call. That is scope, not a fault.",
    "not-run": "Nothing is said: a refusal counts only where its twin, one step away, is accepted.",
    "crash": "The process of the framework died.",
    "timeout": "The call took longer than `--timeout`; its process was ended.",
    "suite-error": "The suite or the adapter is at fault, which is never held against a framework.",
}
KIND = {
    "refused": "The call raised an error, and has a meaning.",
    "not-refused": "The call has no meaning, and was computed.",
    "layout": "Right numbers with axes in another order.",
    "shape": "Other sizes.",
    "dtype": "Another dtype than the call asks for.",
    "nonfinite": "A NaN or an infinity where there is none, or the other way round.",
    "values": "Other numbers.",
    "precision": "Numbers of a lower class of [rounding](rounding.md) than is asked for.",
    "nondeterministic": "The same call gave two results.",
    "inputs-changed": "An array of the caller was written to.",
}
SEVERITY = {
    "silent": "A wrong result without an error. These come first in every report.",
    "loud": "A call with a meaning is refused, ends the process, or does not end.",
    "precision": "Digits are lost.",
}
FAILURE = {
    **dict.fromkeys(SEVERITIES, "Unexpected disagreements, crashes and time-outs of this severity; by default."),
    "unsupported": "Calls that cannot be said; by default under a profile.",
    "fixed": "What the ledger says otherwise; by `--strict-known`.",
}
POLICY = {
    "strict": "The class of each dtype's own.",
    "declared": "The class that a target documents for its mode, where that is lower; by default.",
    "any": "Whatever it is.",
}
CODE = {
    0: "Nothing unexpected.",
    1: "Something that the command is asked to fail on: an unexpected disagreement, crash or time-out.",
    exit_codes.UNUSABLE: "Invalid usage, record or case file; one line says where and what.",
    exit_codes.NOT_RUN: "A target could not run, or made no case.",
    exit_codes.OUR_FAULT: "A fault of the suite or of an adapter.",
    exit_codes.INTERRUPTED: "Interrupted; what was judged is in the record, for `--resume`.",
}


def page() -> str:
    """Return the page."""
    causes = len(CAUSES | backward.CAUSES)
    unexpected = ", ".join(f"`{word}`" for word in UNEXPECTED)
    return "\n".join(
        [
            HEAD,
            *_section("Verdicts", VERDICTS, VERDICT),
            f"Unexpected, and what a run fails on: {unexpected}.\n",
            *_section("Kinds", KINDS, KIND, "Of a disagreement the first that holds:"),
            f"What explains a wrong output stands behind `cause`: some of {causes} [faults](faults.md), or none.\n",
            *_section("Severities", SEVERITIES, SEVERITY),
            *_section("What a run fails on", FAILURES, FAILURE, "The words of `--fail-on`:"),
            *_section("Classes of rounding that will do", POLICIES, POLICY, "The words of `--precision`:"),
            *_section("Exit codes", CODE, CODE, "Of several the highest of 4, 3 and 1:"),
        ]
    )


def _section(heading: str, words: Iterable[object], meanings: Mapping[object, str], said: str = "") -> Iterator[str]:
    yield f"## {heading}\n"
    if said:
        yield f"{said}\n"
    yield "| | |\n|---|---|"
    yield from (f"| `{word}` | {meanings[word]} |" for word in words)
    yield ""
