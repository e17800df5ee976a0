"""
The links of the pages, resolved as GitHub resolves them. Run as a program, it lists the external links.

Sphinx checks links against its own output, and accepts more anchors than GitHub does. This module checks them against
the files and headings in the repository.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from . import output

ROOT = Path(__file__).resolve().parents[2]
#: Folders whose pages belong to tools or to installed packages.
FOREIGN = {".tox", ".venv", ".pytest_cache", "build", "dist"}


def pages() -> Iterator[Path]:
    """Yield every page of the repository."""
    for path in sorted(ROOT.rglob("*.md")):
        if not FOREIGN & set(path.relative_to(ROOT).parts):
            yield path


def tokens(path: Path) -> Iterator[Token]:
    """Yield the Markdown tokens of a page, including the inline tokens of paragraphs and headings."""
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def links(path: Path) -> Iterator[str]:
    """Yield the targets of the links and images of a page."""
    for token in tokens(path):
        if target := token.attrGet("href") or token.attrGet("src"):
            yield str(target)


def leads_out(target: str) -> bool:
    """Return whether a target is outside the repository: it has a URL scheme."""
    return re.match(r"[a-z][a-z+.-]*:", target) is not None


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a page: its headings in GitHub's form, and its HTML ids."""
    every = list(tokens(path))
    headings = [after.content for token, after in pairwise(every) if token.type == "heading_open"]
    html = (token.content for token in every if token.type.startswith("html"))
    ids = [name for text in html for name in re.findall(r'id="([^"]+)"', text)]
    return frozenset([*ids, *map(slug, headings)])


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def dead(path: Path) -> Iterator[str]:
    """Yield one line for each link of a page whose file or heading does not exist."""
    for target in links(path):
        if leads_out(target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists():
            yield f"{path.relative_to(ROOT)}: {target}: no such file"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            yield f"{path.relative_to(ROOT)}: {target}: no such heading"


def external() -> dict[str, list[str]]:
    """Return the targets outside the repository, each with the pages that link to it."""
    found = defaultdict(list)
    for path in pages():
        for target in sorted(set(filter(leads_out, links(path)))):
            found[target].append(str(path.relative_to(ROOT)))
    return dict(sorted(found.items()))


def main() -> None:
    """Print the external links; with `--small` their number."""
    found = external()
    for target, of in {} if output.options(__doc__).parse_args().small else found.items():
        print(f"{target}  {of[0]}{f' and {len(of) - 1} more' if len(of) > 1 else ''}")
    print(f"{len(found)} external links, not fetched")


if __name__ == "__main__":
    main()
