"""
Lazy imports of the public names of a package.

A package lists its names as imports under `TYPE_CHECKING`, where editors, type checkers and import-linter read them.
At run time `exports` reads the same lines, so that importing one name of a package does not import all its modules.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

#: An import of one name in the block. A regular expression is used, because importing `ast` and parsing the packages
#: with it takes several times as long.
_IMPORT = re.compile(r"^    from (\.[\w.]*) import (\w+)(?: as \2)?$", re.MULTILINE)


def exports(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """
    Return `__getattr__` and `__dir__` of a package, from the imports in its `if TYPE_CHECKING:` block.

    Also sets the package's `__all__`. `package` is its `__name__` and `file` its `__file__`.
    """
    homes = _homes(Path(file).read_text(encoding="utf-8"))
    vars(sys.modules[package])["__all__"] = sorted(homes)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(homes[name], package)
        is_module = home.__name__ == package or not hasattr(home, name)
        value = import_module(f"{home.__name__}.{name}") if is_module else getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(homes)


def _homes(source: str) -> dict[str, str]:
    """Return the relative module that defines each public name; for a public module, its package."""
    block, _, _ = source.partition("\nelse:\n")
    return {name: module for module, name in _IMPORT.findall(block)}
