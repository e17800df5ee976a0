"""What the targets have no words for is counted, and may not grow unseen."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conv_conformance.workers.targets import missing

ROOT = Path(__file__).parents[2]


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("unsupported", ROOT / "benchmarks" / "unsupported.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()


@cache
def counted(name: str) -> dict[str, dict[str, int]]:
    """Return the counts of a target and its modes, which are made together."""
    counts: dict[str, dict[str, int]] = SCRIPT.counted(name)
    return counts


@pytest.mark.parametrize("target", SCRIPT.TARGETS)
def test_no_target_loses_words(target: str) -> None:
    """Each reason of each target holds for at most as many cases as docs/results/unsupported.json says."""
    name = target.partition("+")[0]
    if lacking := missing(name):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    committed = json.loads(SCRIPT.COMMITTED.read_text(encoding="utf-8"))
    assert SCRIPT.grown(counted(name)[target], committed[target]) == []


def test_growth_is_seen() -> None:
    """One case more, and a reason that is new, are both told; fewer cases are not."""
    now = {"a": 3, "b": 1, "c": 1}
    assert SCRIPT.grown(now, {"a": 2, "c": 5}) == ["2 -> 3 × a", "0 -> 1 × b"]


def test_numpy_lacks_a_compiler_and_inference_alone() -> None:
    """The suite's own implementation can say every call that is not about a compiler or about inference."""
    lacking = {"eager: nothing is compiled", "nothing is inferred ahead of the call"}
    assert set(counted("numpy")["numpy"]) <= lacking
