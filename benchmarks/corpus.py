"""
What a run of the whole corpus on the default targets takes: wall time, its parts, and the parent's peak memory.

Imports, calls and engine are apart: an import is the time until a backend is made, calls are the frameworks' own
time, the engine is the rest of each worker's time. Targets run side by side, so the parts add up to more than the
wall time. `--from RECORD` gives the parts of a run that was made before, which its record holds.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from conv_conformance.records import ledger_files
from conv_conformance.records.record import TargetInfo, read_record
from conv_conformance.running import invocation
from conv_conformance.running.runner import Runner
from conv_conformance.workers.targets import default, named_targets
from support import result


def measure(sweeps: str, patterns: Sequence[str] = (), targets: Sequence[str] = ()) -> dict[str, Any]:
    """Run the corpus once, or the cases that match; return the figures."""
    began = perf_counter()
    corpus = invocation.corpus(patterns, sweeps)
    ledger = ledger_files.load(ledger_files.shipped())
    loaded = perf_counter()
    adapters = named_targets(targets) if targets else default()
    made = Runner(ledger=ledger, jobs=invocation.core_count()).run(corpus.cases, adapters)
    ended = perf_counter()
    # Kibibytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "cases": len(corpus.cases),
        "wall_s": round(ended - began, 2),
        "load_s": round(loaded - began, 2),
        "parent_peak_mb": round(peak / 1e6, 1),
        "targets": _parts(target.info for target in made.targets),
        "exit_code": made.exit_code(),
    }


def kept(path: Path) -> dict[str, Any]:
    """Return the figures that a record holds, with its date and platform: without wall time and memory."""
    record = read_record(path)
    return {
        "commit": "",
        "corpus": record.header["suite"]["corpus"],
        "platform": record.header["platform"],
        "date": record.header["date"],
        "cases": max(record.counts(target.name).total() for target in record.targets),
        "targets": _parts(record.targets),
    }


def _parts(targets: Iterable[TargetInfo]) -> dict[str, dict[str, float | str]]:
    figures: dict[str, dict[str, float | str]] = {}
    for target in targets:
        imports, calls, total = (target.seconds.get(name, 0.0) for name in ("import", "calls", "total"))
        figures[target.name] = {
            "version": target.version,
            "import_s": round(imports, 2),
            "calls_s": round(calls, 2),
            "engine_s": round(total - imports - calls, 2),
        }
    return figures


def main() -> None:
    """Measure, print, and keep the figures where asked."""
    parser = result.options(__doc__, "corpus")
    parser.add_argument("--sweeps", choices=["none", "quick", "full"], default="quick")
    parser.add_argument("--from", dest="record", type=Path, help="a record, in place of a run")
    options = parser.parse_args()
    if options.record:
        figures = kept(options.record)
    elif options.small:
        figures = measure("none", ["conv1d.same.*"], ["numpy"])
    else:
        figures = measure(options.sweeps)
    if options.json:
        result.keep(options.json, figures)
    for name, parts in figures["targets"].items():
        columns = "  ".join(f"{part} {parts[f'{part}_s']:6.2f} s" for part in ("import", "calls", "engine"))
        print(f"{name:<18} {columns}")
    said = (f"{name} {figures[name]}" for name in ("cases", "wall_s", "parent_peak_mb") if name in figures)
    print("  ".join(said))


if __name__ == "__main__":
    main()
