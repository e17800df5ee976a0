"""
Memory that is free, given back to the system.

Needs the standard library alone, for workers.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """
    Free what only the garbage collector finds, and have the C library return what is free, where it can.

    Among millions of objects that stay, Python looks for such things too seldom to free large arrays; and glibc keeps
    what was freed between what was not.
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
