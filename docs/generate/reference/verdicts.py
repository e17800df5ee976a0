"""The page of verdicts and exit codes, docs/reference/verdicts.md, from the tables of the code; pages.py writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from conv_conformance.commands import exit_codes
from conv_conformance.core.verdict import FAILURES, KINDS, POLICIES, SEVERITIES, UNEXPECTED, VERDICTS
from conv_conformance.diagnosis.causes import CAUSES
from conv_conformance.diagnosis.gradients import causes as backward

HEAD = """\
# Verdicts and exit codes

Each case gets one verdict for each target. Verdicts are counted and written to [the record](record.md); they are never
raised as exceptions. At its end a run checks that the number of verdicts equals the number of cases.
"""
VERDICT = {
    "agree": "The result is the expected one, or one of the alternatives that a clause allows.",
    "disagree": "The result is not an expected one. `kind` and `severity` describe the difference.",
    "known": "A disagreement, crash or time-out that matches an entry of [the ledger](ledger.md) exactly.",
    "fixed": "The result agrees, although a ledger entry expects it to fail.",
    "unsupported": "The API cannot express the call. That is a limit of scope, not a fault.",
    "not-run": "No verdict is possible: a refusal counts only if its twin, a similar valid call, is accepted.",
    "crash": "The process of the framework died.",
    "timeout": "The call took longer than `--timeout`, and its process was ended.",
    "suite-error": "The suite or the adapter has a fault. It never counts against the framework.",
}
KIND = {
    "refused": "A valid call raised an error.",
    "not-refused": "An invalid call was computed.",
    "layout": "The numbers are correct, but the axes are in another order.",
    "shape": "The shape is not the expected one.",
    "dtype": "The dtype is not the one that the call requests.",
    "nonfinite": "A NaN or infinity is where a finite number is expected, or the reverse.",
    "values": "The numbers are not the expected ones.",
    "precision": "The numbers have a lower [precision class](rounding.md#the-class) than required.",
    "nondeterministic": "Two runs of the same call returned different results.",
    "inputs-changed": "The call modified an array of the caller.",
}
SEVERITY = {
    "silent": "A wrong result without an error. Every report lists these first.",
    "loud": "A valid call raises an error, ends the process, or does not end.",
    "precision": "The result has fewer correct digits than required.",
}
FAILURE = {
    **dict.fromkeys(SEVERITIES, "Unexpected disagreements, crashes and time-outs of this severity (default)."),
    "unsupported": "Calls that the API cannot express (default with a profile).",
    "fixed": "Calls that agree although the ledger expects a fault (with `--strict-known`).",
}
POLICY = {
    "strict": "The full precision of each dtype.",
    "declared": "The precision class that a target documents for its mode, if that is lower (default).",
    "any": "Any precision class.",
}
CODE = {
    0: "Nothing unexpected.",
    1: "A finding that the command fails on: an unexpected disagreement, crash or time-out.",
    exit_codes.UNUSABLE: "Invalid usage, record or case file; one line states the place and the problem.",
    exit_codes.NOT_RUN: "A target could not run, or ran no case.",
    exit_codes.OUR_FAULT: "A fault of the suite or of an adapter.",
    exit_codes.INTERRUPTED: "Interrupted. The record holds all verdicts so far, for `--resume`.",
}


def page() -> str:
    """Return the page."""
    causes = len(CAUSES | backward.CAUSES)
    unexpected = ", ".join(f"`{word}`" for word in UNEXPECTED)
    return "\n".join(
        [
            HEAD,
            *_section("Verdicts", VERDICTS, VERDICT),
            f"A run fails on unexpected verdicts: {unexpected}.\n",
            *_section("Kinds", KINDS, KIND, "The kind of a disagreement is the first that applies:"),
            f"If any of {causes} [faults](faults.md) explain a wrong output, `cause` lists these faults.\n",
            *_section("Severities", SEVERITIES, SEVERITY),
            *_section("What a run fails on", FAILURES, FAILURE, "The values of `--fail-on`:"),
            *_section("Accepted precision classes", POLICIES, POLICY, "The values of `--precision`:"),
            *_section("Exit codes", CODE, CODE, "If several apply, the first of 4, 3 and 1 is returned:"),
        ]
    )


def _section(heading: str, words: Iterable[object], meanings: Mapping[object, str], said: str = "") -> Iterator[str]:
    yield f"## {heading}\n"
    if said:
        yield f"{said}\n"
    yield "| | |\n|---|---|"
    yield from (f"| `{word}` | {meanings[word]} |" for word in words)
    yield ""
