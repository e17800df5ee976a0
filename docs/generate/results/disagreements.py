"""
Write the pages of the results: the findings of runs, the known faults, and the alternatives that frameworks follow.

    python -m docs.generate.results.disagreements
    python -m docs.generate.results.disagreements --run cpu RECORD...

The first command writes the pages again, after a change of the ledger or of triage.json. The second adds a run, from
its complete (not condensed) records.

docs/results/seen.json stores the data of each run by name, so that the pages can be written and checked without the
records. The verdicts of a run are matched with the current ledger. The ledger's conditions on the environment are
checked in this process: set the variables that the run had.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from conv_conformance import corpus
from conv_conformance.core.verdict import SEVERITIES, VERDICTS
from conv_conformance.corpus import Corpus
from conv_conformance.records import ledger_files
from conv_conformance.records.merge import merged
from conv_conformance.records.reapplied_ledger import held
from conv_conformance.records.record import read_record
from conv_conformance.reports.markdown import escaped
from conv_conformance.specification import template_filters

from .. import output, templating
from . import fault_entries, portability, recorded_choices, recorded_faults, recorded_run
from .recorded_run import framework

RUN = "run python -m docs.generate.results.disagreements"
ROOT = Path(__file__).resolve().parents[3]
RESULTS = Path("docs", "results")
SEEN, TRIAGE, CAUSES = RESULTS / "seen.json", RESULTS / "triage.json", RESULTS / "causes.json"


def see(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the pages' data on one run, from its complete records."""
    record = merged({path: read_record(path) for path in paths})
    if record.left_out:
        raise SystemExit(f"{paths[0]}: a condensed record does not list its agreements; pass the complete one")
    loaded = corpus.load(sweeps="full")
    cases = {case.id: case for case in loaded.cases}
    record = held(record, cases, ledger_files.load(ledger_files.shipped()))
    return {
        **recorded_run.run(record, cases),
        "faults": recorded_faults.faults(record, cases),
        "choices": recorded_choices.choices(record, cases, loaded.clauses),
    }


def pages(root: Path, loaded: Corpus) -> Mapping[Path, str]:
    """Return the text of every page, by its path relative to the repository."""
    runs, faults = _kept(root, SEEN), known_faults(root)
    clauses = portability.clauses(loaded.clauses, runs)
    environment = _environment(loaded, [target for run in runs.values() for target in run["targets"]])
    environment.globals.update(runs=runs, faults=faults, names=template_filters.NAMES, severities=SEVERITIES)
    environment.globals.update(grouped=fault_entries.grouped(faults), means=fault_entries.MEANS)
    environment.globals.update(beside={path.name for path in (root / RESULTS).iterdir() if path.stat().st_size})
    environment.globals.update(clauses=clauses, table=portability.table(clauses))
    environment.globals.update(frameworks=portability.FRAMEWORKS, columns=portability.COLUMNS)
    environment.globals.update(unsaid=portability.unsaid(runs))
    names = ("index", "disagreements", "portability")
    return {RESULTS / f"{name}.md": environment.get_template(f"{name}.md.j2").render() for name in names}


def known_faults(root: Path) -> Sequence[fault_entries.Fault]:
    """Return each fault of the ledger, with the data of the runs and of its script."""
    ledger = ledger_files.load(ledger_files.shipped())
    return fault_entries.faults(ledger, _kept(root, SEEN), _kept(root, TRIAGE), _kept(root, CAUSES))


def counted(faults: Sequence[fault_entries.Fault]) -> str:
    """Return the number of faults as text, in total and by severity."""
    each = (f"{sum(fault.severity == severity for fault in faults)} {severity}" for severity in SEVERITIES)
    return f"{len(faults)} faults: {', '.join(each)}"


def _kept(root: Path, path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((root / path).read_text(encoding="utf-8"))
    return kept


def _environment(loaded: Corpus, targets: Sequence[str]) -> jinja2.Environment:
    environment = templating.environment("results")
    literal = {case.id: case.path for case in loaded.cases}
    environment.filters |= template_filters.FILTERS
    environment.filters |= {
        "brief": partial(_brief, every=targets),
        "case": partial(_case, literal=literal),
        "counted": lambda number, noun: f"{number:,} {noun}{'' if number == 1 else 's'}",
        "escaped": escaped,
        "plus": lambda counts: f"{counts[0]:,} + {counts[1]:,}" if any(counts) else "0",
        "surfaces": partial(_surfaces, every=targets),
        "targets": _targets,
        "verdicts": _verdicts,
    }
    environment.globals["literal"] = len(literal)
    return environment


def _targets(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _surfaces(names: Sequence[str], every: Sequence[str]) -> str:
    """Return the names of targets of one framework, or `all` if these are all of its targets."""
    return (
        "all" if set(names) >= {each for each in every if framework(each) == framework(names[0])} else _targets(names)
    )


def _brief(names: Sequence[str], every: Sequence[str]) -> str:
    """Return the names of targets; the name of a framework replaces all of its targets."""
    found = {name: [each for each in names if framework(each) == name] for name in map(framework, names)}
    said = ((name, _surfaces(of_framework, every)) for name, of_framework in found.items())
    return ", ".join(template_filters.NAMES[name] if text == "all" else text for name, text in said)


def _verdicts(run: Mapping[str, Any]) -> Sequence[str]:
    """Return the verdicts that occur in a run, in the order of tables."""
    return [name for name in VERDICTS if any(name in said["verdicts"] for said in run["targets"].values())]


def _case(name: str, literal: Mapping[str, str]) -> str:
    """Return the id of a case, as a link if it is literal; points of sweeps have no page."""
    path = literal.get(name, "")
    return f"[`{name}`](../cases/{path.removesuffix('.yaml')}.md#{name})" if path else f"`{name}`"


def stale(root: Path, loaded: Corpus) -> Iterator[str]:
    """Yield one line for each page below `root` that does not match runs, ledger and scripts."""
    try:
        wanted = pages(root, loaded) if (root / SEEN).is_file() else {}
    except LookupError as error:
        yield f"{SEEN.as_posix()}: {error.args[0]}"
        return
    yield from _of_another_run(root)
    yield from _unproven(root)
    for path, text in wanted.items():
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text:
            yield f"{path.as_posix()}: out of date ({RUN})"


def _unproven(root: Path) -> Iterator[str]:
    """Yield one line for each entry whose current script was not run, or did not show the fault when it should."""
    if not (root / TRIAGE).is_file():
        return
    triage = json.loads((root / TRIAGE).read_text(encoding="utf-8"))
    for entry in ledger_files.load(ledger_files.shipped()).entries:
        found = triage.get(entry.id, {})
        if found.get("script") != entry.triage:
            yield f"{TRIAGE.as_posix()}: {entry.id}: script not run (run benchmarks/triage.py --only {entry.id})"
        elif found["holds"] and not found["shown"]:
            yield f"{TRIAGE.as_posix()}: {entry.id}: its script does not show the fault"


def _of_another_run(root: Path) -> Iterator[str]:
    """Yield one line for each record in docs/results whose run is not the one that the pages show."""
    runs = json.loads((root / SEEN).read_text(encoding="utf-8")) if (root / SEEN).is_file() else {}
    for name, run in runs.items():
        path = root / RESULTS / f"{name}.jsonl"
        if path.is_file():
            with path.open(encoding="utf-8") as file:
                header = json.loads(file.readline())
            if [header["date"], header["suite"]] != [run["date"], run["suite"]]:
                yield f"{path.relative_to(root).as_posix()}: not the run that the pages show (use --run)"


def main() -> None:
    """Store the data of a run if `--run` names one, and write the pages."""
    parser = output.options(__doc__)
    parser.add_argument("--run", metavar="NAME", help="the name of the run that the records belong to")
    parser.add_argument("records", nargs="*", type=Path)
    options = parser.parse_args()
    if bool(options.run) is not bool(options.records):
        parser.error("--run needs records, and records need --run")
    if options.run:
        runs = json.loads((ROOT / SEEN).read_text(encoding="utf-8")) if (ROOT / SEEN).is_file() else {}
        runs[options.run] = see(options.records)
        (ROOT / SEEN).write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    loaded = corpus.load()
    with output.folder(small=options.small) as root:
        for path, text in pages(ROOT, loaded).items():
            output.write(root, path, text)
    print(counted(known_faults(ROOT)))


if __name__ == "__main__":
    main()
