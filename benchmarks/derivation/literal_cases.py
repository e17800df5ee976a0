"""The literal cases of the corpus: which of their expectations are derived, and the numbers that the files state."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .arrays import Array, build
from .dtypes import python
from .outputs import Elements, Result, derive
from .yaml_subset import read

CASES = Path(__file__).parents[2] / "cases"
#: What a file writes in place of an array that the reference computes.
REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """An expectation with an output: of the case, or under the name of an alternative. `said` holds the case's keys."""

    case: str
    alternative: str
    said: Mapping[str, Any]
    expect: Mapping[str, Any]

    @property
    def layout(self) -> Mapping[str, str]:
        """The letters of the axes of each array."""
        return {"output": self.said["layout"]["input"], "bias": "O", **self.said["layout"]}

    def derive(self, fault: str = "") -> Result:
        """Derive the output and the gradients that the expectation requests."""
        return derive(self.said, self.expect, frozenset({self.alternative} - {""}), fault)

    def stated(self) -> dict[str, Elements]:
        """Return the arrays that the file states, by `output`, `gradients.NAME` and `second_order.NAME`."""
        layout, dtype = self.layout, self.said.get("dtype", "float32")
        names = {"cotangent": "output"}
        found = {}
        for key, written in _written(self.expect):
            if written != REFERENCE:
                name = names.get(key.rpartition(".")[2], key.rpartition(".")[2])
                real = dtype if isinstance(dtype, str) else dtype.get(name, dtype["input"])
                found[key] = elements(build(written, layout[name], real))
        return found


@dataclass(frozen=True, kw_only=True)
class Literal:
    """The expectations that are derived, and the ids of the cases that are not, by reason; `total` counts the cases."""

    total: int
    expectations: list[Expectation] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)


def _written(expect: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arrays that an expectation lists, by name."""
    yield "output", expect["output"]
    for name, written in expect.get("gradients", {}).items():
        if name != "cotangent":
            yield f"gradients.{name}", written
    for name, written in expect.get("second_order", {}).get("expect", {}).items():
        yield f"second_order.{name}", written


def elements(array: Array) -> Elements:
    """Return an array of a case in the form of a result."""
    columns = [[python(number, array.real) for number in part] for part in array.parts]
    return Elements(
        sizes=array.sizes,
        dtype=array.dtype,
        elements=list(zip(*columns, strict=True)) if len(columns) == 2 else list(columns[0]),  # type: ignore[arg-type]
    )


def files(folder: Path = CASES) -> Iterator[Mapping[str, Any]]:
    """Yield the documents of the case files: those that list cases or sweeps."""
    for path in sorted(folder.glob("*/*.yaml")):
        document = read(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.keys() & {"cases", "sweeps"}:
            yield document


def literal(folder: Path = CASES) -> Literal:
    """Read the literal cases of a corpus."""
    found = Literal(total=0)
    total = 0
    for document in files(folder):
        for case in document.get("cases", ()):
            total += 1
            said = {**document.get("defaults", {}), **case}
            expectations = list(_expectations(said))
            found.expectations.extend(expectations)
            if not expectations:
                found.left_out.setdefault(_reason(said), []).append(said["id"])
    return Literal(total=total, expectations=found.expectations, left_out=found.left_out)


def _expectations(said: Mapping[str, Any]) -> Iterator[Expectation]:
    expect = said["expect"]
    for name, each in expect.get("any_of", {"": expect}).items():
        if "output" in each:
            yield Expectation(case=said["id"], alternative=name, said=said, expect=each)


def _reason(said: Mapping[str, Any]) -> str:
    """Return why nothing of a case is derived."""
    if said["op"] == "fit":
        return "training"
    return "a shape alone is expected" if "shape" in said["expect"] else "a refusal alone is expected"


def differing(mine: Elements, other: Elements, *, signed_zero: bool = False) -> int:
    """Count the elements that differ; arrays of other sizes or dtypes differ in every element, at least in one."""
    if dict(mine.sizes) != dict(other.sizes) or mine.dtype != other.dtype:
        return max(len(mine.elements), len(other.elements), 1)
    return sum(not _equal(a, b, signed_zero) for a, b in zip(mine.elements, other.elements, strict=True))


def _equal(one: Any, other: Any, signed_zero: bool) -> bool:
    if isinstance(one, tuple):
        return all(_equal(a, b, signed_zero) for a, b in zip(one, other, strict=True))
    if one != one or other != other:
        return bool(one != one and other != other)
    is_same = bool(one == other)
    return is_same and (not signed_zero or math.copysign(1, one) == math.copysign(1, other))


def arrays(result: Result) -> dict[str, Elements]:
    """Return the arrays of a result by `output`, `gradients.NAME` and `second_order.NAME`."""
    return {
        "output": result.output,
        **{f"gradients.{name}": each for name, each in result.gradients.items()},
        **{f"second_order.{name}": each for name, each in result.second_order.items()},
    }
