"""
Calls as text, for a person to paste.

In every text `input`, `kernel`, `bias`… are the NumPy arrays of the case, in its own layouts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from ...core import Call, Stage


def transposed(text: str, letters: str, wanted: str) -> str:
    """Return the text of a NumPy array with its axes (`letters`) in the order of `wanted`."""
    if letters == wanted:
        return text
    return f"{text}.transpose({', '.join(str(letters.index(letter)) for letter in wanted)})"


def array(call: Call, name: str, letters: str) -> str:
    """Return the text of what `call.place(name, letters)` gives."""
    return transposed(name, call.letters(name), letters)


def kernel(stage: Stage, letters: str) -> str:
    """Return the text of what `stage.place_kernel(letters)` gives."""
    call, name = stage.call, stage.kernel
    if "M" not in call.letters(name):
        return array(call, name, letters)
    sizes = (*call.extents(name), 1, prod(call.extent(name, letter) for letter in "CM"))
    merged = f"{array(call, name, call.spatial + 'CM')}.reshape({', '.join(map(str, sizes))})"
    return transposed(merged, call.spatial + "IO", letters)


def function(name: str, *arguments: str, **keywords: Any) -> str:
    """Return the text of calling `name`; `arguments` are texts themselves, `keywords` are values."""
    return f"{name}({', '.join((*arguments, *named(keywords)))})"


def named(keywords: Mapping[str, Any]) -> list[str]:
    """Return `name=value` for each keyword."""
    return [f"{name}={value!r}" for name, value in keywords.items()]


def function_of(names: Iterable[str], body: str) -> str:
    """Return the text of `body` as a function of these names."""
    return f"lambda {', '.join(names)}: {body}"


def called(made: str, operands: Iterable[str]) -> str:
    """Return the text of calling what `made` is the text of."""
    return f"{made}({', '.join(operands)})"


def inferred(made: str, inference: str, operands: Iterable[str]) -> str:
    """
    Return the text of a pair: what is stated ahead of a call of the function `made`, and what the call returns.

    In `inference` the function is `f`, and its operands stand where the braces are.
    """
    given = ", ".join(operands)
    return f"(f := {made}, {inference.format(given)}, f({given}))[1:]"
