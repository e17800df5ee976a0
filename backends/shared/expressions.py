"""
Calls as Python text that a user can paste.

In each text `input`, `kernel`, `bias`… are the NumPy arrays of the case, in the layouts of the case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from ...core import Call, Stage


def transposed(text: str, letters: str, wanted: str) -> str:
    """Return the text that transposes a NumPy array from the layout `letters` to the layout `wanted`."""
    if letters == wanted:
        return text
    return f"{text}.transpose({', '.join(str(letters.index(letter)) for letter in wanted)})"


def array(call: Call, name: str, letters: str) -> str:
    """Return the text of the array that `call.place(name, letters)` returns."""
    return transposed(name, call.letters(name), letters)


def kernel(stage: Stage, letters: str) -> str:
    """Return the text of the array that `stage.place_kernel(letters)` returns."""
    call, name = stage.call, stage.kernel
    if "M" not in call.letters(name):
        return array(call, name, letters)
    sizes = (*call.extents(name), 1, prod(call.extent(name, letter) for letter in "CM"))
    merged = f"{array(call, name, call.spatial + 'CM')}.reshape({', '.join(map(str, sizes))})"
    return transposed(merged, call.spatial + "IO", letters)


def function(name: str, *arguments: str, **keywords: Any) -> str:
    """Return the text of a call of the function `name`; `arguments` are texts, and `keywords` are values."""
    return f"{name}({', '.join((*arguments, *named(keywords)))})"


def named(keywords: Mapping[str, Any]) -> list[str]:
    """Return `name=value` for each keyword."""
    return [f"{name}={value!r}" for name, value in keywords.items()]


def function_of(names: Iterable[str], body: str) -> str:
    """Return the text of a lambda with these parameter names."""
    return f"lambda {', '.join(names)}: {body}"


def called(made: str, operands: Iterable[str]) -> str:
    """Return the text of a call of the function whose text is `made`."""
    return f"{made}({', '.join(operands)})"


def inferred(made: str, inference: str, operands: Iterable[str]) -> str:
    """
    Return the text of a pair: the inferred output of the function `made`, and the output of calling it.

    In the text `inference`, the function is named `f`, and `{}` is replaced by the operands.
    """
    joined = ", ".join(operands)
    return f"(f := {made}, {inference.format(joined)}, f({joined}))[1:]"
