"""
What was read once from a file, kept by the digest of its content.

The cache can be deleted at any time; whatever is wrong with it, the files are read again.
Each loader (a version of this package, or an edit of it) has a folder of its own there; of these the newest few stay.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import shutil
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import __version__
from .problem import Invalid, Problem

#: Of how many loaders, the newest ones, what they read is kept.
LOADERS = 8


def folder() -> Path:
    """
    Return where the cache lies: `CONV_CONFORMANCE_CACHE`, else the user's cache folder.

    Raises:
        Invalid: if the user has no home, and so no cache folder.

    """
    if chosen := os.environ.get("CONV_CONFORMANCE_CACHE"):
        return Path(chosen)
    from platformdirs import user_cache_path

    # Without a home platformdirs raises, or, in earlier versions, names a folder "~" in the current one.
    with suppress(RuntimeError):
        if (place := user_cache_path("conv-conformance")).is_absolute():
            return place
    hint = "CONV_CONFORMANCE_CACHE can name a folder"
    raise Invalid(Problem(path="cache", message="this user has no home folder", hint=hint))


def key(content: bytes) -> str:
    """Return the key of a file's content."""
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=1)
def _loader() -> str:
    """Name the loader so that another one, or this one after an edit, never sees what was kept here."""
    root = Path(__file__).parents[1]
    files = (file for pattern in ("*.py", "core/*.py", "corpus/**/*.py") for file in root.glob(pattern))
    newest = max((file.stat().st_mtime_ns for file in files), default=0)
    name = f"{__version__} {newest} {sys.implementation.cache_tag} {marshal.version}"
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _kept() -> Path:
    return folder() / "read" / _loader()


def get(name: str) -> Any:
    """Return what was kept under a key, None if nothing was or it cannot be read."""
    try:
        kept = (_kept() / name).read_bytes()
        return marshal.loads(kept[32:]) if hashlib.sha256(kept[32:]).digest() == kept[:32] else None
    except Exception:
        return None


def put(name: str, value: Any) -> None:
    """Keep plain data under a key, whole or not at all."""
    with suppress(Exception):
        payload = marshal.dumps(value)
        place = _kept()
        if not place.exists():
            place.mkdir(parents=True, exist_ok=True)
            _forget_older(place.parent)
        partial = place / f"{name}.{os.getpid()}"
        try:
            partial.write_bytes(hashlib.sha256(payload).digest() + payload)
            partial.replace(place / name)
        finally:
            partial.unlink(missing_ok=True)


def _forget_older(loaders: Path) -> None:
    newest_first = sorted(loaders.iterdir(), key=lambda loader: loader.stat().st_mtime, reverse=True)
    for loader in newest_first[LOADERS:]:
        shutil.rmtree(loader, ignore_errors=True)
