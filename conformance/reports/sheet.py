"""
What the HTML report shows, as plain data: targets, clauses by area, and of each case what every target made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from .. import export, specification
from ..call import ARRAYS, Array, Call
from ..case import Case
from ..corpus import Corpus
from ..expectation import AnyOf, Expectation, Output
from ..judge import KEPT
from ..ledger import Ledger
from ..record import Record, TargetInfo
from ..subject import Axis, Subject
from ..verdict import VERDICTS, Verdict
from .blocks import block, parameters, probed

#: Targets and cases are in lists; what a target made of a case is a letter, behind one another for all targets.
NOTHING = "-"
#: A disagreement has the letter of its severity, every other verdict one of its own.
LETTERS: Mapping[str, str] = {
    "silent": "s",
    "loud": "l",
    "precision": "p",
    "agree": "a",
    "known": "k",
    "fixed": "f",
    "unsupported": "u",
    "not-run": "n",
    "crash": "c",
    "timeout": "t",
    "suite-error": "e",
}


def sheet(record: Record, corpus: Corpus, ledger: Ledger) -> dict[str, Any]:
    """
    Return what the report shows of a record.

    `cases` are those that the record speaks of; `details` are by the position of a case, then by that of a target, for
    all that is no plain agreement; texts that stand there as numbers are entries of `texts`.
    """
    cases = {case.id: case for case in corpus.cases}
    names = {target.name: at for at, target in enumerate(record.targets)}
    by_case: dict[str, dict[int, Verdict]] = {}
    for verdict in record.verdicts:
        by_case.setdefault(verdict.case, {})[names[verdict.target]] = verdict
    texts = Texts()
    details = {
        at: {
            target: _detail(verdict, cases.get(name), record, ledger, texts)
            for target, verdict in found.items()
            if verdict.verdict != "agree" or verdict.message
        }
        for at, (name, found) in enumerate(by_case.items())
    }
    return {
        "suite": {**record.header["suite"], "date": record.header.get("date", "")},
        "platform": record.header["platform"],
        "targets": [_target(target, record) for target in record.targets],
        "areas": areas(corpus, {clause for name in by_case if name in cases for clause in cases[name].clauses}),
        "causes": [each.text for each in record.attributions],
        "notes": list(_notes(record)),
        "cases": [_case(name, cases.get(name), found, len(names)) for name, found in by_case.items()],
        "details": {at: each for at, each in details.items() if each},
        "texts": texts.all,
    }


def _notes(record: Record) -> Iterator[str]:
    if record.left_out:
        yield f"This record only counts what is {' or '.join(record.left_out)}: such cases are not drawn."
    if not record.is_complete:
        yield "The run did not come to its end."


class Texts:
    """
    Texts that stand in many places, each once.
    """

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """
        Return at which place a text is.
        """
        if text not in self._places:
            self._places[text] = len(self.all)
            self.all.append(text)
        return self._places[text]


def areas(corpus: Corpus, cited: Iterable[str]) -> list[dict[str, Any]]:
    """
    Return the areas of the specification with those of their clauses that are cited, in reading order.

    A clause of no area stands in one of its own name, up to its number.
    """
    wanted = {*cited}
    read = {each.clause: area.title for area in specification.areas(corpus) for each in area.commentaries}
    found: dict[str, list[dict[str, str]]] = {}
    for name, clause in corpus.clauses.items():
        if name in wanted:
            said = {"id": name, "sentence": clause.sentence, "level": clause.level}
            found.setdefault(read.get(name, name.rpartition("-")[0]), []).append(said)
    return [{"title": title, "clauses": clauses} for title, clauses in found.items()]


def _target(target: TargetInfo, record: Record) -> dict[str, Any]:
    counts = record.counts(target.name)
    return {
        "name": target.name,
        "version": f"{target.framework} {target.version}".strip(),
        "device": target.device,
        "failed": target.failed,
        "counts": {name: counts[name] for name in VERDICTS if counts[name]},
    }


def _case(name: str, case: Case | None, found: Mapping[int, Verdict], targets: int) -> dict[str, Any]:
    letters = "".join(letter(found[at]) if at in found else NOTHING for at in range(targets))
    if case is None:
        return {"id": name, "title": "", "clauses": [], "letters": letters}
    call = case.outline
    return {
        "id": name,
        "title": case.title,
        "clauses": list(case.clauses),
        "letters": letters,
        "op": call.op,
        "rank": call.rank,
        "dtype": call.dtype.input,
        "parameters": parameters(call),
        **({"sweep": case.sweep} if case.sweep else _picture(case)),
    }


def letter(verdict: Verdict) -> str:
    """
    Return the letter of a verdict.
    """
    return LETTERS[verdict.severity or "silent"] if verdict.verdict == "disagree" else LETTERS[verdict.verdict]


def _picture(case: Case) -> dict[str, Any]:
    arrays = drawn(case.call, case.expectation)
    is_whole = all("values" in each for each in arrays if each["name"] in ("input", "output"))
    return {"arrays": arrays, **({"reads": reads(case.call)} if is_whole else {})}


def reads(call: Call) -> dict[str, list[list[int]]]:
    """
    Return by the letter of each spatial axis which elements of the input each place of the output reads.

    Nothing where a step stands ahead, or something else than zeros is padded with.
    """
    if call.before is not None or call.padding_mode != "zeros":
        return {}
    axes = zip(call.spatial, Subject(call).axes, call.dilations, call.input_dilations, strict=False)
    return {letter: [_reads(call.op, axis, steps, at) for at in range(axis.out)] for letter, axis, *steps in axes}


def _reads(op: str, axis: Axis, steps: Sequence[int], at: int) -> list[int]:
    dilation, spread = steps
    if op == "conv_transpose":
        stamps = (at + axis.low - tap * dilation for tap in range(axis.taps))
        found = {stamp // axis.stride for stamp in stamps if stamp % axis.stride == 0}
    else:
        places = (at * axis.stride + tap * dilation - axis.low for tap in range(axis.taps))
        found = {place // spread for place in places if place % spread == 0}
    return sorted(each for each in found if 0 <= each < axis.length)


def drawn(call: Call, expected: Expectation) -> list[dict[str, Any]]:
    """
    Return the arrays of a call and the output that is expected, each with its name, axes and shape.

    Those as small as an output that a record keeps whole have `values`, the last axis the fastest, with blanks between.
    """
    given = {name: (call.array(name), call.letters(name)) for name in ARRAYS if getattr(call, name) is not None}
    outputs = [each for each in _alternatives(expected) if isinstance(each, Output)]
    if outputs:
        given["output"] = (outputs[0].array, call.letters("output"))
    return [_drawn(name, array, letters) for name, (array, letters) in given.items()]


def _alternatives(expected: Expectation) -> Sequence[Expectation]:
    return tuple(expected.alternatives.values()) if isinstance(expected, AnyOf) else (expected,)


def _drawn(name: str, array: Array, letters: str) -> dict[str, Any]:
    said: dict[str, Any] = {"name": name, "axes": letters, "shape": list(array.shape)}
    if 0 < array.size <= KEPT:
        flat = array.ravel()
        dtype = "complex128" if flat.dtype.kind == "c" else flat.dtype.name
        said["values"] = " ".join(_text(each) for each in export.array(np.asarray(flat), dtype)["values"])
    return said


def _text(value: Any) -> str:
    """Return a number as the page shows it: a complex one is a pair in an expectation, and a text in a record."""
    if isinstance(value, str) and value.endswith(("j", "j)")):
        with suppress(ValueError):
            number = complex(value)
            value = [number.real, number.imag]
    if isinstance(value, list):
        real, imaginary = map(_text, value)
        return f"{real}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    # A record knows no negative zero.
    return f"{value + 0.0:.9g}" if isinstance(value, float) else str(value)


def _detail(verdict: Verdict, case: Case | None, record: Record, ledger: Ledger, texts: Texts) -> dict[str, Any]:
    finding = verdict.finding
    said: dict[str, Any] = {"message": texts.place(verdict.message)}
    if verdict.known:
        said["known"] = texts.place(verdict.known)
    if verdict.alternative:
        said["alternative"] = texts.place(verdict.alternative)
    if finding is None:
        return said
    shown = block(verdict, case, ledger)
    lines = [*shown.details, *(("probes", line) for line in probed(verdict, record))]
    said["lines"] = [[name, text] for name, text in lines]
    said["label"] = shown.label
    if finding.first_index is not None and finding.where == "output":
        said["first"] = list(finding.first_index)
        said["got"] = [_text(each) for each in finding.returned or finding.got_near or ()]
        said["is_whole"] = finding.returned is not None
    if verdict.diagnosis is not None:
        said["causes"] = list(verdict.diagnosis.causes)
    return said
