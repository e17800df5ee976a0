"""
Which kernels of the frameworks the cases reach, under which settings, and which they never reach.

Each setting is a process of its own, in which every case's call is made by the suite's adapter and judged as in a run.
What the framework takes for each call is seen by what it tells of itself: the backend that torch selects, the
primitives that oneDNN executes (ONEDNN_VERBOSE), the kernels that TensorFlow places, the program that XLA compiles.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from conv_conformance import corpus
from conv_conformance.core.case import Case
from conv_conformance.workers import machine
from support import result
from support.kernels.observe import observe
from support.kernels.page import page, said
from support.kernels.settings import SETTINGS, Setting
from support.kernels.tally import Seen, read, tally

#: Seconds that one process may take, and how often a setting's may be started.
MOST, STARTS = 1800, 20
#: What every process is given: oneDNN tells what it executes, and threads that wait leave the cores to others.
ALWAYS = {"ONEDNN_VERBOSE": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "OMP_WAIT_POLICY": "PASSIVE"}


def chosen(patterns: Sequence[str], *, is_literal: bool) -> list[Case]:
    """Return the cases that match the patterns; without patterns all sweep points, and with `is_literal` all cases."""
    loaded = corpus.load(sweeps="quick").select(patterns)
    return [case for case in loaded.cases if (patterns or is_literal or case.sweep)]


def seen(setting: Setting, arguments: Sequence[str], folder: Path) -> Seen:
    """Return what a setting's process saw; one that dies or hangs is started again for what is left."""
    observations, log = folder / "observations.jsonl", folder / "log"
    observations.unlink(missing_ok=True)
    environment = {**os.environ, **ALWAYS, **setting.environment}
    command = [sys.executable, __file__, *arguments, "--observe", setting.name, str(observations), str(log)]
    found = Seen()
    for _ in range(STARTS):
        begun = found.begun
        with log.open("wb") as printed, suppress(subprocess.TimeoutExpired):
            subprocess.run(command, env=environment, stdout=printed, stderr=printed, check=False, timeout=MOST)
        found = read(observations)
        if found.is_done:
            return found
        if found.begun == begun:
            break
    raise SystemExit(f"{setting.name}: {log.read_text(errors='replace')[-2000:]}")


def measure(
    settings: Sequence[Setting], cases: Sequence[Case], arguments: Sequence[str], kept: dict[str, Any]
) -> Iterator[None]:
    """Put what is measured into `kept`, as the JSON file holds it, and print how long each setting took."""
    platform = machine.describe()
    if kept.get("platform") != platform:  # figures of two machines are not to be read together
        kept.clear()
    kept |= {"platform": platform, "existing": kept.get("existing", {}), "settings": kept.get("settings", {})}
    with tempfile.TemporaryDirectory() as folder:
        for setting in settings:
            began = perf_counter()
            found = seen(setting, arguments, Path(folder))
            kept["settings"][setting.name] = tally(setting, found, cases)
            kept["existing"] |= found.existing
            kept["cases"] = {"literal": sum(not case.sweep for case in cases), "sweeps": sum(map(_is_point, cases))}
            kept |= result.header()
            print(f"{setting.name:<45} {len(found.verdicts):5} cases  {perf_counter() - began:6.1f} s", flush=True)
            yield


def _is_point(case: Case) -> bool:
    return bool(case.sweep)


def _observe(cases: Sequence[Case], name: str, observations: str, log: str) -> None:
    """Make the calls of a setting that were not judged before; of those that take long only some, evenly spread."""
    setting = next(each for each in SETTINGS if each.name == name)
    step = max(-(-len(cases) // setting.most), 1) if setting.most else 1
    judged = read(Path(observations)).verdicts
    crashed = [case for case in cases if judged.get(case.id, {}).get("verdict") == "crash"]
    left = [case for case in cases[::step] if case.id not in judged]
    observe(setting, left, crashed, log, Path(observations))


def main() -> None:
    """Measure, and write the figures and the page where asked."""
    parser = result.options(__doc__)
    parser.add_argument("what", nargs="*", help="patterns of ids; without them the points of the sweeps")
    parser.add_argument("--literal", action="store_true", help="the literal cases too")
    parser.add_argument("--setting", action="append", help="only this setting, repeatable")
    parser.add_argument("--page", type=Path, help="write the page to this file")
    parser.add_argument("--nothing", action="store_true", help="measure nothing, take what the file holds")
    parser.add_argument("--observe", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.small:
        options.what, options.setting = ["conv1d.same.one-element"], [SETTINGS[0].name]
    cases = [] if options.nothing else chosen(options.what, is_literal=options.literal)
    if options.observe:
        _observe(cases, *options.observe)
    arguments = [*options.what, *(["--literal"] if options.literal else [])]
    wanted = options.setting or []
    settings = [each for each in SETTINGS if not wanted or each.name in wanted]
    kept = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    for _ in () if options.nothing else measure(settings, cases, arguments, kept):
        if options.json:
            options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    if options.page:
        options.page.write_text(page(kept), encoding="utf-8")
    if kept.get("existing"):
        print(said(kept))


if __name__ == "__main__":
    main()
