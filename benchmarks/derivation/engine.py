"""
What the suite expects, to compare with what was derived.

This module alone imports the suite. No other module of the package imports this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .literal_cases import Elements, arrays, differing
from .outputs import Result


def cases(sweeps: str) -> dict[str, Any]:
    """Return the suite's cases by id: the literal ones, and the points of the sweeps of a tier."""
    from conv_conformance import corpus

    return {case.id: case for case in corpus.load(sweeps=sweeps).cases}  # type: ignore[arg-type]


def outputs(case: Any) -> Iterator[tuple[str, Any]]:
    """Yield the expectations of a case that have an output, by the name of the alternative; "" without alternatives."""
    from conv_conformance.core.expectation import AnyOf, Output

    expectation = case.expectation
    if isinstance(expectation, AnyOf):
        yield from ((name, each) for name, each in expectation.alternatives.items() if isinstance(each, Output))
    elif isinstance(expectation, Output):
        yield "", expectation


def compared(mine: Result, expected: Any, layout: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """
    Return the numbers of elements, and of those that differ, by array.

    `expected` is an output of the suite, `layout` names the axes of its arrays. An array that is missing on one side
    differs in every element.
    """
    theirs = {"output": expected.array}
    theirs |= {f"gradients.{name}": each for name, each in expected.gradients.items()}
    theirs |= {f"second_order.{name}": each for name, each in expected.second_order.items()}
    found = {}
    ours = arrays(mine)
    for key in ours.keys() | theirs.keys():
        name = key.rpartition(".")[2]
        if key not in ours or key not in theirs:
            found[key] = (1, 1)
            continue
        other = elements(theirs[key], layout["output" if name == "cotangent" else name], ours[key])
        differ = differing(ours[key], other, signed_zero=expected.signed_zero)
        found[key] = (len(ours[key].elements), differ)
    return found


def elements(array: Any, layout: str, like: Elements) -> Elements:
    """Return an array of the suite with its axes in canonical order."""
    letters = list(like.sizes)
    moved = array.transpose([layout.index(letter) for letter in letters])
    dtype = str(array.dtype)
    flat = moved.reshape(-1)
    if dtype.startswith("complex"):
        found: list[Any] = [(each.real, each.imag) for each in flat.astype("complex128").tolist()]
    else:
        found = (flat if "int" in dtype else flat.astype("float64")).tolist()
    return Elements(sizes=dict(zip(letters, moved.shape, strict=True)), dtype=dtype, elements=found)
