"""
Resolution of target names, `name[+mode][@device]`, to adapters.

The suffix `==VERSION` selects another release of the framework; `=PATH` selects the environment in the folder PATH.

`name` is a short name from the entry-point group `conformance.backends`, an import string `package.module:Class`, a
file `path.py:Class`, or, for another language, a command `cmd:node worker.js`.
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

#: The eager targets. Without -b, `run` uses those whose frameworks are installed.
DEFAULTS = ("numpy", "torch", "torch+layer", "jax", "tensorflow", "keras-tensorflow", "keras-jax", "keras-torch")

#: The targets that --all adds: compiled and other modes.
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
    """A target and the location of its adapter: `module:Class`, `path.py:Class`, or a command with its arguments."""

    target: Target
    locator: str = ""
    command: tuple[str, ...] = ()
    #: Whether the user named the adapter by import string or file, and not by short name.
    is_foreign: bool = False
    #: The release as a suffix of the target's name: `==2.12.1` names a release of the target's own package,
    #: `=torch==2.12.1` a release of another package, `=PATH` an environment. Empty for the installed release.
    release: str = ""
    #: The interpreter of the release's environment; if empty, workers run on `Terms.python`.
    python: str = ""

    def __str__(self) -> str:
        return f"{self.target}{self.release}"

    @property
    def is_exclusive(self) -> bool:
        """Whether no other worker may use the target's device at the same time."""
        return self.target.device != "cpu"


@cache
def known() -> Mapping[str, str]:
    """Return the installed adapters: short name -> `module:Class`."""
    return {point.name: point.value for point in sorted(entry_points(group=GROUP))}


def resolve(text: str) -> Adapter:
    """
    Return the adapter of a target that the user named.

    Raises:
        Invalid: if the adapter or the mode does not exist; the hint suggests the nearest name.

    """
    if text.startswith("cmd:"):
        import shlex

        try:
            command = tuple(shlex.split(text.removeprefix("cmd:")))
        except ValueError as error:
            _fail(text, f"not a command: {error}", "quote arguments as in a shell")
        if not command:
            _fail(text, "no command", "write cmd:COMMAND, such as cmd:node worker.js")
        return Adapter(target=Target(name=text), command=command)
    surface, release = _released(text)
    name, mode, device = _split(surface)
    target = Target(name=name, mode=mode, device=device)
    if ":" in name:
        return Adapter(target=target, locator=_located(name), is_foreign=True)
    if name not in known():
        _fail(text, f"no backend named {name!r}", suggestion(name, known()) or f"known backends: {', '.join(known())}")
    modes = modes_of(known()[name])
    if mode and mode not in modes:
        _fail(
            text,
            f"{name} has no mode {mode!r}",
            suggestion(mode, modes) or f"its modes: {', '.join(filter(None, modes)) or 'none'}",
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
    place, _, class_name = name.rpartition(":")
    if not place.endswith(".py"):
        return name
    if not Path(place).is_file():
        _fail(name, "no such file", "write a backend in a file as path.py:Class")
    return f"{Path(place).resolve()}:{class_name}"


def _fail(text: str, message: str, hint: str) -> NoReturn:
    raise Invalid(Problem(path=text, message=message, hint=hint))


@cache
def modes_of(locator: str) -> Mapping[str, str]:
    """Return the modes of an installed adapter, mode -> description, without importing the adapter's framework."""
    modes: Mapping[str, str] = backend_attribute(resolve_name(locator), "modes")
    return modes


def needed(name: str) -> Sequence[str]:
    """Return the modules that the adapter called `name` needs; the framework's own module comes first."""
    adapter: Any = resolve_name(known()[name])
    modules: Sequence[str] = getattr(adapter, "engines", {}).get(name) or backend_attribute(adapter, "requires")
    return modules


def missing(name: str) -> list[str]:
    """Return the modules that the adapter called `name` needs and that are not installed."""
    return [module for module in needed(name) if find_spec(module) is None]


def default(*, every: bool = False) -> list[Adapter]:
    """Return the targets in `DEFAULTS`, with `every` also those in `OTHERS`, whose framework is installed."""
    names = DEFAULTS + OTHERS if every else DEFAULTS
    adapters = [resolve(name) for name in names if _split(name)[0] in known()]
    return [adapter for adapter in adapters if not missing(adapter.target.name)]


def named_targets(names: Sequence[str], *, every: bool = False) -> list[Adapter]:
    """
    Return the adapters of the named targets, without duplicates; if `names` is empty, return the default targets.

    Raises:
        Invalid: if an adapter or a mode does not exist.

    """
    return [resolve(name) for name in dict.fromkeys(names)] or default(every=every)
