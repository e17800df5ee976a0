"""
Write the page and the picture of the error rates of rules of acceptance, from the measurements.

    python -m docs.generate.results.judgement

`benchmarks/results/judgement.json` and `reference.json` hold the data; the page names their commands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import output
from ..templating import environment

ROOT = Path(__file__).resolve().parents[3]
PAGE, PICTURE = Path("docs", "results", "judgement.md"), Path("docs", "results", "judgement.svg")
JUDGEMENT, REFERENCE = (Path("benchmarks", "results", f"{name}.json") for name in ("judgement", "reference"))
#: The number of judgements in a large run.
RUN = 200_000


def page(root: Path) -> str:
    """Return the text of the page, made from the measurements."""
    said, reference = (json.loads((root / path).read_text(encoding="utf-8")) for path in (JUDGEMENT, REFERENCE))
    return (
        environment("results")
        .get_template("judgement.md.j2")
        .render(
            said=said,
            ours=said["models"]["ours"],
            few=said["few_outputs"],
            kinds=said["kinds"],
            reference=reference,
            share=_share,
            rate=lambda seen: f"{3 / seen:.1e}",
            twice=lambda seen: f"{RUN * (3 / seen) ** 2:.1e}",
        )
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def stale(root: Path) -> Iterator[str]:
    """Yield one line if the page does not match the measurements."""
    path = root / PAGE
    if not path.exists() or path.read_text(encoding="utf-8") != page(root):
        yield f"{PAGE}: out of date (run python -m docs.generate.results.judgement)"


def draw(models: Mapping[str, Any], path: Path) -> None:
    """Draw the percentage of correct results that each rule rejects and of wrong results that it accepts."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "judgement"
    from matplotlib import pyplot

    names = sorted(models, key=lambda name: models[name]["misses"] + models[name]["false_alarms"], reverse=True)
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
    for axis, title, part, whole, colour in (
        (axes[0], "correct results rejected, %", "false_alarms", "correct", "#b5651d"),
        (axes[1], "wrong results accepted, %", "misses", "faulty", "#2f5d8a"),
    ):
        values = [100 * models[name][part] / max(models[name][whole], 1) for name in names]
        bars = axis.barh(names, values, color=colour)
        axis.bar_label(bars, labels=[f"{value:.2g}" for value in values], padding=3, fontsize=9)
        axis.set_title(title, fontsize=10)
        axis.set_xlim(0, max(*values, 1) * 1.2)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Write the page and its picture."""
    with output.folder(small=output.options(__doc__).parse_args().small) as root:
        output.write(root, PAGE, page(ROOT))
        draw(json.loads((ROOT / JUDGEMENT).read_text(encoding="utf-8"))["models"], root / PICTURE)


if __name__ == "__main__":
    main()
