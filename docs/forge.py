"""
A Sphinx extension for pages that are written for a forge: plain Markdown, with nothing in it that is Sphinx's alone.

It gives each page of `NAVIGATION` the hidden list of those below it, makes anchors of `<a id>`, and lets a link to a
folder lead to the page that describes the folder.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from navigation import FOLDERS, NAVIGATION
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

TREE = """

```{{toctree}}
:hidden:
:glob:
{caption}
{pages}
```
"""


def unfold(app: Sphinx, page: str, source: list[str]) -> None:
    """Append to a page the lists of the pages below it, under their captions."""
    for caption, pages in NAVIGATION.get(page, {}).items():
        source[0] += TREE.format(caption=f":caption: {caption}\n" if caption else "", pages="\n".join(pages))


class Links(SphinxTransform):
    """Let links find what a forge would: ids in the HTML of a page, beside those of its headings, and folders."""

    #: Before MyST resolves the links within a page (879).
    default_priority = 870

    def apply(self, **options: Any) -> None:
        """Add each id to what MyST knows of the page, and turn links to folders into those to their pages."""
        slugs = self.env.metadata[self.env.docname].setdefault("myst_slugs", {})
        self.document.myst_slugs = slugs
        for node in self.document.findall(nodes.raw):
            slugs.update({name: (node.line, name, "") for name in re.findall(r'id="([^"]+)"', node.astext())})
        for node in self.document.findall(pending_xref):
            path, place = self.env.relfn2path(node["reftarget"], self.env.docname)
            page = described(path) if node["refdomain"] is None and Path(place).is_dir() else None
            if page:
                node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", page, None


def described(folder: str) -> str | None:
    """Return the page that describes a folder or, if none does, one that it lies in."""
    path = PurePosixPath(folder)
    return next((FOLDERS[each] for each in map(str, (path, *path.parents)) if each in FOLDERS), None)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the parts."""
    app.connect("source-read", unfold)
    app.add_transform(Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
