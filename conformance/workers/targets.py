"""
Targets by name: `name[+mode][@device]` to the adapter that serves it.

Behind it `==VERSION` asks for another release of its framework, `=PATH` for the environment that has one.

An adapter is found by short name through the entry-point group `conformance.backends`, else by import string
`package.module:Class`, by file `path.py:Class`, or, in another language, by command `cmd:node worker.js`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

from ..core import Invalid, Problem, Target, backend_attribute, suggestion

GROUP = "conformance.backends"

#: What `run` takes without -b: the eager surfaces, where their framework is installed.
DEFAULTS = ("numpy", "torch", "torch+layer", "jax", "tensorflow", "keras-tensorflow", "keras-jax", "keras-torch")

#: What --all adds: compiled and other surfaces.
OTHERS = (
    "torch+compile",
    "torch+autocast",
    "jax+jit",
    "tensorflow+graph",
    "keras-tensorflow+ops",
    "keras-jax+ops",
    "keras-torch+ops",
)


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A target and where its adapter is: `module:Class`, `path.py:Class`, or a command with its arguments."""

    target: Target
    locator: str = ""
    command: tuple[str, ...] = ()
    #: Whether it was given by import string, not found by its name.
    is_foreign: bool = False
    #: Which release is meant: `==2.12.1` of its own package, `=torch==2.12.1` of another one, `=PATH` that of an
    #: environment; empty for what is installed.
    release: str = ""
    #: The interpreter that has it; empty for that of the terms.
    python: str = ""

    def __str__(self) -> str:
        return f"{self.target}{self.release}"

    @property
    def is_exclusive(self) -> bool:
        """Whether no other worker may use its device at the same time."""
        return self.target.device != "cpu"


@cache
def known() -> Mapping[str, str]:
    """Return the adapters that are installed: short name -> `module:Class`."""
    return {point.name: point.value for point in sorted(entry_points(group=GROUP))}


def resolve(text: str) -> Adapter:
    """
    Return the adapter of a target as the user wrote it.

    Raises:
        Invalid: if there is no such adapter or mode, with the nearest name.

    """
    if text.startswith("cmd:"):
        import shlex

        try:
            command = tuple(shlex.split(text.removeprefix("cmd:")))
        except ValueError as error:
            _fail(text, f"not a command: {error}", "quote its parts as in a shell")
        if not command:
            _fail(text, "no command", "a worker is written cmd:node worker.js")
        return Adapter(target=Target(name=text), command=command)
    surface, release = _released(text)
    name, mode, device = _split(surface)
    target = Target(name=name, mode=mode, device=device)
    if ":" in name:
        return Adapter(target=target, locator=_located(name), is_foreign=True)
    if name not in known():
        _fail(text, f"no backend named {name!r}", suggestion(name, known()) or f"known are {', '.join(known())}")
    modes = modes_of(known()[name])
    if mode and mode not in modes:
        _fail(
            text,
            f"{name} has no mode {mode!r}",
            suggestion(mode, modes) or f"it has {', '.join(filter(None, modes)) or 'none'}",
        )
    return Adapter(target=target, locator=known()[name], release=release)


def _released(text: str) -> tuple[str, str]:
    surface, equals, release = text.partition("=")
    if not equals or _split(surface)[0] not in known():
        return text, ""
    return surface, equals + release


def _split(text: str) -> tuple[str, str, str]:
    rest, at, device = text.rpartition("@")
    if not at or "/" in device:
        rest, device = text, ""
    name, plus, mode = rest.rpartition("+")
    if not plus or "/" in mode or ":" in mode:
        name, mode = rest, ""
    return name, mode, device or "cpu"


def _located(name: str) -> str:
    place, _, made = name.rpartition(":")
    if not place.endswith(".py"):
        return name
    if not Path(place).is_file():
        _fail(name, "no such file", "a backend in a file is written path.py:Class")
    return f"{Path(place).resolve()}:{made}"


def _fail(text: str, message: str, hint: str) -> NoReturn:
    raise Invalid(Problem(path=text, message=message, hint=hint))


@cache
def modes_of(locator: str) -> Mapping[str, str]:
    """Return the modes of an installed adapter; the framework is not imported for it."""
    modes: Mapping[str, str] = backend_attribute(resolve_name(locator), "modes")
    return modes


def needed(name: str) -> Sequence[str]:
    """Return the modules that the adapter called `name` needs, that of its framework first."""
    adapter: Any = resolve_name(known()[name])
    modules: Sequence[str] = getattr(adapter, "engines", {}).get(name) or backend_attribute(adapter, "requires")
    return modules


def missing(name: str) -> list[str]:
    """Return the modules that the adapter called `name` needs and that are not installed."""
    return [module for module in needed(name) if find_spec(module) is None]


def default(*, every: bool = False) -> list[Adapter]:
    """Return the targets that `run` takes when none is named: those whose framework is installed."""
    names = DEFAULTS + OTHERS if every else DEFAULTS
    adapters = [resolve(name) for name in names if _split(name)[0] in known()]
    return [adapter for adapter in adapters if not missing(adapter.target.name)]


def named_targets(names: Sequence[str], *, every: bool = False) -> list[Adapter]:
    """
    Return the adapters of targets as the user wrote them, each once; without any, those that `run` takes then.

    Raises:
        Invalid: if there is no such adapter or mode.

    """
    return [resolve(name) for name in dict.fromkeys(names)] or default(every=every)
