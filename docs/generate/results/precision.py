"""
Write docs/results/precision.md: the precision of each target by dtype, and the conditions under which bits change.

    python -m docs.generate.results.precision
    python -m docs.generate.results.precision --run NAME RECORD...

The first command writes the page again. The second adds a run, from its complete (not condensed) records.

docs/results/precision.json stores the results of each run by name; the page compares the other runs with the first.
`--under` is the prefix of the run's commands, such as `OMP_NUM_THREADS=1`, and is shown on the page.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conv_conformance import corpus
from conv_conformance.records.record import read_record

from .. import output, templating
from . import kept_numbers, recorded_precision

ROOT = Path(__file__).resolve().parents[3]
RESULTS = Path("docs", "results")
#: The largest number of characters in a line of a command on the page.
WIDTH = 110
KEPT, PAGE = RESULTS / "precision.json", RESULTS / "precision.md"


def see(paths: Sequence[Path], under: str) -> dict[str, Any]:
    """Return the page's data on one run, from its complete records, each of some targets and cases."""
    records = [read_record(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        if record.left_out:
            raise SystemExit(f"{path}: a condensed record does not list its agreements; pass the complete one")
        if not record.is_complete:
            raise SystemExit(f"{path}: its run is not complete (see `run --resume`)")
        if record.header["suite"] != records[0].header["suite"]:
            raise SystemExit(f"{path}: its suite or corpus differs from that of {paths[0]}")
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
    """Return the command that wrote a record, wrapped to several lines."""
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
    """Yield lines of at most WIDTH characters that hold the words; all but the first are indented."""
    line = ""
    for word in words:
        if len(line) + len(word) > WIDTH:
            yield line
            line = " "
        line = f"{line} {word}" if line else word
    yield line


def stale(root: Path) -> Iterator[str]:
    """Yield one line if the page below `root` does not match the runs."""
    if not (root / KEPT).is_file():
        return
    text = page(_kept(root))
    if not (root / PAGE).is_file() or (root / PAGE).read_text(encoding="utf-8") != text:
        yield f"{PAGE.as_posix()}: out of date (run python -m docs.generate.results.precision)"


def _kept(root: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((root / KEPT).read_text(encoding="utf-8")) if (root / KEPT).is_file() else {}
    return kept


def main() -> None:
    """Store the results of a run if `--run` names one, and write the page."""
    parser = output.options(__doc__)
    parser.add_argument("--run", metavar="NAME", help="the name of the run that the records belong to")
    parser.add_argument("--under", default="", metavar="TEXT", help="the prefix of the run's commands")
    parser.add_argument("records", nargs="*", type=Path)
    options = parser.parse_args()
    if bool(options.run) is not bool(options.records):
        parser.error("--run needs records, and records need --run")
    runs = _kept(ROOT)
    if options.run:
        runs[options.run] = see(options.records, options.under)
        (ROOT / KEPT).write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not runs:
        parser.error(f"{KEPT.as_posix()} holds no run; add one with --run")
    with output.folder(small=options.small) as root:
        output.write(root, PAGE, page(runs))


if __name__ == "__main__":
    main()
