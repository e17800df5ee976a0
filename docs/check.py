"""
Check the pages: they agree with corpus, ledger and runs, and every link inside the repository leads somewhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import make_fits
import make_judgement
import make_precision
import make_results
from conv_conformance import corpus
from conv_conformance.problem import Invalid
from make_pages import stale
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
#: Folders whose pages are not ours.
FOREIGN = {".tox", ".venv", ".pytest_cache", "build", "dist"}


def pages() -> Iterator[Path]:
    """
    Yield every page of the repository.
    """
    for path in sorted(ROOT.rglob("*.md")):
        if not FOREIGN & set(path.relative_to(ROOT).parts):
            yield path


def tokens(path: Path) -> Iterator[Token]:
    """
    Yield the tokens of a page, those inside a paragraph or heading too.
    """
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def links(path: Path) -> Iterator[str]:
    """
    Yield the targets of the links and images of a page that lie in the repository.
    """
    for token in tokens(path):
        target = str(token.attrGet("href") or token.attrGet("src") or "")
        if target and not re.match(r"[a-z][a-z+.-]*:", target):
            yield target


@cache
def anchors(path: Path) -> frozenset[str]:
    """
    Return what a link may name behind `#` in a page: its headings, in the form that forges give them, and its ids.
    """
    every = list(tokens(path))
    headings = [after.content for token, after in pairwise(every) if token.type == "heading_open"]
    html = (token.content for token in every if token.type.startswith("html"))
    ids = [name for text in html for name in re.findall(r'id="([^"]+)"', text)]
    return frozenset([*ids, *map(slug, headings)])


def slug(heading: str) -> str:
    """
    Return the anchor of a heading.
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def dead(path: Path) -> Iterator[str]:
    """
    Yield what is wrong with the links of a page.
    """
    for target in links(path):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists():
            yield f"{path.relative_to(ROOT)}: {target}: no such file"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            yield f"{path.relative_to(ROOT)}: {target}: no such heading"


def wrong() -> Iterator[str]:
    """
    Yield everything that is wrong.
    """
    try:
        yield from stale(ROOT)
        yield from make_results.stale(ROOT, corpus.load())
        yield from make_precision.stale(ROOT)
        yield from make_judgement.stale(ROOT)
        yield from make_fits.stale(ROOT)
    except Invalid as invalid:
        yield str(invalid)
    for path in pages():
        yield from dead(path)


if __name__ == "__main__":
    sys.exit("\n".join(wrong()) or 0)
