"""State that JAX keeps between calls: whether 64-bit types are enabled, and compiled programs."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from ...core import Call

#: Dtypes that JAX replaces by dtypes of half their size unless `jax_enable_x64` is set.
WIDE = {"float64", "int64", "uint64", "complex128"}
#: JAX caches a compiled program of about 1.4 MB for each shape. After this number of shapes, the cache is cleared.
SHAPES_KEPT = 300


class State:
    """The state of an imported `jax` module."""

    def __init__(self, jax: Any) -> None:
        self._jax = jax
        self._home = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
        self._seen: set[Hashable] = set()

    def is_wide(self, call: Call) -> bool:
        """Return whether a call has a 64-bit dtype (128-bit if complex)."""
        return not WIDE.isdisjoint(vars(call.dtype).values())

    def comment(self, call: Call) -> str:
        """Return a comment for a call's text: a 64-bit call needs `jax.enable_x64`; empty for all other calls."""
        return "  # jax.enable_x64(True)" if self.is_wide(call) else ""

    def x64(self, call: Call) -> AbstractContextManager[Any]:
        """Return the context manager for a call, which enables 64-bit types only if the call has one."""
        context: AbstractContextManager[Any] = self._home.enable_x64(True) if self.is_wide(call) else nullcontext()
        return context

    def remember(self, call: Call) -> None:
        """Count the call's form; clear JAX's caches when there are more than SHAPES_KEPT forms."""
        self._seen.add(call.form)
        if len(self._seen) > SHAPES_KEPT:
            self._jax.clear_caches()
            self._seen.clear()
