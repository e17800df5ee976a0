"""The public names of packages."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import conv_conformance
import pytest
from conv_conformance.exports import exports

ROOT = Path(conv_conformance.__file__).parent
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if "exports(" in path.read_text())


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_there(room: str) -> None:
    """Each name that a room lists can be imported from it, and a module is no other thing of the same name."""
    package = importlib.import_module(f"conv_conformance.{room}")
    assert package.__all__
    modules = {path.stem for path in (ROOT / room).glob("*.py")} | {path.name for path in (ROOT / room).glob("*/")}
    for name in package.__all__:
        value = getattr(package, name)
        if name in modules:
            assert value is importlib.import_module(f"conv_conformance.{room}.{name}")


@pytest.mark.parametrize("room", ROOMS)
def test_every_import_of_the_block_is_a_public_name(room: str) -> None:
    """The names are those that Python's own parser finds under `TYPE_CHECKING`."""
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    listed = [alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(listed) == importlib.import_module(f"conv_conformance.{room}").__all__


def test_there_are_rooms() -> None:
    """The engine has a room for each entry of the table of storeys."""
    assert len(ROOMS) >= 16


def test_the_public_interface() -> None:
    """A star import takes the names that a backend needs, and an unknown name is an AttributeError."""
    names: dict[str, object] = {}
    exec("from conv_conformance import *", names)  # noqa: S102 - a star import is allowed at the top of a module only
    assert {"Call", "Limit", "Outputs", "Prepared", "Refused", "Stage", "Target", "Unavailable", "ask"} <= names.keys()
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        conv_conformance.nothing  # noqa: B018 - looking it up is what raises


def test_a_name_without_a_home_is_noticed(tmp_path: Path) -> None:
    """A name that its module does not have is an error when it is used."""
    package = tmp_path / "__init__.py"
    package.write_text("if TYPE_CHECKING:\n    from .core import Nothing as Nothing\n")
    before = conv_conformance.__all__
    get, names = exports("conv_conformance", str(package))
    conv_conformance.__all__ = before
    assert names() == ["Nothing"]
    with pytest.raises(ImportError):
        get("Nothing")
