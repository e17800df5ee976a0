"""
What a run of the whole corpus on the default targets takes: wall time, its parts, and the parent's peak memory.

Imports, calls and engine are apart: an import is the time until a backend is made, calls are the frameworks' own
time, the engine is the rest of each worker's time. Targets run side by side, so the parts add up to more than the
wall time.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

from conv_conformance import campaign, entries, platforms
from conv_conformance.run import Run, Runner
from conv_conformance.targets import default


def measure(sweeps: str) -> dict[str, Any]:
    """
    Run the corpus once; return the figures.
    """
    began = perf_counter()
    corpus = campaign.corpus((), sweeps)
    ledger = entries.load(entries.shipped())
    loaded = perf_counter()
    made = Runner(ledger=ledger, jobs=campaign.cores()).run(corpus.cases, default())
    ended = perf_counter()
    # Kibibytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "platform": platforms.describe(),
        "cases": len(corpus.cases),
        "wall_s": round(ended - began, 2),
        "load_s": round(loaded - began, 2),
        "parent_peak_mb": round(peak / 1e6, 1),
        "targets": dict(_targets(made)),
        "exit_code": made.exit_code(),
    }


def _targets(made: Run) -> list[tuple[str, dict[str, float | str]]]:
    figures = []
    for target in made.targets:
        seconds = target.info.seconds
        rest = seconds["total"] - seconds.get("import", 0.0) - seconds["calls"]
        figures.append(
            (
                target.info.name,
                {
                    "version": target.info.version,
                    "import_s": round(seconds.get("import", 0.0), 2),
                    "calls_s": round(seconds["calls"], 2),
                    "engine_s": round(rest, 2),
                },
            )
        )
    return figures


def main() -> None:
    """
    Measure, print, and keep the figures where asked.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", choices=["none", "quick", "full"], default="quick")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = measure(options.sweeps)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    for name, parts in figures["targets"].items():
        columns = "  ".join(f"{part} {parts[f'{part}_s']:6.2f} s" for part in ("import", "calls", "engine"))
        print(f"{name:<18} {columns}")
    print(f"cases {figures['cases']}  wall_s {figures['wall_s']}  parent_peak_mb {figures['parent_peak_mb']}")


if __name__ == "__main__":
    main()
