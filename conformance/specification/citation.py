"""
How the suite, a clause or a case is cited: as BibTeX and as plain text, always the same of one version.

What is said is what `CITATION.cff` says; the entry is of type `misc`, which every style of BibTeX knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import __version__
from ..core import Case
from ..corpus import Clause, Corpus, shipped
from . import lock, versions

AUTHORS = "The conv-conformance contributors"
TITLE = "conv-conformance, a conformance suite for convolution layers"
#: The day on which this version of the suite was released, as YYYY-MM-DD; empty until it is. CITATION.cff says it too.
RELEASED = ""
#: What BibTeX would take for a command, and how it is written instead.
_SPECIAL = {"\\": r"\textbackslash{}", **{each: rf"\{each}" for each in "&%$#_{}"}, "~": r"\~{}", "^": r"\^{}"}


@dataclass(frozen=True, kw_only=True)
class Citation:
    """
    What is cited: the suite, or a part of it, with what it says and its place in the documentation.

    `work` and `number` say of which version: of the suite, or of its specification, which has versions of its own.
    `date` is the day of its release, empty until then. `anchor` is a path and an anchor, `digest` tells whether what is
    cited is the same elsewhere.
    """

    part: str = ""
    says: str = ""
    work: str = "Version"
    number: str = __version__
    date: str
    anchor: str
    digest: str

    @property
    def key(self) -> str:
        """The name of the BibTeX entry."""
        part = "".join(each if each.isalnum() else "-" for each in self.part.rpartition(" ")[2].lower())
        work = "" if self.work == "Version" else self.work.lower()
        return "-".join(filter(None, ("conv-conformance", work, self.number, part.strip("-"))))

    @property
    def edition(self) -> str:
        """Which version it is of, and since when it is there."""
        return f"{self.work} {self.number}, {self.date or 'not yet released'}"

    @property
    def title(self) -> str:
        """What is cited, and what it is a part of."""
        return f"{self.part} of {TITLE}" if self.part else TITLE

    @property
    def text(self) -> str:
        """The citation in plain words."""
        part = f"{self.part}: “{self.says}” " if self.part else ""
        return f"{AUTHORS}. {part}{TITLE}. {self.edition}. {self.anchor} ({self.digest})."

    @property
    def bibtex(self) -> str:
        """The citation as an entry of BibTeX."""
        fields = {
            "author": f"{{{_escaped(AUTHORS)}}}",
            "title": f"{{{_escaped(self.title)}}}",
            **({"year": self.date[:4], "month": str(int(self.date[5:7]))} if self.date else {}),
            "howpublished": self.edition,
            "note": _escaped(f"{self.anchor}, {self.digest}"),
        }
        lines = (f"  {name} = {{{value}}}," for name, value in fields.items())
        return "\n".join([f"@misc{{{self.key},", *lines, "}"])


def of_suite(corpus: Corpus) -> Citation:
    """Return how the whole suite is cited, with the digest of the corpus, which every record holds."""
    place = versions.address(versions.current())
    return Citation(date=RELEASED, anchor=place, digest=f"corpus {corpus.digest}")


def of_clause(clause: Clause) -> Citation:
    """Return how a clause is cited: with its sentence, the version of the specification, and the digest of its meaning."""
    number = versions.current()
    released = versions.read(shipped() / versions.FILE)
    return Citation(
        part=f"Clause {clause.id}",
        says=clause.sentence,
        work="Specification",
        number=number,
        date=released[number].date if number in released else "",
        anchor=versions.address(number, clause),
        digest=f"clause {versions.promise_of(clause).digest}",
    )


def of_case(case: Case) -> Citation:
    """
    Return how a case is cited, with its title and the digest of what it says: call, expectation and clauses.

    A literal case has a page; a point of a sweep has the file of the sweep.
    """
    page = f"cases/{case.path}" if case.sweep else f"docs/cases/{case.path.removesuffix('.yaml')}.md#{case.id}"
    digest = f"case {lock.digest(case)}"
    return Citation(part=f"Case {case.id}", says=case.title, date=RELEASED, anchor=page, digest=digest)


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(each, each) for each in text)
