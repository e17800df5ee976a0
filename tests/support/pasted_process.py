"""Run framework programs, read as JSON from standard input, and print the array that the last line of each prints."""

from __future__ import annotations

import ast
import json
import sys
from typing import Any

import numpy as np


def pasted(program: list[str]) -> np.ndarray[Any, Any]:
    """Return what a program prints in its last line, as an array."""
    *lines, last = program
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)  # noqa: S102 - the program is ours
    (printed,) = ast.parse(last).body
    assert isinstance(printed, ast.Expr) and isinstance(printed.value, ast.Call)
    return array_of(eval(ast.unparse(printed.value.args[0]), names))


def array_of(value: Any) -> np.ndarray[Any, Any]:
    """Return a result as an array; bfloat16 of PyTorch, which NumPy does not have, as float32."""
    if hasattr(value, "detach"):
        value = value.detach()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.asarray(value)


def digits(array: np.ndarray[Any, Any]) -> str:
    """Return the bits of an array, those of every NaN alike."""
    if array.dtype.kind in "fcV":
        array = array.copy()
        array[np.isnan(array)] = np.nan
    return array.tobytes().hex()


if __name__ == "__main__":
    arrays = map(pasted, json.load(sys.stdin))
    print(json.dumps([[array.shape, digits(array)] for array in arrays]))
