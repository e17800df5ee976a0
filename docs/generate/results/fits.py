"""
Write the page and the picture of the trainings' deviations on every target, from the measurements.

    python -m docs.generate.results.fits

`benchmarks/results/fits.json` holds the data; `benchmarks/fits.py` measures it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from .. import output
from ..templating import environment

ROOT = Path(__file__).resolve().parents[3]
PAGE, PICTURE = Path("docs", "results", "fits.md"), Path("docs", "results", "fits.svg")
MEASURED = Path("benchmarks", "results", "fits.json")
#: The trainings whose deviations are drawn: the three of the tutorial.
DRAWN = ("conv1d.fit.one-filter", "conv1d.fit.two-channels", "conv1d.fit.two-filters")
#: The numbers of updates after which the table shows deviations.
COLUMNS = ("1", "20", "100", "200", "2000")


def page(root: Path) -> str:
    """Return the text of the page, made from the measurements."""
    said = json.loads((root / MEASURED).read_text(encoding="utf-8"))
    rows = {name: {row["training"]: row for row in found} for name, found in said["targets"].items()}
    template = environment("results").get_template("fits.md.j2")
    return template.render(said=said, rows=rows, columns=COLUMNS, cell=_cell)


def _cell(row: Mapping[str, Any]) -> str:
    """Return the verdict and message of a row that does not agree, else an empty text."""
    verdict = row.get("verdict", row["outcome"])
    return "" if verdict == "agree" else f"{verdict}: {row['message']}".replace("|", "\\|")


def stale(root: Path) -> Iterator[str]:
    """Yield one line if the page does not match the measurements."""
    path = root / PAGE
    if not path.exists() or path.read_text(encoding="utf-8") != page(root):
        yield f"{PAGE}: out of date (run python -m docs.generate.results.fits)"


def _alike(said: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the deviations to draw, by the names of the targets that share them."""
    names: dict[str, list[str]] = {}
    found = {}
    for target, rows in said["targets"].items():
        deviations = {row["training"]: row["deviation"] for row in rows if row["training"] in DRAWN}
        names.setdefault(key := json.dumps(deviations), []).append(target)
        found[key] = deviations
    return {", ".join(targets): found[key] for key, targets in names.items()}


def draw(said: Mapping[str, Any], path: Path) -> None:
    """Draw the deviation of each target's kernel from the exact one after each update, for each tutorial training."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "fits"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(DRAWN), figsize=(11, 3.6), sharey=True, layout="constrained")
    widths = {each["training"]: each["width"] for each in said["trainings"]}
    for axis, name in zip(axes, DRAWN, strict=True):
        steps = [int(step) for step in widths[name]]
        axis.fill_between(steps, 1e-17, list(widths[name].values()), color="#dddddd", label="bound of float32 rounding")
        for targets, deviations in _alike(said).items():
            deviation = deviations[name]
            seen = [max(value, 1e-17) for value in deviation.values()]
            style = "--" if "+fit" in targets else "-"
            axis.plot([int(step) for step in deviation], seen, style, linewidth=1.2, label=fill(targets, 36))
        axis.set_yscale("log")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("updates", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("kernel, largest deviation", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Write the page and its picture."""
    with output.folder(small=output.options(__doc__).parse_args().small) as root:
        output.write(root, PAGE, page(ROOT))
        draw(json.loads((ROOT / MEASURED).read_text(encoding="utf-8")), root / PICTURE)


if __name__ == "__main__":
    main()
