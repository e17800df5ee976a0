"""
A call as a program that needs only the framework.

The programs of two kinds of call also import this package: calls of the NumPy adapter, and calls whose arrays have a
special memory order.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from ..core import OPERANDS, Array, Call, Verdict

#: The module names that occur in the code of a call, and the import statement for each.
IMPORTS = {
    "jax": "import jax",
    "keras": "import keras",
    "tf": "import tensorflow as tf",
    "torch": "import torch",
}
#: The comment after the code of a call that needs 64-bit types of JAX, and the statement that enables these types.
WIDE = "  # jax.enable_x64(True)"
WIDENED = 'jax.config.update("jax_enable_x64", True)'
#: An array of more than WRITTEN_OUT elements is compressed. If the code of an array is longer than LETTERS characters,
#: there is no program.
WRITTEN_OUT, LETTERS = 64, 4000


def script_lines(verdict: Verdict, call: Call) -> list[str]:
    """Return a program that prints the result of a call, as lines; [] if the call has no code or too large arrays."""
    text = verdict.call or ""
    named = [name for name in OPERANDS if getattr(call, name) is not None and re.search(rf"\b{name}\b", text)]
    write = _bits if verdict.target.startswith("torch") else _text
    arrays = {name: write(call.array(name)) for name in named}
    if not text or any(len(each) > LETTERS for each in arrays.values()):
        return []
    lines = [f"{name} = {each}" for name, each in arrays.items()]
    expression = text.removesuffix(WIDE)
    wide = [WIDENED] if expression != text else []
    return [*_imports(verdict.target, [expression, *wide, *lines]), *wide, *lines, f"print({expression})"]


def _imports(target: str, lines: Iterable[str]) -> Iterator[str]:
    text = "\n".join(lines)
    if engine := re.match(r"keras-(\w+)", target):
        yield f'import os; os.environ["KERAS_BACKEND"] = "{engine[1]}"'
    if "zlib." in text:
        yield "import base64, zlib"
    yield "import numpy as np"
    if "ml_dtypes." in text:
        yield "import ml_dtypes"
    yield from (f"import {name}" for name in dict.fromkeys(re.findall(r"\b(conv_conformance(?:\.\w+)+)\.\w+\(", text)))
    yield from (line for name, line in IMPORTS.items() if re.search(rf"(?<![\w.]){name}\.", text))


def written(array: Array) -> str:
    """Return the Python code of an array with all its numbers written out."""
    if not array.size:
        return f"np.zeros({array.shape}, {_kind(array)})"
    numbers = re.sub(r"\b(nan|inf)\b", r"np.\1", str(array.tolist()))
    return f"np.array({numbers}, {_kind(array)})".replace(".0,", ".,").replace(".0]", ".]")


def _kind(array: Array) -> str:
    return f'"{array.dtype.name}"' if array.dtype.isbuiltin == 1 else f"ml_dtypes.{array.dtype.name}"


@np.errstate(invalid="ignore")
def _small(array: Array) -> Array:
    return array.astype(np.int8)


def _bits(array: Array) -> str:
    """Return the code of an array for PyTorch; bfloat16 is written as bits, so that ml_dtypes is not needed."""
    if array.dtype.name != "bfloat16":
        return _text(array)
    return f'({_text(array.astype(np.float32))}.view("uint32") >> 16).astype("uint16")'


def _text(array: Array) -> str:
    """Return the code of an array; a large array is compressed, as int8 if int8 holds its numbers exactly."""
    if array.size <= WRITTEN_OUT:
        return written(array)
    is_small = array.dtype.kind != "c" and bool((_small(array).astype(array.dtype) == array).all())
    packed = base64.b64encode(zlib.compress((_small(array) if is_small else array).tobytes(), 9)).decode()
    loaded = f'np.frombuffer(zlib.decompress(base64.b64decode("{packed}")), {"np.int8" if is_small else _kind(array)})'
    return f"{loaded}.reshape({array.shape})" + (f".astype({_kind(array)})" if is_small else "")
