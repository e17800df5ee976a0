"""
The specification as one self-contained HTML page without scripts; the same sources always produce the same bytes.

Commentary is rendered from Markdown without HTML; Jinja escapes all other text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from .. import specification
from ..corpus import Corpus, excerpt, shipped
from ..specification import template_filters
from . import page_files

#: Inside the page, each heading of an appendix moves one level down.
_DEEPER = {"h1": "h2", "h2": "h3", "h3": "h4"}
_SCROLLED = '<div class="wide" tabindex="0" role="group" aria-label="table">'


@dataclass(frozen=True, kw_only=True)
class Edition:
    """
    The version of the specification, its release date (empty before the release), and the program that made the page.

    `appendices` maps the anchor of each appendix to its Markdown. The appendices are the glossary and the guarantees of
    a version.
    """

    version: str
    date: str
    maker: str
    appendices: Mapping[str, str]


def render(corpus: Corpus, edition: Edition) -> str:
    """
    Return the page of the shipped specification, with the literal cases of a corpus.

    Raises:
        Invalid: if clauses, commentary and cases are inconsistent.

    """
    areas = specification.load_commentary(corpus)
    style = page_files.read("standard.css")
    literal = {case.id: case for case in corpus.cases if not case.sweep}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {name: _marked(each, corpus) for name, each in template_filters.FILTERS.items()}
    environment.filters |= {"inline": _marked(str, corpus), "block": lambda text: _document(text, corpus)}
    return environment.from_string(page_files.read("standard.html.jinja")).render(
        areas=areas,
        clauses=corpus.clauses,
        cases=literal,
        citing={name: [case.id for case in literal.values() if name in case.clauses] for name in corpus.clauses},
        edition=edition,
        examples=_examples(corpus, {literal[said.example].path for area in areas for said in area.commentaries}),
        names=template_filters.NAMES,
        required=sum(clause.level == "required" for clause in corpus.clauses.values()),
        style=Markup(style),  # noqa: S704 - our own
        style_hash=page_files.digest(style),
    )


def _examples(corpus: Corpus, paths: set[str]) -> dict[str, str]:
    """Return the YAML text of the literal cases in some files, by case id."""
    read = (excerpt.read((shipped() / path).read_bytes(), path)[1] for path in sorted(paths))
    return {name: text for each in read for name, text in each.items()}


def _marked(source: Callable[[Any], str], corpus: Corpus) -> Callable[[Any], Markup]:
    """Return a filter that renders the Markdown from `source` as inline HTML, with clause ids as links."""
    reader = _reader()
    anchors = {clause.id: clause.anchor for clause in corpus.clauses.values()}

    def marked(value: Any) -> Markup:
        text = template_filters.linked(source(value), lambda name: f"#{anchors[name]}" if name in anchors else "")
        return Markup(reader.renderInline(text.strip()))  # noqa: S704 - the reader lets no HTML through

    return marked


def _document(text: str, corpus: Corpus) -> Markup:
    """Render a Markdown document as a section; clause links and URLs stay, links to other pages become text."""
    reader = _reader()
    tokens = reader.parse(text)
    anchors = {clause.anchor for clause in corpus.clauses.values()}
    for token in tokens:
        token.tag = _DEEPER.get(token.tag, token.tag)
        _relink(token.children or [], anchors)
    made = reader.renderer.render(tokens, reader.options, {})
    made = made.replace("<table>", f"{_SCROLLED}<table>").replace("</table>", "</table></div>")
    return Markup(made)  # noqa: S704 - the reader lets no HTML through


def _relink(tokens: list[Token], anchors: set[str]) -> None:
    """Make links to clauses point into this page, and turn other links within the repository into plain text."""
    is_kept = True
    for token in tokens:
        if token.type == "link_open":
            target = str(token.attrGet("href"))
            anchor = target.partition("#")[2]
            is_kept = bool(re.match("https?:", target)) or anchor in anchors
            token.attrs = {"href": f"#{anchor}" if anchor in anchors else target} if is_kept else {}
        if token.type in ("link_open", "link_close") and not is_kept:
            token.tag = "span"


def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
