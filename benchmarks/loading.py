"""
Measure loading and checking of 1,500 generated cases, cold and from the cache, each in a fresh process.

beside them the processor's time, which tells more on a busy machine: `cold_cpu_s`, `cached_cpu_s`.
beside them the processor's time, which tells more on a busy machine: `cold_cpu_s`, `cached_cpu_s`.
`--write` keeps them in `results/loading.json`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

CASES = 1500
FILES = 30
RESULTS = Path(__file__).parent / "results" / "loading.json"

#: What each fresh process does; NumPy must not be there before a call is built.
TIMED = """
import sys, time
start = time.perf_counter()
from conv_conformance.corpus import load
imported, busy = time.perf_counter(), time.process_time()
corpus = load([sys.argv[1]])
ids = [case.id for case in corpus.cases]
loaded = time.perf_counter()
busy = time.process_time() - busy
assert "numpy" not in sys.modules
print(imported - start, loaded - imported, busy, len(ids))
"""


def case(number: int, draw: random.Random) -> str:
    """Return a literal case of about 700 bytes: a small two-dimensional call with its output written out."""
    height, width = draw.randint(4, 6), draw.randint(4, 7)
    image = [[[draw.randint(-9, 9) for _ in range(2)] for _ in range(width)] for _ in range(height)]
    kernel = [[[[draw.randint(-9, 9) for _ in range(2)] for _ in range(2)] for _ in range(2)] for _ in range(2)]
    output = [[[draw.randint(-99, 99) for _ in range(2)] for _ in range(width - 1)] for _ in range(height - 1)]
    return f"""\
  - id: generated.case-{number}
    title: The window of case {number} slides over every place
    clauses: [CONV-1, VALID-1]
    catches: [kernel-flipped]
    why: Small integers, all different often enough that a single wrong number tells which tap was read.
    input: {[image]}
    kernel: {kernel}
    strides: 1
    expect: {{output: {[output]}}}
"""


def write_corpus(folder: Path) -> int:
    """Write the corpus into a folder and return its size in bytes."""
    draw = random.Random(1)
    defaults = "{op: conv, layout: {input: NHWC, kernel: HWIO}, dtype: float32}"
    head = f"about: Generated to be loaded.\ndefaults: {defaults}\ncases:\n"
    for file in range(FILES):
        numbers = range(file, CASES, FILES)
        (folder / f"generated-{file}.yaml").write_text(head + "".join(case(number, draw) for number in numbers))
    return sum(path.stat().st_size for path in folder.iterdir())


def timed(folder: Path, cache: Path) -> tuple[float, float, float]:
    """Return the seconds of the import and of the load in a fresh process, and the processor's seconds of the load."""
    environment = {**os.environ, "CONV_CONFORMANCE_CACHE": str(cache)}
    command = [sys.executable, "-c", TIMED, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=folder)
    imported, loaded, busy, count = done.stdout.split()
    assert int(count) == CASES
    return float(imported), float(loaded), float(busy)


def measure(rounds: int) -> dict[str, float]:
    """Return the medians over cold and cached loads, interleaved."""
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        size = write_corpus(corpus)
        pairs = []
        for index in range(rounds):
            cache = Path(name) / f"cache-{index}"
            pairs.append((timed(corpus, cache), timed(corpus, cache)))
    cold, cached = zip(*pairs, strict=True)
    return {
        "cases": CASES,
        "bytes": size,
        "import_s": median(cold, 0),
        "cold_s": median(cold, 1),
        "cached_s": median(cached, 1),
        "cold_cpu_s": median(cold, 2),
        "cached_cpu_s": median(cached, 2),
    }


def median(runs: Sequence[tuple[float, ...]], index: int) -> float:
    """Return the median of one figure over runs."""
    return round(statistics.median(run[index] for run in runs), 4)


def machine() -> dict[str, object]:
    """Return where and with what the measurement was made."""
    import yaml

    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "pyyaml": version("pyyaml"),
        "libyaml": hasattr(yaml, "CSafeLoader"),
    }


def main() -> None:
    """Measure, print, and keep if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULTS.name}")
    options = parser.parse_args()
    figures = measure(options.rounds)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({**machine(), **figures}, indent=2) + "\n")
    for name, value in figures.items():
        print(name, value)


if __name__ == "__main__":
    main()
