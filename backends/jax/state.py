"""What JAX keeps from one call to the next: its switch for 64 bits and what it compiled."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from ...core import Call

#: Dtypes that JAX narrows unless it is told not to.
WIDE = {"float64", "int64", "uint64", "complex128"}
#: JAX keeps what it compiled for each shape, about 1.4 MB.
SHAPES_KEPT = 300


class State:
    """The state of the JAX that is given."""

    def __init__(self, jax: Any) -> None:
        self._jax = jax
        self._home = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
        self._seen: set[Hashable] = set()

    def is_wide(self, call: Call) -> bool:
        """Say whether a call has a 64-bit type (128 if complex)."""
        return not WIDE.isdisjoint(vars(call.dtype).values())

    def comment(self, call: Call) -> str:
        """Return what to append to the text of a call: it needs 64 bits, where it does."""
        return "  # jax.enable_x64(True)" if self.is_wide(call) else ""

    def x64(self, call: Call) -> AbstractContextManager[Any]:
        """Return the context of a call: 64-bit types are enabled only where it has one."""
        context: AbstractContextManager[Any] = self._home.enable_x64(True) if self.is_wide(call) else nullcontext()
        return context

    def remember(self, call: Call) -> None:
        """Count the forms of calls that JAX compiled for, and drop what it compiled when they become too many."""
        self._seen.add(call.form)
        if len(self._seen) > SHAPES_KEPT:
            self._jax.clear_caches()
            self._seen.clear()
