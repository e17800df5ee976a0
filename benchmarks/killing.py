"""
Kill a run with SIGKILL at random moments, go on with its record, and hold that against one of an undisturbed run.

At each point the run is killed after a random time, from its first instant to beyond its end, and resumed, which is
killed too every other time, until it ends. The record must then have the lines of the undisturbed one, times aside, and
no process of the run may be left. Exit code 1 if at one point it has not, or one is.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
from support import result

#: The times that a run took, and what it was begun at.
TIMES = ("seconds", "date")
#: Seconds that what a killed run leaves may live on.
PATIENCE = 5.0


def lines(record: Path) -> list[str]:
    """Return the lines of a record, without times, in an order of their own."""
    return sorted(json.dumps(_timeless(json.loads(line)), sort_keys=True) for line in record.open(encoding="utf-8"))


def _timeless(line: Any) -> Any:
    if isinstance(line, dict):
        return {} if "timing" in line else {name: _timeless(each) for name, each in line.items() if name not in TIMES}
    return line


def run(words: Sequence[str], seconds: float | None) -> float:
    """Make a run, killed after some seconds if it takes longer; return how long it lasted."""
    began = monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "conv_conformance", "run", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    workers: list[psutil.Process] = []
    while process.poll() is None and (seconds is None or monotonic() - began < seconds):
        with suppress(psutil.Error):
            workers = psutil.Process(process.pid).children(recursive=True)
        sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(workers, PATIENCE)
    if alive:
        raise SystemExit(f"left behind: {' '.join(alive[0].cmdline())[:200]}")
    return monotonic() - began


def point(words: Sequence[str], record: Path, longest: float, chance: random.Random) -> int:
    """Kill and resume a run until it ends; return how often it was killed."""
    kills = 0
    while True:
        is_begun = record.exists() and record.read_bytes().count(b"\n") > 0
        how = ["--resume", str(record)] if is_begun else [*words, "--record", str(record)]
        seconds = None if kills % 2 else chance.uniform(0, longest)
        run(how, seconds)
        if record.exists() and b'{"summary":' in record.read_bytes().splitlines()[-1:][0][:11]:
            return kills
        kills += 1


def main() -> int:
    """Kill at so many points; say at which the record differs."""
    parser = result.options(__doc__, "killing")
    parser.add_argument("--points", type=int, default=50, help="how often (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (%(default)s)")
    parser.add_argument("--what", default="conv2d.*", help="the cases (%(default)s)")
    parser.add_argument("-b", "--backend", action="append", help="the targets (numpy)")
    options = parser.parse_args()
    if options.small:
        options.points, options.what = 2, "conv1d.walkthrough.*"
    words = [options.what, "--sweeps", "none"]
    for name in options.backend or ["numpy"]:
        words += ["-b", name]
    chance, differing, kills = random.Random(options.seed), [], 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.jsonl"
        longest = 1.2 * run([*words, "--record", str(whole)], None)
        wanted = lines(whole)
        for number in range(options.points):
            record = Path(folder) / f"{number}.jsonl"
            kills += point(words, record, longest, chance)
            if lines(record) != wanted:
                differing.append(number)
    print(f"{options.points} points, killed {kills} times: {len(differing)} records differ {differing or ''}".rstrip())
    if options.json:
        result.keep(options.json, {"points": options.points, "kills": kills, "differing": differing})
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
