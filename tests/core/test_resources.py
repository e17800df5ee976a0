"""Memory that is given back: what only the garbage collector finds, and what the C library keeps."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import psutil
import pytest
from conv_conformance.core.resources import give_back


class Ring:
    """Something that names itself, and an array."""

    def __init__(self, size: int) -> None:
        self.itself = self
        self.array = np.ones(size)


def test_what_names_itself_is_freed() -> None:
    """Without waiting for the garbage collector's turn."""
    gc.disable()
    try:
        gone = weakref.ref(Ring(1))
        assert gone() is not None
        give_back()
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries give back by themselves, or cannot be asked")
def test_freed_memory_leaves_the_process() -> None:
    """Of 100 MB in pieces that are freed below one that stays, the process keeps little."""
    pieces = [bytearray(50_000) for _ in range(2000)]
    stays = bytearray(50_000)
    full = psutil.Process().memory_info().rss
    pieces.clear()
    give_back()
    assert (full - psutil.Process().memory_info().rss > 80_000_000, len(stays)) == (True, 50_000)
