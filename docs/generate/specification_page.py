"""
Write the one-page specification into a built site, at the address that `cite` prints.

    python -m docs.generate.specification_page build/site
"""

from __future__ import annotations

from pathlib import Path

from conv_conformance import corpus
from conv_conformance.release import bundle
from conv_conformance.reports import specification_page
from conv_conformance.specification import versions

from . import output


def write(site: Path) -> Path:
    """Write the page into the folder of a site; return the path of its file."""
    edition = bundle.edition()
    page = site / versions.address(edition.version)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(specification_page.render(corpus.load(), edition), encoding="utf-8")
    return page


def main() -> None:
    """Write the page, and print its path."""
    parser = output.options(__doc__)
    parser.add_argument("site", type=Path, nargs="?", default=Path("build", "site"))
    options = parser.parse_args()
    with output.folder(small=options.small) as root:
        print(write(root / options.site))


if __name__ == "__main__":
    main()
