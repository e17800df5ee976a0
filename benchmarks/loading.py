"""
Measure the loading and checking of 1,500 generated cases, cold and from the cache, each in a fresh process.

Prints medians in seconds: of the import, of a cold load and of one from the cache, and of the processor's time of both
loads, which says more on a busy machine.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from support import result

CASES = 1500
FILES = 30

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


def write_corpus(folder: Path, cases: int) -> int:
    """Write a corpus of so many cases into a folder and return its size in bytes."""
    draw = random.Random(1)
    defaults = "{op: conv, layout: {input: NHWC, kernel: HWIO}, dtype: float32}"
    head = f"about: Generated to be loaded.\ndefaults: {defaults}\ncases:\n"
    for file in range(FILES):
        numbers = range(file, cases, FILES)
        (folder / f"generated-{file}.yaml").write_text(head + "".join(case(number, draw) for number in numbers))
    return sum(path.stat().st_size for path in folder.iterdir())


def timed(folder: Path, cache: Path) -> tuple[float, float, float, int]:
    """Return the seconds of a fresh process for import and load, its CPU seconds for the load, and the cases."""
    environment = {**os.environ, "CONV_CONFORMANCE_CACHE": str(cache)}
    command = [sys.executable, "-c", TIMED, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=folder)
    imported, loaded, busy, count = done.stdout.split()
    return float(imported), float(loaded), float(busy), int(count)


def measure(rounds: int, cases: int) -> dict[str, float]:
    """Return the medians over cold and cached loads, interleaved."""
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        size = write_corpus(corpus, cases)
        pairs = []
        for index in range(rounds):
            cache = Path(name) / f"cache-{index}"
            pairs.append((timed(corpus, cache), timed(corpus, cache)))
    cold, cached = zip(*pairs, strict=True)
    assert {run[3] for run in (*cold, *cached)} == {cases}
    return {
        "cases": cases,
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


def main() -> None:
    """Measure, print, and keep if asked to."""
    parser = result.options(__doc__, "loading")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    figures = measure(1, 60) if options.small else measure(options.rounds, CASES)
    if options.json:
        result.keep(options.json, figures)
    for name, value in figures.items():
        print(name, value)


if __name__ == "__main__":
    main()
