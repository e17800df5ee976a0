"""Tests of benchmarks/rederivation.py: that it notices what differs, on either side."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def program() -> Iterator[ModuleType]:
    """Yield the program as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    import rederivation

    yield rederivation
    sys.path.remove(str(BENCHMARKS))


def test_only_one_module_imports_the_suite() -> None:
    """The derivation shares no code with the package: neither does it use NumPy, PyYAML or another reader."""
    imported = {}
    for path in sorted((BENCHMARKS / "derivation").glob("*.py")):
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
        imported[path.name] = {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names}
    assert imported.pop("engine.py") == {"conv_conformance"}
    assert not any(imported.values())


def test_every_deliberate_error_is_noticed(program: ModuleType) -> None:
    assert all(program.noticed(20).values())


def _with(program: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, change: Any) -> None:
    """Let the suite expect something else for one case."""
    cases = program.engine.cases("quick")
    case = cases[name]
    changed = {name: replace(case, build_expectation=lambda: change(case.expectation))}
    monkeypatch.setattr(program.engine, "cases", lambda tier: {**cases, **changed})


def test_an_element_that_the_suite_expects_otherwise_is_noticed(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = program.literal_cases.literal().expectations[0].case
    _with(program, monkeypatch, name, lambda expected: replace(expected, array=expected.array + 1))
    (difference,) = program.literal(10_000)["differences"]
    assert difference.startswith(name)


@pytest.mark.parametrize("text", ["7", "3-5"])
def test_seeds(program: ModuleType, text: str) -> None:
    assert [*program.seed_range(text)] == {"7": [7], "3-5": [3, 4, 5]}[text]


def test_equal_seeds_draw_equal_points(program: ModuleType) -> None:
    names = [str(number) for number in range(100)]
    assert [*program.drawn(names, [1, 2], 3)] == [*program.drawn(names, [1], 3), *program.drawn(names, [2], 3)]
    assert [*program.drawn(names, [1], 3)] != [*program.drawn(names, [2], 3)]


def test_an_empty_axis_under_both_readings(program: ModuleType) -> None:
    """EMPTY-7 adds stride - 1 to the length that is stated, under `same` too, and behind trailing zeros."""
    geometry = program.geometry
    axis = geometry.Axis(
        length=0, taps=1, stride=3, dilation=1, input_dilation=1, padding="valid", mode="zeros", output_padding=0
    )
    lengths = {
        (padding, alternative): len(geometry.transposed(replace(axis, padding=padding), frozenset(alternative)))
        for padding in ("valid", "same")
        for alternative in ((), ("dilates",), ("trailing-zeros",), ("dilates", "trailing-zeros"))
    }
    assert lengths == {
        ("valid", ()): 0,
        ("valid", ("dilates",)): 0,
        ("valid", ("trailing-zeros",)): 0,
        ("valid", ("dilates", "trailing-zeros")): 2,
        ("same", ()): 0,
        ("same", ("dilates",)): 2,
        ("same", ("trailing-zeros",)): 0,
        ("same", ("dilates", "trailing-zeros")): 2,
    }


@pytest.mark.parametrize(
    ("number", "bits", "rounded"),
    [((0x3FF, -24), 8, (0x400, -24)), ((0x3FD, -24), 8, (0x3FC, -24)), ((0, 0), 8, (0, 0)), ("nan", 8, "nan")],
)
def test_rounding_to_bits_has_no_least_exponent(program: ModuleType, number: Any, bits: int, rounded: Any) -> None:
    """A subnormal number of float16 keeps as many significant bits as another number."""
    found = program.outputs.to_bits(number, bits)
    assert found == rounded or found[0] * 2 ** (found[1] + 40) == rounded[0] * 2 ** (rounded[1] + 40)
