"""
What the engine costs beside the framework, on small calls.

Prints `ratio` for each framework: the wall time of 1,000 small conv1d calls through the engine (decode, transport,
call, fetch, judge, record; the worker is ready before) over that of a bare loop of the same 1,000 calls in the same
process (tensors made from the same arrays, called, fetched to NumPy), interleaved in one run; the median over the
rounds. `addend_us` is the difference for one call, in microseconds.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from conv_conformance import Call, Outputs, Target
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import Output
from conv_conformance.core.verdict import Verdict
from conv_conformance.records.record import TargetInfo, Timing, Writer
from conv_conformance.reference import evaluate
from conv_conformance.running.runner import Runner
from conv_conformance.workers.plan import SMOKE as TEMPLATE
from conv_conformance.workers.targets import known, resolve
from support import result

CALLS, ROUNDS = 1000, 9

#: A call whose stride is so much plus a number asks the backend below for a bare loop over that many calls instead.
MARK = 97

Bare = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], Any]


def bare_torch() -> Bare:
    import torch

    conv1d = torch.nn.functional.conv1d

    def bare(x: Any, k: Any) -> Any:
        placed = torch.from_numpy(x).permute(0, 2, 1), torch.from_numpy(k).permute(2, 1, 0)
        return conv1d(*placed).permute(0, 2, 1).numpy()

    return bare


def bare_jax() -> Bare:
    import jax

    conv = jax.lax.conv_general_dilated

    def bare(x: Any, k: Any) -> Any:
        placed = jax.numpy.asarray(x), jax.numpy.asarray(k)
        return np.asarray(conv(*placed, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")))

    return bare


def bare_tensorflow() -> Bare:
    import tensorflow as tf

    def bare(x: Any, k: Any) -> Any:
        return tf.nn.conv1d(tf.constant(x), tf.constant(k), 1, "VALID").numpy()

    return bare


BARE = {"torch": bare_torch, "jax": bare_jax, "tensorflow": bare_tensorflow}


class Timed:
    """A backend that passes every call on to the real one, and on a marked call times the bare loop."""

    def __init__(self, target: Target) -> None:
        place, _, name = known()[target.mode].partition(":")
        self._real = getattr(import_module(place), name)(Target(name=target.mode))
        self.framework = self._real.framework
        self.version = self._real.version
        self.limits = self._real.limits
        self._bare = BARE[target.mode]()
        self._arrays: list[tuple[Any, Any]] = []
        self._loops = 0

    modes = dict.fromkeys(BARE, "the target that is measured")

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        (stride,) = call.strides
        if stride > MARK:
            return lambda: self._loop(stride - MARK)
        if len(self._arrays) < CALLS:
            self._arrays.append((np.array(call.input), np.array(call.array("kernel"))))
        prepared: Callable[[], Outputs] = self._real.prepare(call)
        return prepared

    def _loop(self, calls: int) -> Outputs:
        arrays = self._arrays[:calls]
        # The first loop, which does not count, may come before all calls of its round.
        assert len(arrays) == calls or not self._loops
        self._loops += 1
        began = perf_counter()
        for x, k in arrays:
            self._bare(x, k)
        return Outputs({"output": np.array([[[perf_counter() - began]]])})


def cases(calls: int, rounds: int) -> list[Case]:
    """Return the rounds, one more than asked: calls of eight shapes and their own values, then a marked one."""
    made = [_case(number) for number in range(calls)]
    mark = _mark(calls)
    return [case for _ in range(rounds + 1) for case in (*made, mark)]


def _case(number: int) -> Case:
    width, filters = 4 + number % 4, 1 + number // 4 % 2
    x = (np.arange(3 * width * 3) * (number + 3) % 7 - 3).reshape(3, width, 3).astype(np.float32)
    k = (np.arange(2 * 3 * filters) * (number + 5) % 5 - 2).reshape(2, 3, filters).astype(np.float32)
    call = replace(TEMPLATE, input=x, kernel=k)
    expected = Output(array=evaluate(call))
    return Case(
        id=f"overhead.{number}", title="", clauses=(), build_call=lambda: call, build_expectation=lambda: expected
    )


def _mark(calls: int) -> Case:
    call = replace(TEMPLATE, strides=(MARK + calls,))
    nothing = Output(array=np.zeros((1, 1, 1), np.float32))
    return Case(id="mark", title="", clauses=(), build_call=lambda: call, build_expectation=lambda: nothing)


def measure(target: str, calls: int, most: int) -> dict[str, str | float]:
    """Return the framework's version, and medians over the rounds but the first: both loops, their ratio and addend."""
    runner = Runner(jobs=1)
    adapter = resolve(f"{Path(__file__).resolve()}:Timed")
    adapter = replace(adapter, target=replace(adapter.target, mode=target))
    every = cases(calls, most)
    for case in every:
        assert case.expectation is not None
    rounds: list[tuple[float, float]] = []
    version = ""
    with tempfile.TemporaryFile("w") as file:
        writer = Writer(file, {})
        since = 0.0

        def tell(said: TargetInfo | Verdict | Timing) -> None:
            nonlocal since, version
            if isinstance(said, TargetInfo):
                assert said.failed is None, said.failed
                version = said.version
                return
            if isinstance(said, Timing):
                return
            writer.verdict(said)
            if said.case == "mark":
                assert said.finding is not None
                now = perf_counter()
                rounds.append((now - since - said.seconds, said.seconds))
                since = now
            else:
                assert said.verdict == "agree", said

        runner.run(every, [adapter], tell)
    warm = rounds[1:]
    engine, bare = (statistics.median(side) for side in zip(*warm, strict=True))
    ratio = statistics.median(engine / bare for engine, bare in warm)
    found = {"engine_s": engine, "bare_s": bare, "addend_us": (engine - bare) / calls * 1e6, "ratio": ratio}
    return {"version": version, **{name: round(value, 6) for name, value in found.items()}}


def main() -> None:
    """Measure, and print the figures of each framework."""
    parser = result.options(__doc__, "overhead")
    parser.add_argument("--target", choices=sorted(BARE), action="append", help="one of these; all by default")
    options = parser.parse_args()
    calls, rounds = (20, 2) if options.small else (CALLS, ROUNDS)
    targets = options.target or (["torch"] if options.small else sorted(BARE))
    found = {}
    for target in targets:
        found[target] = measure(target, calls, rounds)
        print(target, *(f"{name} {value}" for name, value in found[target].items()), flush=True)
    if options.json:
        result.keep(options.json, {"calls": calls, "targets": found})


if __name__ == "__main__":
    main()
