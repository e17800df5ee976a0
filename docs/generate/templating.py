"""The Jinja environment of the page templates."""

from __future__ import annotations

from pathlib import Path

import jinja2


def environment(*folder: str) -> jinja2.Environment:
    """Return the environment for a folder below `templates/`; an undefined variable is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1].joinpath("templates", *folder)),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the pages are Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
