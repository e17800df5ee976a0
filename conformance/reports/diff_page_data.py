"""The data of the page that compares two records: a sheet (see `page_data`) of changes instead of verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..analysis import CHANGES, Change, Comparison
from ..core import Case, Verdict
from ..corpus import Corpus
from ..records import Ledger
from . import diff
from .page_data import NOTHING, Once, Said, Word, about, laid_out, shown, version, word

#: The word of each kind of change, the worst first.
WORDS: Mapping[str, Word] = {
    each.text: each
    for each in (
        Word("r", "✗", "regressed", "bad"),
        Word("w", "≠", "wrong-otherwise", "bad"),
        Word("q", "!", "refuses", "bad"),
        Word("u", "–", "unsupported", "bad"),
        Word("t", "t", "slower", "known"),
        Word("p", "≈", "precision", "known"),
        Word("a", "a", "alternative", "known"),
        Word("m", "~", "moved", "known"),
        Word("f", "f", "fixed", "known"),
        Word("s", "+", "supported", "known"),
        Word("b", "‹", "only-before", "faint"),
        Word("n", "›", "only-after", "faint"),
    )
}
#: The word of a call on which both records agree.
SAME = Word("=", "=", "the same", "good")


def sheet(found: Comparison, corpus: Corpus, ledger: Ledger, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the sheet of a comparison, with `notes` at the top; each column is a pair of targets (before, after)."""
    return {
        "title": "Convolution conformance: what changed",
        "about": [*_sides(found), *diff.about(found)],
        "notes": list(notes),
        "why": [
            {
                "text": f"{diff.sentence(group)}. Means: {CHANGES[group.verdict]}. When: {group.acts}.",
                "case": group.smallest,
            }
            for group in found.groups
        ],
        "counted": [*CHANGES, SAME.text],
        "targets": [_pair(found, at) for at in range(len(found.pairs))],
        "choices": [],
        "rounding": None,
        **laid_out(_said(found, corpus, ledger), corpus),
    }


def _sides(found: Comparison) -> Iterator[str]:
    for side, record in (("before", found.before), ("after", found.after)):
        yield from (f"{side}: {line}" for line in about(record))


def _pair(found: Comparison, at: int) -> dict[str, Any]:
    pair = found.pairs[at]
    was, now = version(pair.before), version(pair.after)
    counts = found.counts(pair.name)
    changed = {change.case for change in found.changes if change.target == pair.name}
    counts[SAME.text] = sum(name not in changed for name in found.both[pair.name])
    both = was if was == now else f"{was}, now {now}"
    return {"name": pair.name, "version": both, "failed": None, "printed": (), "counts": +counts}


def _said(found: Comparison, corpus: Corpus, ledger: Ledger) -> Said:
    cases = {case.id: case for case in corpus.cases}
    names = {pair.name: at for at, pair in enumerate(found.pairs)}
    judged = [name for pair in found.pairs for name in found.both[pair.name]]
    letters = {name: [NOTHING.letter] * len(names) for name in [*judged, *(change.case for change in found.changes)]}
    for pair, at in names.items():
        for name in found.both[pair]:
            letters[name][at] = SAME.letter
    details, texts = {}, Once()
    # A call with several changes gets the word of its first change, which this loop writes last.
    for change in reversed(found.changes):
        at = names[change.target]
        letters[change.case][at] = WORDS[change.change].letter
        details[change.case, at] = _detail(change, found, cases.get(change.case), ledger, texts)
    joined = {name: "".join(each) for name, each in letters.items()}
    return Said(words=(*WORDS.values(), SAME), letters=joined, details=details, texts=texts)


def _detail(change: Change, found: Comparison, case: Case | None, ledger: Ledger, texts: Once) -> dict[str, Any]:
    sides = {"before": (change.before, found.before), "after": (change.after, found.after)}
    details = {
        side: shown(verdict, case, ledger, record) for side, (verdict, record) in sides.items() if verdict is not None
    }
    lines = [[f"{side} {name}", text] for side, each in details.items() for name, text in each.get("lines", ())]
    causes = [cause for each in details.values() for cause in each.get("causes", ())]
    return {
        "why": [texts.place(text) for side, (verdict, _) in sides.items() for text in _why(side, verdict)],
        "lines": lines,
        "returned": [{**each, "when": side} for side, detail in details.items() for each in detail.get("returned", ())],
        **({"causes": causes} if causes else {}),
    }


def _why(side: str, verdict: Verdict | None) -> Iterator[str]:
    """Yield a line about the verdict on one side (before or after): alternative, precision and message."""
    if verdict is None:
        yield f"{side}: not judged"
        return
    more = [each for each in (verdict.alternative, verdict.precision, verdict.message) if each]
    yield f"{side}: {': '.join([word(verdict).text, *more])}"
