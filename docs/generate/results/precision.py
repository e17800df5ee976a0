"""
Write docs/results/precision.md: which numbers each target keeps, by dtype, and under what its bits change.

    python -m docs.generate.results.precision
    python -m docs.generate.results.precision --run NAME RECORD...

The first draws the page anew. The second takes in a run, by its whole records, not by condensed ones.

What the page says of the runs is kept in docs/results/precision.json, by name; the others are held against the first.
`--under` says what the run's commands stood behind, such as `OMP_NUM_THREADS=1`, for the page.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conv_conformance import corpus
from conv_conformance.records.record import read_record

from .. import templating
from . import kept_numbers, recorded_precision

ROOT = Path(__file__).resolve().parents[3]
RESULTS = Path("docs", "results")
#: How wide a command may be on the page.
WIDTH = 110
KEPT, PAGE = RESULTS / "precision.json", RESULTS / "precision.md"


def see(paths: Sequence[Path], under: str) -> dict[str, Any]:
    """Return what the page says of one run, from its whole records; they may be of other targets and other cases."""
    records = [read_record(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        if record.left_out:
            raise SystemExit(f"{path}: a condensed record does not list its agreements; name the whole one")
        if not record.is_complete:
            raise SystemExit(f"{path}: its run did not come to its end (see `run --resume`)")
        if record.header["suite"] != records[0].header["suite"]:
            raise SystemExit(f"{path}: of another suite or corpus than {paths[0]}")
    return recorded_precision.run(records, corpus.load(sweeps="full"), under)


def page(runs: Mapping[str, Any]) -> str:
    """Return the text of the page."""
    environment = templating.environment("results")
    environment.filters |= {"targets": _targets, "command": _command, "code": lambda text: f"`{text}`"}
    return environment.get_template("precision.md.j2").render(
        runs=runs,
        first=kept_numbers.first(runs),
        columns=[*kept_numbers.COLUMNS],
        sections=kept_numbers.sections(runs),
        settings=[*kept_numbers.settings(runs)],
        summary=[*kept_numbers.summary(runs, _targets)],
        releases=sorted({(said["framework"], said["version"]) for said in _targets_of(runs) if said["version"]}),
    )


def _targets_of(runs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for run in runs.values():
        yield from run["targets"].values()


def _targets(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _command(command: Mapping[str, Any], record: str, under: str) -> str:
    """Return how a record was made, over several lines."""
    dtypes = [f"--dtypes {','.join(command['dtypes'])}"] if command["dtypes"] else []
    words = [
        *under.split(),
        "conv-conformance run",
        *map(shlex.quote, command["what"]),
        f"--sweeps {command['sweeps']}",
        *dtypes,
        *(f"-b {name}" for name in command["targets"]),
        "--jobs 1",
        f"--record {record}",
    ]
    return " \\\n".join(_lines(words))


def _lines(words: Sequence[str]) -> Iterator[str]:
    """Yield words on lines of no more than WIDTH characters, all but the first set in."""
    line = ""
    for word in words:
        if len(line) + len(word) > WIDTH:
            yield line
            line = " "
        line = f"{line} {word}" if line else word
    yield line


def stale(root: Path) -> Iterator[str]:
    """Yield what is wrong with the page below a root: that it is not what the runs say."""
    if not (root / KEPT).is_file():
        return
    text = page(_kept(root))
    if not (root / PAGE).is_file() or (root / PAGE).read_text(encoding="utf-8") != text:
        yield f"{PAGE.as_posix()}: not what the runs say (run python -m docs.generate.results.precision)"


def _kept(root: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((root / KEPT).read_text(encoding="utf-8")) if (root / KEPT).is_file() else {}
    return kept


def main() -> None:
    """Keep what a run says, where one is named, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", metavar="NAME", help="the run that the records are of")
    parser.add_argument("--under", default="", metavar="TEXT", help="what its commands stood behind")
    parser.add_argument("records", nargs="*", type=Path)
    options = parser.parse_args()
    if bool(options.run) is not bool(options.records):
        parser.error("--run goes with records")
    runs = _kept(ROOT)
    if options.run:
        runs[options.run] = see(options.records, options.under)
        (ROOT / KEPT).write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not runs:
        parser.error(f"no run is kept in {KEPT.as_posix()}; take one in with --run")
    (ROOT / PAGE).write_text(page(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
