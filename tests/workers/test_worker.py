"""What a worker makes of what is raised in it."""

from __future__ import annotations

import json

import pytest
from conv_conformance.core.backend import Raised, ask
from conv_conformance.workers import worker


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


def test_frames_in_a_message_are_left_out() -> None:
    """What TensorFlow writes about its graph names files of this machine; what it refuses stands behind them."""
    text = 'Graph error:\n  File "a.py", line 1, in f\n\n  File "b.py", line 22, in g\n\nonly supports NHWC.'
    assert worker.error_text(ValueError(text)) == "ValueError: Graph error:\nonly supports NHWC."
