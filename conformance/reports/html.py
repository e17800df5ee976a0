"""
The report as one HTML file, which needs nothing beside it: no server, no network, no other file.

What others wrote (messages, versions, ids) stands in it as text alone: Jinja escapes it, the script sets it as text,
and the page's policy lets no script run but the one that is named by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..analysis import Comparison
from ..corpus import Corpus
from ..records import Ledger, Record
from . import diff_page_data, page_files
from .page_data import sheet

#: What of a sheet the script draws; the rest stands in the page.
SCRIPTED = ("targets", "words", "areas", "cases", "details", "texts", "runs")
#: What would end a script element, or be read as markup in it, and how JSON writes it too.
_ESCAPED = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"}


def render(record: Record, corpus: Corpus, ledger: Ledger) -> str:
    """Return the page of a record."""
    return _page(sheet(record, corpus, ledger))


def compared(found: Comparison, corpus: Corpus, ledger: Ledger, notes: Sequence[str] = ()) -> str:
    """Return the page of two records that are compared, with notes above all."""
    return _page(diff_page_data.sheet(found, corpus, ledger, notes))


def _page(said: Mapping[str, Any]) -> str:
    style, script = page_files.read("report.css"), page_files.read("report.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(page_files.read("report.html.jinja"))
    text = template.render(
        sheet=said,
        shown=[name for name in said["counted"] if any(name in target["counts"] for target in said["targets"])],
        said={letter for case in said["cases"] for letter in case["letters"]},
        data=Markup(embedded({name: said[name] for name in SCRIPTED})),  # noqa: S704 - escaped there
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704 - our own
        style_hash=page_files.digest(style),
        script_hash=page_files.digest(script),
    )
    # Half of a surrogate pair, which JSON may hold, is no character that a file can.
    return text.encode("utf-8", "replace").decode()


def embedded(data: Any) -> str:
    """Return data as JSON that can stand in a script element."""
    text = json.dumps(data, separators=(",", ":"))
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    return text
