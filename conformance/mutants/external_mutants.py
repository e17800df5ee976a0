"""
User-supplied mutants: a Python file defines the dict `mutants`, which maps names to functions.

Each function has the signature `(call, honest) -> output`. `call` is a `Call` whose arrays have the memory layout that
`call.storage` names. `honest(call)` returns the correct output of any call, in the call's output layout and dtype, or
raises `Refused` if the call is undefined. If the file defines `reset()`, that function is called before each mutant
runs. All mutants run in this process, on the literal cases and then on the sweep points.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..core import ARRAYS, UNEXPECTED, Array, Call, Invalid, Outputs, Problem, Refused, ask
from ..corpus import Corpus
from ..running import verdicts
from ..specification import meaning_digest
from ..workers import Plan, make_plan
from .evaluator import HONEST, evaluate
from .kills import Kills
from .score import MutantListener
from .target import larger

#: The module name under which the user's file is imported.
NAME = "conv_conformance_strangers"

Function: TypeAlias = Callable[[Call, Callable[[Call], Array]], Array]


def honest(call: Call) -> Array:
    """
    Return the correct output of a call, in the call's output layout and output dtype.

    Raises:
        Refused: if the call is undefined.

    """
    return evaluate(call, HONEST)


def load(path: Path) -> tuple[Mapping[str, Function], Callable[[], object]]:
    """
    Return the mutants of a file, keyed by name, and the function that must be called before each mutant runs.

    Raises:
        Invalid: if the file cannot be imported, or if `mutants` is not a non-empty dict of functions.

    """
    module = _imported(path)
    mutants = getattr(module, "mutants", None)
    if not isinstance(mutants, Mapping) or not mutants or not all(map(callable, mutants.values())):
        message = "the file must define `mutants`, a non-empty dict of functions"
        hint = "write mutants = {'name': function} with function(call, honest) -> output"
        raise Invalid(Problem(path=str(path), message=message, hint=hint))
    return {str(name): function for name, function in mutants.items()}, getattr(module, "reset", lambda: None)


def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        raise Invalid(Problem(path=str(path), message="no such file"))
    # The module name is fixed, so that a file called random.py does not shadow a standard module.
    spec = importlib.util.spec_from_file_location(NAME, path)
    if spec is None or spec.loader is None:
        raise Invalid(
            Problem(path=str(path), message="not a Python file", hint="rename the file so that its name ends in .py")
        )
    module = sys.modules[NAME] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        message = f"cannot be imported: {type(error).__name__}: {error}"
        raise Invalid(Problem(path=str(path), message=message)) from error
    return module


def measure(
    corpus: Corpus,
    mutants: Mapping[str, Function],
    reset: Callable[[], object],
    *,
    every: bool = False,
    done: MutantListener = lambda name: None,
) -> Kills:
    """
    Return the cases that detect each user-supplied mutant.

    Unless `every` is set, a mutant stops at the first case that detects it.
    """
    # The plan for the sweep points is not made until a mutant has run on all literal cases.
    plans = [cache(partial(_planned, corpus, is_sweep)) for is_sweep in (False, True)]
    found = {}
    for name, function in mutants.items():
        reset()
        noticed = (case for plan in plans for case in _noticed(plan(), name, function))
        found[name] = tuple(islice(noticed, None if every else 1))
        done(name)
    cases = [case.id for case in corpus.cases]
    return Kills(cases=cases, by_mutant=found, corpus=meaning_digest(corpus.cases), is_whole=every)


def _planned(corpus: Corpus, is_sweep: bool) -> Plan:
    return make_plan([case for case in corpus.cases if bool(case.sweep) == is_sweep])


def _noticed(plan: Plan, name: str, function: Function) -> Iterator[str]:
    given = verdicts(plan, name, UserBackend(function))
    return (verdict.case for verdict in given if verdict.verdict in UNEXPECTED)


class UserBackend:
    """A backend that computes calls with a user-supplied function."""

    framework = "stranger"

    def __init__(self, function: Function) -> None:
        """Create a backend that calls `function`."""
        self._function = function

    def prepare(self, call: Call) -> Callable[[], Outputs]:
        """Return a closure that computes the call; if the call has `dynamic_shape`, run a larger call beforehand."""
        laid: dict[str, Any] = {name: _laid(call, name) for name in ARRAYS if getattr(call, name) is not None}
        given = replace(call, **laid)
        if call.variation.dynamic_shape:
            self._warm(larger(given))

        def make() -> Outputs:
            output = _as_array(ask(self._function, given, honest))
            arrays = {"output": output}
            if call.variation.shape_inference:
                arrays["inference"] = np.zeros_like(output)
            return Outputs(arrays)

        return make

    def _warm(self, call: Call) -> None:
        try:
            self._function(call, honest)
        except Exception:  # the larger call is not judged
            return


def _laid(call: Call, name: str) -> Array:
    array = call.array(name)
    letters = call.letters(name)
    return call.place(name, letters) if array.ndim == len(letters) else array


def _as_array(returned: object) -> Array:
    array = np.asarray(returned)
    if array.dtype.kind in "OSUMm":
        raise Refused(f"the function returned {type(returned).__name__}, not an array of numbers")
    return array
