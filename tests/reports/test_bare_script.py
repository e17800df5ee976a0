"""A call as a program: it runs without this project, and prints what the framework gave."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conv_conformance.core.verdict import Verdict
from conv_conformance.reports.bare_script import LETTERS, WRITTEN_OUT, script_lines

from ..support.builders import call_of


def made(target: str, call: str, array: Any, dtype: str = "float32") -> list[str]:
    """Return the program of a call on one target."""
    asked = call_of("conv", array, np.ones((1, 1, 1), dtype), dtype=dtype)
    return script_lines(Verdict(case="a.b", target=target, verdict="disagree", call=call), asked)


@pytest.mark.parametrize(
    ("target", "call", "lines"),
    [
        ("torch", "torch.f(input)", ["import numpy as np", "import torch"]),
        ("keras-jax+ops", "keras.f(input)", ['import os; os.environ["KERAS_BACKEND"] = "jax"', "import numpy as np"]),
        ("keras-torch==3.1", "keras.f(input)", ['import os; os.environ["KERAS_BACKEND"] = "torch"']),
        ("tensorflow", "tf.nn.f(input)", ["import numpy as np", "import tensorflow as tf"]),
        ("jax", "jax.lax.f(input)  # jax.enable_x64(True)", ['jax.config.update("jax_enable_x64", True)']),
    ],
)
def test_a_program_imports_what_its_call_names(target: str, call: str, lines: list[str]) -> None:
    """Keras is told its engine before it is imported, JAX to have 64-bit types; nothing else comes in."""
    program = made(target, call, np.ones((1, 2, 1), "float32"))
    assert set(lines) <= set(program)
    assert program[-1] == f"print({call.partition('  #')[0]})"
    assert not any("kernel" in line for line in program)
    assert sum(line.startswith("import ") for line in program) <= 3


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64", "int64", "float16"])
@pytest.mark.parametrize("fill", [3, 0.5, 200])
@pytest.mark.parametrize("size", [3, WRITTEN_OUT + 7])
def test_arrays_come_back(size: int, fill: float, dtype: str) -> None:
    """Written out or compressed, an array of a program has the values, the shape and the dtype of the call's."""
    values = np.resize([fill, -1, 2], size).astype(dtype).reshape(1, size, 1)
    names: dict[str, Any] = {"f": lambda array: array, "np": np, "ml_dtypes": ml_dtypes}
    exec("\n".join(made("mine", "f(input)", values, dtype)[:-1]), names)  # noqa: S102 - the program is ours
    assert (names["input"].dtype, names["input"].shape) == (values.dtype, values.shape)
    assert (names["input"] == values).all()


@pytest.mark.parametrize("size", [3, WRITTEN_OUT + 7])
def test_pytorch_gets_the_bits_of_bfloat16(size: int) -> None:
    """It comes without the package that has the type for NumPy."""
    values = np.resize([3, -0.5, 2.0**-133, float("-inf")], size).astype("bfloat16").reshape(1, size, 1)
    lines = made("torch", "f(input)", values, "bfloat16")
    assert "import ml_dtypes" not in lines
    names: dict[str, Any] = {}
    exec("\n".join(lines[:-1]), names)  # noqa: S102 - the program is ours
    assert names["input"].dtype == np.uint16
    assert names["input"].tobytes() == values.tobytes()


def test_what_a_call_names_of_this_package_is_imported() -> None:
    """Such as the function that lays an array out in memory."""
    call = "torch.f(conv_conformance.core.storage.stored(input, 'channels_last', 'NCW'))"
    lines = made("torch", call, np.ones((1, 2, 1), "float32"))
    assert "import conv_conformance.core.storage" in lines
    assert "import torch" in lines


def test_there_is_no_program_without_its_call_or_of_endless_arrays() -> None:
    """Numbers that do not fit a page are left to the case."""
    noise = np.random.default_rng(1).normal(size=(1, LETTERS, 1)).astype("float32")
    assert made("torch", "", np.ones((1, 2, 1), "float32")) == []
    assert made("torch", "torch.f(input)", noise) == []


def test_a_program_runs_by_itself() -> None:
    """In a Python that imports nothing of ours, it prints what the framework gives."""
    call = "torch.nn.functional.avg_pool1d(torch.from_numpy(input), 2).numpy()"
    program = "\n".join(made("torch", call, np.array([[[1.0], [5.0], [7.0]]], "float32").transpose(0, 2, 1).copy()))
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[[[3.]]]\n"
