"""
Whether diagnosis names the cause of a wrong output, with every cause injected into random calls, and none else.

    python benchmarks/diagnosis.py [--trials N] [--unknown N] [--seed N] [--json]

Two trials of each known cause and one of each unknown take four minutes on two cores; the 90 and 30 that are the
default, above two hours.

A cause that is known is injected by its mutant, half of the time under a condition of the mutants; one that is not, by
`benchmarks/support/unknown_faults.py`, which was written from the glossary alone. With `--json` the figures go to
`benchmarks/results/diagnosis.json`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import cycle, islice
from multiprocessing import get_context
from typing import Any
from zlib import crc32

import numpy as np
from conv_conformance import corpus, diagnosis, reference
from conv_conformance.core.backend import Refused
from conv_conformance.core.call import Call, PerArray, Variation
from conv_conformance.core.dtypes import numpy_type
from conv_conformance.core.expectation import Output
from conv_conformance.core.observation import Observation
from conv_conformance.core.storage import Array
from conv_conformance.core.verdict import Diagnosis
from conv_conformance.core.vocabulary import SPATIAL
from conv_conformance.diagnosis.causes import CAUSES
from conv_conformance.diagnosis.narrowed_causes import WIDER
from conv_conformance.judging.judgement import Context, judge
from conv_conformance.mutants import named_conditions
from conv_conformance.mutants.evaluator import HONEST, evaluate
from conv_conformance.mutants.faults import EDITS
from conv_conformance.mutants.mutant import STUMBLES, Mutant
from support import result
from support.unknown_faults import FAULTS

SEED = 20261128
OPS = ("conv", "conv", "depthwise_conv", "separable_conv", "conv_transpose")
RANKS = (1, 2, 2, 2, 3)
MODES = ("zeros", "zeros", "zeros", "reflect", "replicate", "circular")
DTYPES = (
    *("float32",) * 4,
    *("float64", "bfloat16", "float16", "int64", "int32", "int8", "uint8", "complex64"),
)
#: What the output may have in place of the dtype of the input, now and then.
OUTPUTS = {
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "int32": ("int64",),
    "int8": ("int16", "int32"),
    "uint8": ("int16", "int32"),
}
#: And the kernel.
KERNELS = {"float32": "bfloat16", "int32": "int8", "uint8": "int8"}
#: Numbers in float32 are about so large: products underflow and overflow, some are beyond the range of float16.
SCALES = (-140, -20, 0, 0, 0, 17, 100)
STORAGES = ("contiguous", "contiguous", "contiguous", "transposed", "strided", "reversed", "offset")
#: So many calls are drawn, and kept if neither the input nor the output is larger; of each fault those are taken, in an
#: order of its own, on which it shows.
CALLS, LARGEST = 5000, 20_000

Rng = np.random.Generator


@lru_cache(maxsize=CALLS)
def drawn(seed: int, number: int) -> tuple[Call, Array | None]:
    """Return a random call and its output, none where it has none or is too large."""
    rng = np.random.default_rng([seed, number])
    call = _drawn(rng, str(rng.choice(OPS)), int(rng.choice(RANKS)))
    try:
        output = evaluate(call, HONEST) if call.input.size <= LARGEST else None
    except (Refused, *STUMBLES):
        output = None
    return call, output if output is not None and output.size <= LARGEST else None


def _drawn(rng: Rng, op: str, rank: int) -> Call:
    """Return a call: every length, count and parameter of its own, elements that do not repeat."""
    dtype = str(rng.choice(DTYPES))
    groups = int(rng.choice((1, 1, 2, 3))) if op in ("conv", "conv_transpose") else 1
    is_large = groups > 1 or rank > 2
    sizes = {
        "N": int(rng.integers(3, 5)) if rng.random() < 0.98 else 0,
        "C": int(rng.choice((1, 3, 5, 9, 13) if groups > 1 else (3, 5, 9, 13) if is_large else (3, 5, 9, 13, 22, 53)))
        * groups,
        "O": int(rng.choice((3, 6, 10, 14) if is_large else (3, 6, 10, 14, 23, 54))) * groups,
        "M": int(rng.integers(1, 4)),
    }
    axes = SPATIAL[rank]
    least, most = {1: (9, 19), 2: (8, 13), 3: (3, 7) if op == "conv_transpose" else (6, 10)}[rank]
    lengths = {axis: int(length) for axis, length in zip(axes, rng.permutation(range(least, most)), strict=False)}
    counts = rng.permutation((2, 3, 4) if rank == 3 else (3, 4, 5))
    taps = {axis: int(k) for axis, k in zip(axes, counts, strict=False)}
    if rng.random() < 0.1:  # small ones
        lengths |= {str(rng.choice(list(axes))): int(rng.integers(1, 4))}
        sizes |= {str(rng.choice(("N", "M"))): 1}
        taps |= dict.fromkeys(axes, 1) if rng.random() < 0.5 else {str(rng.choice(list(axes))): 1}
    return _call(rng, op, dtype, groups, sizes, lengths, taps)


def _call(
    rng: Rng,
    op: str,
    dtype: str,
    groups: int,
    sizes: dict[str, int],
    lengths: dict[str, int],
    taps: dict[str, int],
) -> Call:
    axes = "".join(lengths)
    letters = {"input": f"NC{axes}", **_kernels(op, axes), "output": f"NC{axes}"}
    order = {name: "".join(rng.permutation(list(each))) for name, each in letters.items()}
    shapes = {
        name: {**sizes, **lengths} if name == "input" else _kernel_sizes(name, op, sizes, groups, taps)
        for name in letters
    }
    produced = sizes["C"] * sizes["M"] if op == "depthwise_conv" else sizes["O"]
    dtypes = {name: dtype for name in order if name != "output"}
    if dtype in KERNELS and rng.random() < 0.15:
        dtypes |= {name: KERNELS[dtype] for name in dtypes if name != "input"}
    arrays = {name: _numbers(rng, [shapes[name][at] for at in order[name]], each) for name, each in dtypes.items()}
    if rng.random() < 0.5:
        arrays["bias"] = _numbers(rng, [produced], dtype)
    storage = {name: str(rng.choice(STORAGES)) for name in arrays}
    if rng.random() < 0.05 and arrays["input"].size:
        letter = str(rng.choice(list(order["input"])))
        storage["input"] = f"broadcast:{letter}"
        first = arrays["input"].take([0], axis=order["input"].index(letter))
        arrays["input"] = np.broadcast_to(first, arrays["input"].shape).copy()
    result = str(rng.choice(OUTPUTS[dtype])) if dtype in OUTPUTS and rng.random() < 0.25 else dtype
    return Call(
        op=op,
        **arrays,
        layout=PerArray(**order),
        dtype=PerArray(**{**dict.fromkeys(arrays, dtype), **dtypes, "output": result}),
        variation=Variation(inside_graph=bool(rng.random() < 0.1)),
        groups=groups,
        storage=PerArray(**storage),
        **_parameters(rng, op, len(axes)),
    )


def _kernels(op: str, axes: str) -> dict[str, str]:
    if op == "separable_conv":
        return {"depthwise_kernel": f"CM{axes}", "pointwise_kernel": f"OI{axes}"}
    return {"kernel": f"CM{axes}" if op == "depthwise_conv" else f"OI{axes}"}


def _kernel_sizes(name: str, op: str, sizes: dict[str, int], groups: int, taps: dict[str, int]) -> dict[str, int]:
    if name == "pointwise_kernel":
        return {"O": sizes["O"], "I": sizes["C"] * sizes["M"], **dict.fromkeys(taps, 1)}
    if op == "conv_transpose":
        return {"O": sizes["O"] // groups, "I": sizes["C"], **taps}
    return {"O": sizes["O"], "I": sizes["C"] // groups, "C": sizes["C"], "M": sizes["M"], **taps}


def _numbers(rng: Rng, shape: list[int], dtype: str) -> Array:
    if dtype == "int8":
        numbers = rng.integers(-128, 128, shape)
    elif dtype == "uint8":
        numbers = rng.integers(0, 256, shape)
    elif dtype in ("int32", "int64") and rng.random() < 0.5:
        most = np.iinfo(dtype).max
        numbers = rng.integers(-most, most, shape)
    elif dtype.startswith("complex"):
        return (rng.integers(-9, 10, shape) + 1j * rng.integers(-9, 10, shape)).astype(numpy_type(dtype))
    else:
        numbers = rng.integers(-3, 4, shape) if dtype == "bfloat16" else rng.integers(-9, 10, shape)
        if dtype in ("float32", "float64") and rng.random() < 0.4:
            return (rng.normal(size=shape) * 2.0 ** rng.choice(SCALES)).astype(numpy_type(dtype))
        if rng.random() < 0.1 and not dtype.startswith("int"):
            special = rng.choice((np.nan, np.inf, -np.inf), numbers.shape)
            return np.where(rng.random(numbers.shape) < 0.05, special, numbers).astype(numpy_type(dtype))
    return numbers.astype(numpy_type(dtype))


def _parameters(rng: Rng, op: str, rank: int) -> dict[str, Any]:
    def each(most: int) -> tuple[int, ...]:
        least = 1 if rank == 3 or rng.random() < 0.3 else 2
        return tuple(int(number) for number in rng.permutation(range(least, most + 1))[:rank])

    transposed = op == "conv_transpose"
    words = ["valid", "same", "same_lower"] if transposed else ["valid", "same", "same_lower", "full"]
    words += ["causal", "causal"] if rank == 1 and not transposed else []
    if rng.random() < 0.4:
        amounts = rng.permutation(range(-2, 5) if rng.random() < 0.4 else range(6))[: 2 * rank]
        padding: Any = tuple((int(low), int(high)) for low, high in amounts.reshape(rank, 2))
    else:
        padding = str(rng.choice(words))
    ones, none, extra = (1,) * rank, (0,) * rank, tuple(int(more) for more in rng.permutation(3)[:rank])
    mode = "zeros" if transposed else str(rng.choice(MODES))
    plain = transposed or mode != "zeros" or rng.random() < 0.7
    before = None
    if rng.random() < 0.15:
        before = tuple((int(low), int(high)) for low, high in rng.integers(0, 3, (rank, 2)))
    return {
        "strides": each(4) if rng.random() < 0.7 else ones,
        "dilations": each(4) if rng.random() < 0.5 else ones,
        "input_dilations": ones if plain else each(3),
        "output_padding": extra if transposed and not isinstance(padding, str) and rng.random() < 0.5 else none,
        "padding": padding,
        "padding_mode": mode,
        "before": before,
    }


#: What the clause that a fault breaks is about, by its first word; every op where it is none of these.
MEANT: dict[str, Callable[[Call], bool]] = {
    "TRANS": lambda call: call.op == "conv_transpose",
    "DEPTHWISE": lambda call: call.op == "depthwise_conv",
    "SEPARABLE": lambda call: call.op == "separable_conv",
    "GROUP": lambda call: call.groups > 1,
    **dict.fromkeys(
        ("CONV", "STRIDE", "DILATION", "PAD", "SAME", "LOWER", "VALID", "SHAPE", "CHANNEL"),
        lambda call: call.op != "conv_transpose",
    ),
}
#: Of some faults another name is the right one elsewhere: with two axes a rotation is a swap, and under `same_lower`
#: the mutants of `same` also move the odd element.
ONLY: dict[str, Callable[[Call], bool]] = {
    **dict.fromkeys(("kernel-axes-rolled", "strides-rolled", "dilations-rolled"), lambda call: call.rank > 2),
    "last-row-stale": lambda call: call.rank > 1,
    "causal-dilation-starts-late": lambda call: max(call.dilations) > 1,
    **dict.fromkeys(
        (
            "same-ignores-stride",
            "same-pads-negative",
            "same-ignores-dilation",
            "same-keeps-length",
            "transposed-same-ignores-dilation",
        ),
        lambda call: call.padding == "same",
    ),
    "valid-pads-the-end": lambda call: call.op == "conv",
    "kernel-channels-swapped": lambda call: call.op == "conv",
    # Of a depthwise convolution the channels are those of the output.
    **dict.fromkeys(
        (f"channels-{how}" for how in ("reversed", "rolled", *(f"beyond-{n}-dropped" for n in (8, 16, 32)))),
        lambda call: call.op != "depthwise_conv",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One wrong output: what caused it, and what diagnosis says."""

    cause: str
    said: Diagnosis
    seconds: float

    @property
    def outcome(self) -> str:
        """
        `right`, `ambiguous` with the true cause in the list, `wrong` or `unexplained`.

        A cause in its narrower scope is the true one.
        """
        if not self.said.causes:
            return "unexplained"
        if not any(name == self.cause or self.cause in WIDER.get(name, ()) for name in self.said.causes):
            return "wrong"
        return "right" if len(self.said.causes) == 1 else "ambiguous"


def shown(call: Call, honest: Array, compute: Callable[[Call], Array]) -> Array | None:
    """Return a wrong output of a call, None where it is right, or there is none."""
    try:
        with np.errstate(all="ignore"):
            got = np.asarray(compute(call))
        if got.dtype == honest.dtype and got.tobytes() == honest.tobytes() and got.shape == honest.shape:
            return None
        right = reference.evaluate(call)
    except (reference.Undefined, Refused, *STUMBLES):
        return None
    if right.dtype == got.dtype and np.array_equal(right, got, equal_nan=right.dtype.kind not in "iu"):
        return None
    seen = Observation(outcome="returned", arrays={"output": got}, dtypes={"output": got.dtype.name})
    judged = judge(Output(array=right), seen, Context(call=call))
    return got if judged.verdict == "disagree" else None


def asked(cause: str, call: Call, got: Array) -> Trial:
    """Return what diagnosis says of a wrong output of a fault."""
    start = time.perf_counter()
    said = diagnosis.diagnose(call, got, got.dtype.name) or Diagnosis()
    return Trial(cause=cause, said=said, seconds=time.perf_counter() - start)


def everywhere(call: Call) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Task:
    """Trials of one fault: of the glossary, with the clause that it breaks, or of those that it does not name."""

    name: str
    breaks: str
    many: int
    seed: int

    def trials(self) -> list[Trial]:
        """Return the trials, fewer where too few calls were drawn on which the fault shows."""
        return list(islice(self._tried(), self.many))

    def _tried(self) -> Iterator[Trial]:
        """Yield a trial of each call on which the fault shows, every other one under a condition if it shows there."""
        rng = np.random.default_rng([self.seed, crc32(self.name.encode())])
        under = cycle((False, True))
        for at in rng.permutation(CALLS):
            call, honest = drawn(self.seed, int(at))
            if honest is None or not all(is_meant(call) for is_meant in self._about):
                continue
            got = shown(call, honest, self._compute)
            if got is not None:
                conditioned = self._conditioned(rng, call, honest) if self.breaks and next(under) else None
                yield asked(self.name, call, got if conditioned is None else conditioned)
            # The memory that the evaluators laid out for it.
            call.placed.clear()

    @property
    def _about(self) -> tuple[Callable[[Call], bool], ...]:
        return (MEANT.get(self.breaks.partition("-")[0], everywhere), ONLY.get(self.name, everywhere))

    @cached_property
    def _compute(self) -> Callable[[Call], Array]:
        if self.breaks:
            return Mutant(fault=self.name).prepared().output
        return lambda call: evaluate(call, FAULTS[self.name](HONEST))

    def _conditioned(self, rng: Rng, call: Call, honest: Array) -> Array | None:
        """Return what the fault gives under one of the conditions that hold for a call, in random order."""
        holding = [name for name, each in named_conditions.CONDITIONS.items() if name and each.holds(call)]
        under = (str(name) for name in rng.permutation(holding)[:5])
        tried = (shown(call, honest, Mutant(fault=self.name, condition=each).prepared().output) for each in under)
        return next((got for got in tried if got is not None), None)


def tasks(known: int, unknown: int, seed: int) -> list[Task]:
    """Return all tasks: those of causes that are known, then the others."""
    breaks = {name: fault.breaks for name, fault in corpus.load(sweeps="none").faults.items()}
    names = sorted(CAUSES.keys() & EDITS.keys())
    injected = [Task(name=name, breaks=breaks[name], many=known, seed=seed) for name in names]
    return injected + [Task(name=name, breaks="", many=unknown, seed=seed) for name in FAULTS]


def counted(trials: list[Trial]) -> dict[str, int]:
    """Return how many trials had each outcome."""
    found = Counter(each.outcome for each in trials)
    return {name: found[name] for name in ("right", "ambiguous", "wrong", "unexplained")}


def summary(trials: list[Trial], others: list[Trial]) -> dict[str, Any]:
    """Return the figures of all trials, and those of each cause."""
    causes = sorted({each.cause for each in trials})
    seconds = sorted(each.seconds for each in trials)
    lists = sorted(len(each.said.causes) for each in trials if each.said.causes)
    false = [each for each in others if each.said.causes]
    return {
        "trials": len(trials),
        **counted(trials),
        "partial": sum(each.said.confidence == "partial" for each in trials),
        "causes": len(causes),
        "median_list": lists[len(lists) // 2] if lists else None,
        "median_ms": round(seconds[len(seconds) // 2] * 1e3, 1),
        "unknown_trials": len(others),
        "unknown_unexplained": len(others) - len(false),
        "unknown_causes": len({each.cause for each in others}),
        "falsely_said": [f"{each.cause}: {', '.join(each.said.causes)} ({each.said.confidence})" for each in false],
        "by_cause": {name: counted([each for each in trials if each.cause == name]) for name in causes},
        "confused": _confused(trials, "wrong"),
        "not_told_apart": _confused(trials, "ambiguous"),
        "not_found": dict(Counter(each.cause for each in trials if each.outcome == "unexplained").most_common()),
    }


def _confused(trials: list[Trial], outcome: str) -> dict[str, int]:
    pairs = Counter(
        f"{each.cause}: {', '.join([name for name in each.said.causes if name != each.cause][:4])}"
        for each in trials
        if each.outcome == outcome
    )
    return dict(pairs.most_common(200))


def main() -> None:
    parser = result.options(__doc__, "diagnosis")
    parser.add_argument("--trials", type=int, default=90, help="of each known cause")
    parser.add_argument("--unknown", type=int, default=30, help="of each fault outside the glossary")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    asked_for = tasks(1, 1, given.seed)[::40] if given.small else tasks(given.trials, given.unknown, given.seed)
    with get_context("fork").Pool() as processes:
        made = processes.map(Task.trials, asked_for, chunksize=1)
    few = {task.name: len(trials) for task, trials in zip(asked_for, made, strict=True) if len(trials) < task.many}
    figures = {
        "seed": given.seed,
        **summary(
            [trial for task, trials in zip(asked_for, made, strict=True) if task.breaks for trial in trials],
            [trial for task, trials in zip(asked_for, made, strict=True) if not task.breaks for trial in trials],
        ),
        "drawn_less": few,
    }
    print(json.dumps({name: each for name, each in figures.items() if name != "by_cause"}, indent=1))
    if given.json:
        result.keep(given.json, figures)


if __name__ == "__main__":
    main()
