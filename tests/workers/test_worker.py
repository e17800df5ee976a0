"""What a worker makes of what is raised in it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.backend import Outputs, Raised, ask
from conv_conformance.workers import wire, worker

from ..support.builders import call_of, ramp


def refused(said: str) -> RuntimeError:
    raise RuntimeError(said)


@pytest.mark.parametrize(
    ("said", "is_environment"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes", True),
        ("RESOURCE_EXHAUSTED: Out of memory allocating 8796093022224 bytes.", True),
        ("{{node Fill}} OOM when allocating tensor with shape[1048576,1048576,4] and type float", True),
        ("expected stride to be greater than zero", False),
    ],
)
def test_want_of_memory_is_no_refusal(said: str, is_environment: bool) -> None:
    """As PyTorch, JAX and TensorFlow say it, in an exception of any type; any other text refuses the call."""
    with pytest.raises(Raised) as raised:
        ask(refused, said)
    assert json.loads(worker._raised(0, raised.value, worker.CALL)).get("environment", False) == is_environment


@pytest.mark.parametrize("kind", [MemoryError, ImportError, ModuleNotFoundError])
def test_a_missing_module_is_no_refusal(kind: type[Exception]) -> None:
    """An error of this type, or one that it is the cause of, states a fault of the machine, whatever its text."""

    def missing() -> None:
        raise kind("padding must be valid")

    with pytest.raises(Raised) as raised:
        ask(missing)
    assert json.loads(worker._raised(0, raised.value, worker.CALL))["environment"] is True


@pytest.mark.parametrize("written", [(), ("input",), ("kernel",), ("bias",), ("input", "kernel", "bias")])
def test_a_write_to_any_array_of_the_call_is_reported(written: tuple[str, ...]) -> None:
    """A call that changes one of its arrays, and leaves the others, has changed its inputs."""
    sent = call_of("conv", ramp(1, 4, 1), ramp(2, 1, 3), bias=ramp(3))
    line, _, content = wire.pack_call(0, sent).partition(b"\n")
    call = wire.unpack_call(line)[1].call(content, 0)
    arrays = {name: call.place(name, call.letters(name)) for name in ("input", "kernel", "bias")}
    for name in written:
        arrays[name][...] += 1
    answer: dict[str, Any] = json.loads(
        worker._returned(0, call, Outputs({"output": np.zeros((1, 3, 3), np.float32)}), True, 0.0, "").split(b"\n")[0]
    )
    assert answer.get("inputs_changed", False) is bool(written)


def test_frames_in_a_message_are_left_out() -> None:
    """What TensorFlow writes about its graph names files of this machine; what it refuses stands behind them."""
    text = 'Graph error:\n  File "a.py", line 1, in f\n\n  File "b.py", line 22, in g\n\nonly supports NHWC.'
    assert worker.error_text(ValueError(text)) == "ValueError: Graph error:\nonly supports NHWC."
