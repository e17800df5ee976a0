"""The folder that the generators write to: the repository, or, for `--small`, a temporary one."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]


def options(about: str | None) -> ArgumentParser:
    """Return a parser with `--small`, described by the docstring of a module."""
    parser = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="write to a temporary folder, and delete it")
    return parser


@contextmanager
def folder(*, small: bool) -> Iterator[Path]:
    """Yield the repository's root, or a temporary folder that stands for it."""
    if small:
        with TemporaryDirectory() as name:
            yield Path(name)
    else:
        yield ROOT


def write(root: Path, path: Path, text: str) -> None:
    """Write a file below a root, with the folders above it."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")
