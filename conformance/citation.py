"""
How the suite, a clause or a case is cited: as BibTeX and as plain text, always the same of one version.

What is said is what `CITATION.cff` says; the entry is of type `misc`, which every style of BibTeX knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import __version__, lock
from .case import Case
from .clauses import Clause
from .corpus import Corpus

AUTHORS = "The conv-conformance contributors"
TITLE = "conv-conformance, a conformance suite for convolution layers"
#: The day on which this version was released, as YYYY-MM-DD; empty until it is.
RELEASED = ""
#: What BibTeX would take for a command, and how it is written instead.
_SPECIAL = {"\\": r"\textbackslash{}", **{each: rf"\{each}" for each in "&%$#_{}"}, "~": r"\~{}", "^": r"\^{}"}


@dataclass(frozen=True, kw_only=True)
class Citation:
    """
    What is cited: the suite, or a part of it, with what it says and its place in the documentation.

    `anchor` is a path and an anchor in the sources of this version; `digest` tells whether what is cited is the same
    elsewhere.
    """

    part: str = ""
    says: str = ""
    anchor: str = "docs/spec/index.md"
    digest: str

    @property
    def key(self) -> str:
        """The name of the BibTeX entry."""
        part = "".join(each if each.isalnum() else "-" for each in self.part.rpartition(" ")[2].lower())
        return "-".join(filter(None, ("conv-conformance", __version__, part.strip("-"))))

    @property
    def title(self) -> str:
        """What is cited, and what it is a part of."""
        return f"{self.part} of {TITLE}" if self.part else TITLE

    @property
    def text(self) -> str:
        """The citation in plain words."""
        part = f"{self.part}: “{self.says}” " if self.part else ""
        return f"{AUTHORS}. {part}{TITLE}. {_version()}. {self.anchor} ({self.digest})."

    @property
    def bibtex(self) -> str:
        """The citation as an entry of BibTeX."""
        fields = {
            "author": f"{{{_escaped(AUTHORS)}}}",
            "title": f"{{{_escaped(self.title)}}}",
            **({"year": RELEASED[:4], "month": str(int(RELEASED[5:7]))} if RELEASED else {}),
            "howpublished": _version(),
            "note": _escaped(f"{self.anchor}, {self.digest}"),
        }
        lines = (f"  {name} = {{{value}}}," for name, value in fields.items())
        return "\n".join([f"@misc{{{self.key},", *lines, "}"])


def of_suite(corpus: Corpus) -> Citation:
    """
    Return how the whole suite is cited, with the digest of the corpus, which every record holds.
    """
    return Citation(digest=f"corpus {corpus.digest}")


def of_clause(clause: Clause, corpus: Corpus) -> Citation:
    """
    Return how a clause is cited, with its sentence.
    """
    anchor = f"docs/spec/index.md#{clause.id.lower()}"
    return Citation(part=f"Clause {clause.id}", says=clause.sentence, anchor=anchor, digest=f"corpus {corpus.digest}")


def of_case(case: Case) -> Citation:
    """
    Return how a case is cited, with its title and the digest of what it says: call, expectation and clauses.

    A literal case has a page; a point of a sweep has the file of the sweep.
    """
    page = f"cases/{case.path}" if case.sweep else f"docs/cases/{case.path.removesuffix('.yaml')}.md#{case.id}"
    return Citation(part=f"Case {case.id}", says=case.title, anchor=page, digest=f"case {lock.digest(case)}")


def _version() -> str:
    return f"Version {__version__}, {RELEASED or 'not yet released'}"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(each, each) for each in text)
