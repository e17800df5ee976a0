"""
The report as one self-contained HTML file: it needs no server, no network and no other file.

External text (messages, versions, ids) never becomes markup: Jinja escapes such text, and the script inserts it as
text. The content security policy of the page allows only this style and this script, by their digests.
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

#: The parts of a sheet that the script draws; the template draws the other parts.
SCRIPTED = ("targets", "words", "areas", "cases", "details", "texts", "runs")
#: The characters that could end a script element or be read as markup, with their JSON escapes.
_ESCAPED = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"}


def render(record: Record, corpus: Corpus, ledger: Ledger) -> str:
    """Return the page of a record."""
    return _page(sheet(record, corpus, ledger))


def compared(found: Comparison, corpus: Corpus, ledger: Ledger, notes: Sequence[str] = ()) -> str:
    """Return the page that compares two records, with notes at the top."""
    return _page(diff_page_data.sheet(found, corpus, ledger, notes))


def _page(data: Mapping[str, Any]) -> str:
    style, script = page_files.read("report.css"), page_files.read("report.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(page_files.read("report.html.jinja"))
    text = template.render(
        sheet=data,
        shown=[name for name in data["counted"] if any(name in target["counts"] for target in data["targets"])],
        present={letter for case in data["cases"] for letter in case["letters"]},
        data=Markup(embedded({name: data[name] for name in SCRIPTED})),  # noqa: S704 - escaped there
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704 - our own
        style_hash=page_files.digest(style),
        script_hash=page_files.digest(script),
    )
    # Replace unpaired surrogates: JSON may hold them, but UTF-8 cannot encode them.
    return text.encode("utf-8", "replace").decode()


def embedded(data: Any) -> str:
    """Return data as JSON that is safe inside a script element."""
    text = json.dumps(data, separators=(",", ":"))
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    return text
