"""
What the literal cases see of the NumPy target: every mutant that a mutation tool makes of its code, run on them.

Cosmic Ray names and makes the mutants of the four modules. Each is loaded into a forked process of its own, where the
literal cases are made and judged as in a run. The first verdict that is not expected kills it, and so do a crash, an
endless loop, and a case that is suddenly `unsupported`, for those are counted and may not grow. What survives meets the
target's own tests, and these kills are counted apart.

Not counted are mutants that do not compile, that differ in annotations alone (which nothing evaluates), or that are the
same program as an earlier one. `mechanical-survivors.yaml` explains every survivor: `equivalent` ones leave the
denominator, `unseen` ones stay in it. Ends with 1 for a survivor without an explanation, an explanation without a
survivor, or fewer kills than 97 in 100.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import connection, get_context
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import pytest
from conv_conformance import corpus
from conv_conformance.backends import numpy as target_package
from conv_conformance.core.verdict import UNEXPECTED
from conv_conformance.running.in_process import verdicts
from conv_conformance.workers.plan import Plan, make_plan
from support import mutations, result
from support.mutations import Mutant

HERE = Path(__file__).parent
EXPLAINED = HERE / "mechanical-survivors.yaml"
TESTS = HERE.parent / "tests" / "backends" / "test_numpy.py"
#: The modules of the target, each after those that it imports.
MODULES = ("sums", "gradients", "refusals", "adapter")
#: Functions whose results no verdict rests on: the text of the call, and what the target says of itself.
SAID = ("_text", "_stage_text", "_permuted", "_blas")
#: The share of the counted mutants that the cases must kill.
LEAST = 0.97
#: The corpus is planned in so many parts, each spread over all of it: nearly every mutant falls in the first.
PARTS = 16
#: A mutant may take so many seconds of computing, and so many bytes more than it finds.
SECONDS, MEMORY = 120, 2 << 30


def is_said(mutant: Mutant) -> bool:
    """Return whether a mutant lies where no verdict can see it."""
    return mutant.function in SAID


def sources() -> dict[str, str]:
    """Return the code of each module of the target, which is not imported."""
    return {name: _path(name).read_text(encoding="utf-8") for name in MODULES}


def _path(name: str) -> Path:
    spec = find_spec(f"{target_package.__name__}.{name}")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin)


def made(code: Mapping[str, str], step: int = 1) -> tuple[list[Mutant], Counter[str]]:
    """Return the mutants that count, of every one or of each `step`-th, and how many do not, by the reason."""
    mutants: list[Mutant] = []
    left_out: Counter[str] = Counter()
    programs = {name: {mutations.program(text)} for name, text in code.items()}
    for mutant in _generated(code, step):
        try:
            program = mutations.program(mutant.source)
        except SyntaxError:
            left_out["do not compile"] += 1
            continue
        if program in programs[mutant.module]:
            left_out["are the same program"] += 1
            continue
        programs[mutant.module].add(program)
        mutants.append(mutant)
    return mutants, left_out


def _generated(code: Mapping[str, str], step: int) -> Iterator[Mutant]:
    for edit in mutations.edits([_path(name) for name in code])[::step]:
        name = edit.module_path.stem
        yield mutations.edited(edit, name, code[name])


def installed(code: Mapping[str, str]) -> Any:
    """Load the modules of the target from this code in place of their own; return the target."""
    for name in MODULES:
        full = f"{target_package.__name__}.{name}"
        module = sys.modules[full] = ModuleType(full)
        module.__package__ = target_package.__name__
        exec(compile(code[name], f"{name}.py", "exec"), vars(module))  # noqa: S102  running mutants is the point
        setattr(target_package, name, module)
    target_package.NumPy = vars(module)["NumPy"]  # type: ignore[misc]
    return target_package.NumPy()


def by_the_cases(code: Mapping[str, str], plans: Sequence[Plan], unsaid: Collection[str]) -> str:
    """
    Return the first case that notices what the target's code is; empty if none does.

    `unsaid` are the cases that the target cannot say without any fault.
    """
    target = installed(code)
    for plan in plans:
        for verdict in verdicts(plan, "numpy", target):
            is_lost = verdict.verdict == "unsupported" and verdict.case not in unsaid
            if is_lost or verdict.verdict in (*UNEXPECTED, "suite-error"):
                return verdict.case
    return ""


def unsupported(code: Mapping[str, str], plans: Sequence[Plan]) -> set[str]:
    """Return the cases that the target cannot say."""
    target = installed(code)
    given = (verdict for plan in plans for verdict in verdicts(plan, "numpy", target))
    return {verdict.case for verdict in given if verdict.verdict == "unsupported"}


def by_the_tests(code: Mapping[str, str]) -> str:
    """Return the file of tests that notices what the target's code is; empty if it does not."""
    installed(code)
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "-W", "ignore"]
    return TESTS.name if pytest.main([*quiet, str(TESTS)]) else ""


Trial = Callable[[Mapping[str, str]], str]


def tried(mutants: Sequence[Mutant], code: Mapping[str, str], trial: Trial, jobs: int) -> list[Mutant]:
    """Put each mutant to a trial in a process of its own; return them with what killed them."""
    context = get_context("fork")
    results: dict[int, str] = {}
    running: dict[Any, tuple[int, Any]] = {}
    waiting = iter(enumerate(mutants))
    while len(results) < len(mutants):
        while len(running) < jobs and (following := next(waiting, None)) is not None:
            number, mutant = following
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_alone, args=(trial, {**code, mutant.module: mutant.source}, theirs))
            process.start()
            theirs.close()
            running[ours] = (number, process)
        for ready in connection.wait(list(running)):
            number, process = running.pop(ready)
            results[number] = _told(ready)
            process.join()
            if sys.stderr.isatty():
                print(f"\r{len(results)} of {len(mutants)} ", end="", file=sys.stderr, flush=True)
    return [replace(mutant, killed=results[number]) for number, mutant in enumerate(mutants)]


def _alone(trial: Trial, code: Mapping[str, str], told: connection.Connection) -> None:
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY,) * 2)
    try:
        result = trial(code)
    except BaseException as error:
        result = f"{type(error).__name__}: {error}"
    told.send(result)
    os._exit(0)


def _told(pipe: connection.Connection) -> str:
    try:
        return str(pipe.recv())
    except EOFError:
        return "the process died, or found no end"


def plans() -> tuple[int, list[Plan]]:
    """Return how many literal cases there are, and the plan of each part of them."""
    cases = corpus.load(sweeps="none").cases
    return len(cases), [make_plan(cases[start::PARTS]) for start in range(PARTS)]


def measure(jobs: int, pattern: str, *, small: bool = False) -> dict[str, Any]:
    """Run the mutants whose names hold `pattern`, if small a few of them on some cases; return the figures."""
    began = perf_counter()
    code = sources()
    mutants, left_out = made(code, 300 if small else 1)
    mutants = [mutant for mutant in mutants if pattern in mutant.name]
    count, planned = plans()
    if small:
        planned = planned[:1]
    unharmed = Mutant(module="adapter", function="", line=0, operator="", before="", after="", source=code["adapter"])
    unsaid = unsupported(code, planned)
    gc.freeze()

    def by_cases(given: Mapping[str, str]) -> str:
        return by_the_cases(given, planned, unsaid)

    for trial in (by_cases,) if small else (by_cases, by_the_tests):
        [honest] = tried([unharmed], code, trial, 1)
        assert not honest.killed, f"without any fault the target is noticed, by {honest.killed}"
    met = tried(mutants, code, by_cases, jobs)
    survivors = [mutant for mutant in met if not mutant.killed]
    tested = survivors if small else tried(survivors, code, by_the_tests, jobs)
    return {
        "tool": f"cosmic-ray {version('cosmic-ray')}",
        "numpy": np.__version__,
        "cases": count,
        "seconds": round(perf_counter() - began, 1),
        **_figures(met, tested, left_out),
    }


def _figures(met: Sequence[Mutant], tested: Sequence[Mutant], left_out: Counter[str]) -> dict[str, Any]:
    explained = mutations.explanations(EXPLAINED)
    kinds = {mutant.name: explained.get(mutant.name, ("", ""))[0] for mutant in tested}
    computed = [mutant for mutant in met if not is_said(mutant)]
    said = [mutant for mutant in met if is_said(mutant)]
    killed_by_tests = {mutant.name for mutant in tested if mutant.killed}
    return {
        "generated": len(met) + left_out.total(),
        "left_out": dict(sorted(left_out.items())),
        "computed": _counts(computed, kinds, killed_by_tests),
        "said": _counts(said, kinds, killed_by_tests),
        "modules": {
            name: _counts([each for each in computed if each.module == name], kinds, killed_by_tests)
            for name in MODULES
        },
        "survivors": [_described(mutant, explained) for mutant in tested if not (is_said(mutant) and mutant.killed)],
    }


def _counts(mutants: Sequence[Mutant], kinds: Mapping[str, str], by_tests: set[str]) -> dict[str, int]:
    survivors = [mutant.name for mutant in mutants if not mutant.killed]
    return {
        "mutants": len(mutants),
        "killed": len(mutants) - len(survivors),
        "killed_by_tests_alone": sum(name in by_tests for name in survivors),
        "equivalent": sum(kinds[name] == "equivalent" for name in survivors),
    }


def _described(mutant: Mutant, explained: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    kind, reason = explained.get(mutant.name, ("", ""))
    return {
        "file": f"backends/numpy/{mutant.module}.py",
        "line": mutant.line,
        "function": mutant.function,
        "operator": mutant.operator,
        "before": mutant.before,
        "after": mutant.after,
        "tests": "notice it" if mutant.killed else "do not notice it",
        "is": kind,
        "because": reason,
    }


def problems(figures: Mapping[str, Any], only: str = "") -> Iterator[str]:
    """Yield a line for each survivor without an explanation and the other way round, and one for too few kills."""
    survivors = {_name(each): each for each in figures["survivors"]}
    for name, survivor in survivors.items():
        if not survivor["is"]:
            yield f"unexplained: {name}"
        if survivor["is"] == "equivalent" and survivor["tests"] == "notice it":
            yield f"not equivalent, for the tests notice it: {name}"
    yield from (
        f"explained, and no survivor: {name}"
        for name in mutations.explanations(EXPLAINED)
        if only in name not in survivors
    )
    if share(figures["computed"]) < LEAST:
        yield f"fewer than {LEAST:.0%} killed"


def _name(survivor: Mapping[str, Any]) -> str:
    module = Path(survivor["file"]).stem
    return f"{module}.{survivor['function']}: {survivor['before']} -> {survivor['after']}"


def share(counts: Mapping[str, int]) -> float:
    """Return the killed part of the mutants that are not equivalent."""
    return counts["killed"] / max(counts["mutants"] - counts["equivalent"], 1)


def main() -> int:
    """Measure, print, keep the figures where asked, and say what is wrong."""
    parser = result.options(__doc__, "mechanical")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="of the mutants, those whose names hold this text")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of what mutants compare with `is`
    figures = measure(options.jobs, options.only, small=options.small)
    if options.json:
        result.keep(options.json, figures)
    found = [] if options.small else list(problems(figures, options.only))
    for problem in found:
        print(problem)
    print("generated", figures["generated"], figures["left_out"])
    for part in ("computed", "said"):
        counts = figures[part]
        print(f"{part:<9} {share(counts):.1%} killed by the cases  {counts}")
    print(f"{figures['seconds']} s, {figures['cases']} cases")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
