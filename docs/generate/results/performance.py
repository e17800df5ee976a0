"""
Write the page of performance, from the measurements.

    python -m docs.generate.results.performance

The figures are from the files of `benchmarks/results`; the page names the command for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from .. import output
from ..templating import environment

ROOT = Path(__file__).resolve().parents[3]
PAGE, MEASURED = Path("docs", "results", "performance.md"), Path("benchmarks", "results")
NAMES = ("captured", "conditions", "corpus", "full", "loading", "overhead", "page", "reference_agreement")


def page(root: Path) -> str:
    """Return the text of the page, made from the measurements."""
    said = {name: json.loads((root / MEASURED / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES}
    filled = environment("results")
    filled.filters["figures"] = figures
    text = filled.get_template("performance.md.j2").render(said)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def figures(number: float) -> str:
    """Return a number with three significant digits, or as an integer if it is at least 100."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def stale(root: Path) -> Iterator[str]:
    """Yield one line if the page does not match the measurements."""
    if not (root / MEASURED).is_dir():
        return
    path = root / PAGE
    if not path.is_file() or path.read_text(encoding="utf-8") != page(root):
        yield f"{PAGE.as_posix()}: out of date (run python -m docs.generate.results.performance)"


def main() -> None:
    """Write the page."""
    with output.folder(small=output.options(__doc__).parse_args().small) as root:
        output.write(root, PAGE, page(ROOT))


if __name__ == "__main__":
    main()
