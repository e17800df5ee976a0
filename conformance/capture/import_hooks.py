"""
Hooks that record calls of frameworks: a framework is hooked when it is imported, or at once if it is imported already.

Needs only the standard library; see `call_log`.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .call_log import Sightings

#: The frameworks that can be captured. `backends.<name>.capture.attach(sightings)` hooks a framework, and returns a
#: function that unhooks it.
FRAMEWORKS = ("torch", "jax", "tensorflow", "keras")


class Hooks:
    """The hooks of one capture."""

    def __init__(self, sightings: Sightings) -> None:
        self._sightings = sightings
        self._releases: list[Callable[[], None]] = []
        self._hooks: list[Any] = []
        self._finder = _Finder(self._attach)

    def start(self) -> None:
        """Hook the imported frameworks, and arrange that each other framework is hooked when it is imported."""
        for name in FRAMEWORKS:
            if name in sys.modules:
                self._attach(name)
        sys.meta_path.insert(0, self._finder)
        self._start = threading.Thread.start
        threading.Thread.start = self._starting(self._start)  # type: ignore[assignment,method-assign]

    def stop(self) -> None:
        """Remove all hooks."""
        threading.Thread.start = self._start  # type: ignore[method-assign]
        sys.meta_path.remove(self._finder)
        while self._releases:
            self._releases.pop()()

    def _starting(self, start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
        """Return a replacement of `Thread.start` that also installs the hooks that each thread needs."""

        def watched(thread: threading.Thread) -> None:
            run = thread.run

            def running() -> None:
                for hook in tuple(self._hooks):
                    hook.watch(self._sightings)
                run()

            thread.run = running  # type: ignore[method-assign]
            start(thread)

        return watched

    def _attach(self, name: str) -> None:
        hook = importlib.import_module(f"conv_conformance.backends.{name}.capture")
        try:
            self._releases.append(hook.attach(self._sightings))
            self._releases.append(hook.watch(self._sightings))
            self._hooks.append(hook)
        except Exception as error:
            # The program must continue if a framework cannot be hooked.
            version = getattr(sys.modules[name], "__version__", "of unknown version")
            self._sightings.miss(name, f"{name} {version} cannot be captured: {type(error).__name__}: {error}")


class _Finder(MetaPathFinder):
    """A finder that delegates to the other finders, and hooks a framework after the framework is imported."""

    def __init__(self, attach: Callable[[str], None]) -> None:
        self._attach = attach

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in FRAMEWORKS:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            if (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _Hooking(spec.loader, lambda: self._attach(fullname))
                return spec
        return None


class _Hooking(Loader):
    """A loader that delegates to another loader, and calls `loaded` after the module is executed."""

    def __init__(self, loader: Any, loaded: Callable[[], None]) -> None:
        self._loader, self._loaded = loader, loaded

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        with suppress(AttributeError):
            module.__spec__.loader = module.__loader__ = self._loader  # type: ignore[union-attr]
        self._loader.exec_module(module)
        self._loaded()
