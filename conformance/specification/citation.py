"""
Citations of the suite, of clauses and of cases, as BibTeX and as plain text.

Every installation of a version returns the same citations, and they agree with `CITATION.cff`. BibTeX entries have the
type `@misc`, which every BibTeX style supports.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import __version__
from ..core import Case
from ..corpus import Clause, Corpus, shipped
from . import lock, versions

AUTHORS = "The conv-conformance contributors"
TITLE = "conv-conformance, a conformance suite for convolution layers"
#: The release date of this version of the suite, YYYY-MM-DD; empty before the release. CITATION.cff has the same date.
RELEASED = ""
#: The escaped spelling of each character that BibTeX interprets.
_SPECIAL = {"\\": r"\textbackslash{}", **{each: rf"\{each}" for each in "&%$#_{}"}, "~": r"\~{}", "^": r"\^{}"}


@dataclass(frozen=True, kw_only=True)
class Citation:
    """
    The citation of the suite, or of a part of it.

    `part` names the cited clause or case. `says` quotes the clause's sentence or the case's title. Both are empty for
    the suite. `work` and `number` name the version of the suite or of the specification, which is versioned separately.
    `date` is the release date of that version, empty before the release. `anchor` is the path of the cited page or
    file, with a fragment for a clause or a literal case. `digest` identifies the exact content of what is cited.
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
        """The version and its release date, or "not yet released"."""
        return f"{self.work} {self.number}, {self.date or 'not yet released'}"

    @property
    def title(self) -> str:
        """The cited part, followed by the title of the suite."""
        return f"{self.part} of {TITLE}" if self.part else TITLE

    @property
    def text(self) -> str:
        """The citation as plain text."""
        part = f"{self.part}: “{self.says}” " if self.part else ""
        return f"{AUTHORS}. {part}{TITLE}. {self.edition}. {self.anchor} ({self.digest})."

    @property
    def bibtex(self) -> str:
        """The citation as a BibTeX entry."""
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
    """Return the citation of the suite, with the digest of the corpus. Every record holds the same digest."""
    place = versions.address(versions.current())
    return Citation(date=RELEASED, anchor=place, digest=f"corpus {corpus.digest}")


def of_clause(clause: Clause) -> Citation:
    """Return the citation of a clause, with its sentence, the specification's version and the digest of its meaning."""
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
    Return the citation of a case, with its title and the digest of its call, expectation and clauses.

    The anchor of a literal case is its heading in the documentation. The anchor of a sweep's point is the sweep's file.
    """
    page = f"cases/{case.path}" if case.sweep else f"docs/cases/{case.path.removesuffix('.yaml')}.md#{case.id}"
    digest = f"case {lock.digest(case)}"
    return Citation(part=f"Case {case.id}", says=case.title, date=RELEASED, anchor=page, digest=digest)


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(each, each) for each in text)
