"""
What a report says about one disagreement: lines of text, the same in every report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..call import ARRAYS, Array, Call
from ..case import Case
from ..ledger import Ledger
from ..verdict import SEVERITIES, UNEXPECTED, Verdict

#: An array with more elements than this is described, not written out.
WRITTEN_OUT = 24


@dataclass(frozen=True, kw_only=True)
class Block:
    """
    One disagreement, ready to be shown.
    """

    verdict: Verdict
    title: str
    clauses: Sequence[str]
    #: Operation and parameters in the case format's words.
    parameters: str
    #: Labelled lines: expected and got near the first difference, the arrays, the call.
    details: Sequence[tuple[str, str]]
    link: str = ""

    @property
    def label(self) -> str:
        """What is wrong in one or two words: the kind, with its place if that is not the output, else the verdict."""
        finding = self.verdict.finding
        if finding is None:
            return self.verdict.verdict
        return finding.kind if finding.where == "output" else f"{finding.where} {finding.kind}"


def unexpected(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """
    Return what nobody expected, silent faults first, then by case and target.
    """
    found = [verdict for verdict in verdicts if verdict.verdict in (*UNEXPECTED, "suite-error")]
    return sorted(found, key=lambda each: (_rank(each), each.case, each.target))


def _rank(verdict: Verdict) -> int:
    # A fault of ours stands before all: nothing else can be trusted until it is mended.
    return -1 if verdict.verdict == "suite-error" else SEVERITIES.index(verdict.severity or "loud")


def block(verdict: Verdict, case: Case | None, ledger: Ledger = Ledger()) -> Block:  # noqa: B008 - frozen
    """
    Return what to say about one verdict; without the case, what the record alone holds.
    """
    call = case.call if case is not None else None
    return Block(
        verdict=verdict,
        title=case.title if case is not None else "",
        clauses=case.clauses if case is not None else (),
        parameters=parameters(call) if call is not None else "",
        details=[*_numbers(verdict), *_reproduction(verdict, call)],
        link=_link(verdict, case, ledger),
    )


def _numbers(verdict: Verdict) -> list[tuple[str, str]]:
    finding = verdict.finding
    if finding is None or finding.expected_near is None or finding.got_near is None:
        return []
    expected, got = aligned(finding.expected_near, finding.got_near)
    return [("expected", expected), ("got", got)]


def aligned(expected: Sequence[Any], got: Sequence[Any]) -> tuple[str, str]:
    """
    Return two rows of numbers under each other.
    """
    texts = [(_short(one), _short(other)) for one, other in zip(expected, got, strict=True)]
    widths = [max(map(len, pair)) for pair in texts]
    rows = [" ".join(pair[side].rjust(width) for pair, width in zip(texts, widths, strict=True)) for side in (0, 1)]
    return rows[0], rows[1]


def _short(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def parameters(call: Call) -> str:
    """
    Return operation, shapes and the parameters that are not at their defaults, in the case format's words.
    """
    shapes = [
        f"{name} {'x'.join(map(str, call.array(name).shape))} {call.letters(name)}"
        for name in ARRAYS
        if getattr(call, name) is not None
    ]
    ones, zeros = (1,) * call.rank, (0,) * call.rank
    values: Mapping[str, Any] = {
        "strides": call.strides if call.strides != ones else None,
        "padding": call.padding,
        "padding_mode": call.padding_mode if call.padding_mode != "zeros" else None,
        "dilations": call.dilations if call.dilations != ones else None,
        "input_dilations": call.input_dilations if call.input_dilations != ones else None,
        "groups": call.groups if call.groups != 1 else None,
        "output_padding": call.output_padding if call.output_padding != zeros else None,
        "before pad": call.before,
    }
    said = [f"{name} {_plain(value)}" for name, value in values.items() if value is not None]
    return ", ".join([call.op, *shapes, *said, call.dtype.input])


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return str(value)


def _reproduction(verdict: Verdict, call: Call | None) -> list[tuple[str, str]]:
    if not verdict.call:
        return []
    arrays = [] if call is None else [(name, _array(call.array(name))) for name in ARRAYS if _is_small(call, name)]
    used = [(name, text) for name, text in arrays if name in verdict.call]
    return [*used, ("call", verdict.call)]


def _is_small(call: Call, name: str) -> bool:
    array: Array | None = getattr(call, name)
    return array is not None and array.size <= WRITTEN_OUT


def _array(array: Array) -> str:
    kind = f'"{array.dtype.name}"' if array.dtype.isbuiltin == 1 else f"ml_dtypes.{array.dtype.name}"
    if not array.size:
        return f"np.zeros({array.shape}, {kind})"
    numbers = re.sub(r"\b(nan|inf)\b", r"np.\1", str(array.tolist()))
    return f"np.array({numbers}, {kind})".replace(".0,", ".,").replace(".0]", ".]")


def _link(verdict: Verdict, case: Case | None, ledger: Ledger) -> str:
    for entry in ledger.entries:
        if entry.id == verdict.known:
            return f"{entry.link} ({entry.path}:{entry.line})"
    return ", ".join(f"docs/spec/index.md#{clause.lower()}" for clause in case.clauses) if case is not None else ""
