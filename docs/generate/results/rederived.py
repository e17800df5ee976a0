"""
Write docs/results/rederived.md: what a second program derived, from the figures of `benchmarks/rederivation.py`.

    python -m docs.generate.results.rederived
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from .. import output, templating

ROOT = Path(__file__).resolve().parents[3]
PAGE, MEASURED = Path("docs", "results", "rederived.md"), Path("benchmarks", "results", "rederivation.json")


def page(root: Path) -> str:
    """Return the text of the page."""
    said = json.loads((root / MEASURED).read_text(encoding="utf-8"))
    environment = templating.environment("results")
    environment.filters["count"] = "{:,}".format
    return environment.get_template("rederived.md.j2").render(said=said)


def stale(root: Path) -> Iterator[str]:
    """Yield one line if the page does not match the figures."""
    if not (root / MEASURED).is_file():
        return
    if not (root / PAGE).is_file() or (root / PAGE).read_text(encoding="utf-8") != page(root):
        yield f"{PAGE.as_posix()}: out of date (run python -m docs.generate.results.rederived)"


def main() -> None:
    """Write the page."""
    with output.folder(small=output.options(__doc__).parse_args().small) as root:
        output.write(root, PAGE, page(ROOT))


if __name__ == "__main__":
    main()
