"""
Give free memory back to the operating system.

This module needs only the standard library, because workers import it.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """
    Run the garbage collector, and return free memory to the operating system if the C library is glibc.

    With millions of live objects, Python rarely runs its garbage collector, so arrays in reference cycles pile up.
    Without `malloc_trim`, glibc keeps freed blocks that lie between blocks in use.
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
