"""Check that the packages of the suite still hold the objects that their modules define."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from conv_conformance.exports import _homes as homes_in


@cache
def _homes(package: str) -> dict[str, str]:
    """Return the relative module that defines each public name of a package; {} if the package exports no names."""
    file = getattr(sys.modules[package], "__file__", None)
    source = Path(file).read_text(encoding="utf-8") if file and file.endswith("__init__.py") else ""
    return homes_in(source) if "exports(__name__, __file__)" in source else {}


def stale_names() -> Iterator[str]:
    """
    Yield each public name whose value in its package differs from the value in the module that defines it.

    A package keeps an object when its name is first used. A test that replaces the object in its module can therefore
    leave the replacement in the package.
    """
    for package in [name for name in sys.modules if name.partition(".")[0] == "conv_conformance"]:
        homes = _homes(package)
        for name in homes.keys() & vars(sys.modules[package]).keys():
            value = vars(sys.modules[package])[name]
            if not isinstance(value, ModuleType):
                home = import_module(homes[name], package)
                if value is not getattr(home, name, value):
                    yield f"{package}.{name}"
