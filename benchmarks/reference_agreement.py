"""
Draw calls of every kind and compare the two formulations of the exact reference, bit for bit.

Prints how many draws had each op, rank and feature, what the reference takes for a small call and for one of
25 million products, and on its last line `agreed N of N`.
A disagreement ends the run with the smallest call that shows it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version

import numpy as np
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.core.vocabulary import ARRAYS
from conv_conformance.reference import evaluate, evaluate_again
from hypothesis import HealthCheck, given, seed, settings
from support import result

sys.path.insert(0, str(result.ROOT))
from tests.support.builders import call_of
from tests.support.formulations import outcome
from tests.support.random_calls import calls, switches

#: Draws of one run of Hypothesis, which keeps all of them in memory.
CHUNK = 1000


def agree(draws: int, first_seed: int) -> Counter[str]:
    """
    Compare the formulations over at least `draws` calls; return how many showed each feature, `draws` among them.

    Raises:
        AssertionError: from the smallest call found on which they differ.

    """
    seen: Counter[str] = Counter()
    while seen["draws"] < draws:
        _chunk(seen, min(CHUNK, draws - seen["draws"]), first_seed + seen["draws"])
        print(f"\r{seen['draws']} of {draws}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return seen


def _chunk(seen: Counter[str], draws: int, number: int) -> None:
    @seed(number)
    @settings(max_examples=draws, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(call=calls(), chosen=switches())
    def compare(call: Call, chosen: frozenset[str]) -> None:
        found = outcome(evaluate, call, chosen)
        assert found == outcome(evaluate_again, call, chosen)
        with np.errstate(invalid="ignore"):  # signalling NaNs
            seen.update(["draws", *features(call), *chosen, *_results(found)])

    compare()


def features(call: Call) -> Iterator[str]:
    """Name what a call shows."""
    yield f"{call.op}, rank {call.rank}"
    yield f"padding {call.padding}" if isinstance(call.padding, str) else f"padding {_signs(call)}"
    yield f"padding mode {call.padding_mode}"
    yield from (
        f"{name} above 1" for name in ("strides", "dilations", "input_dilations") if max(getattr(call, name)) > 1
    )
    yield from (name for name in ("before", "bias") if getattr(call, name) is not None)
    yield from ["output_padding"] * any(call.output_padding) + ["groups above 1"] * (call.groups > 1)
    yield from _of_arrays([getattr(call, name) for name in ARRAYS if getattr(call, name) is not None])
    yield f"output {call.dtype.output}"


def _signs(call: Call) -> str:
    sizes = [size for pair in call.padding for size in pair if not isinstance(size, str)]
    if min(sizes) < 0:
        return "of both signs" if max(sizes) > 0 else "negative or 0"
    return "pairs"


def _of_arrays(arrays: list[Array]) -> Iterator[str]:
    if any(array.size == 0 for array in arrays):
        yield "an empty array"
    if len({array.dtype for array in arrays}) > 1:
        yield "several dtypes"
    floats = [array for array in arrays if array.dtype.kind not in "iu"]
    yield from ["NaN"] * any(np.isnan(array).any() for array in floats)
    yield from ["infinities"] * any(np.isinf(array).any() for array in floats)


def _results(found: object) -> Iterator[str]:
    if not isinstance(found, tuple):
        yield "undefined"
        return
    shape, _, data = found
    if not all(shape):
        yield "an empty result"
    elif any(data):
        yield "a result that is not all zeros"


def milliseconds(function: Callable[[Call], Array], call: Call, rounds: int) -> float:
    """Return the fastest of some evaluations."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function(call)
        times.append(time.perf_counter() - start)
    return round(1e3 * min(times), 3)


def speed() -> dict[str, float]:
    """Return the milliseconds of both formulations for a small call and for one of 25 million products."""
    draw = np.random.default_rng(1)
    small = call_of("conv", [[[0], [3], [4], [5]]], [[[1]], [[2]]])
    large = call_of("conv", draw.integers(-9, 10, (4, 30, 30, 32)), draw.integers(-9, 10, (3, 3, 32, 28)))
    return {
        "small_ms": milliseconds(evaluate, small, 200),
        "small_again_ms": milliseconds(evaluate_again, small, 200),
        "large_ms": milliseconds(evaluate, large, 3),
        "large_again_ms": milliseconds(evaluate_again, large, 3),
    }


def main() -> None:
    """Compare, print, and keep if asked to."""
    parser = result.options(__doc__, "reference_agreement")
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures = speed()
    start = time.perf_counter()
    seen = agree(20 if options.small else options.draws, options.seed)
    seconds = round(time.perf_counter() - start, 1)
    draws, counts = seen.pop("draws"), dict(sorted(seen.items()))
    if options.json:
        tools = {name: version(name) for name in ("numpy", "ml_dtypes", "hypothesis")}
        about = {"seed": options.seed, "draws": draws, "agreed": draws, "seconds": seconds}
        result.keep(options.json, {**tools, **about, **figures, "counts": counts})
    for name, value in {**counts, **figures, "seconds": seconds}.items():
        print(name, value)
    print(f"agreed {draws} of {draws}")


if __name__ == "__main__":
    main()
