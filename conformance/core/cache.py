"""
A cache of parsed files, keyed by the SHA-256 digest of their content.

The cache can be deleted at any time: if an entry is missing or damaged, the file is parsed again.
Each loader (each version or edit of this package) has its own folder; only the newest `LOADERS` folders are kept.
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

#: The number of loaders whose folders are kept.
LOADERS = 8


def folder() -> Path:
    """
    Return the cache folder: `CONV_CONFORMANCE_CACHE` if this variable is set, else one in the user's cache folder.

    Raises:
        Invalid: if `CONV_CONFORMANCE_CACHE` is not set and the user has no home folder.

    """
    if chosen := os.environ.get("CONV_CONFORMANCE_CACHE"):
        return Path(chosen)
    from platformdirs import user_cache_path

    # Without a home folder, platformdirs raises RuntimeError; its earlier versions return a relative path "~/...".
    with suppress(RuntimeError):
        if (place := user_cache_path("conv-conformance")).is_absolute():
            return place
    hint = "set CONV_CONFORMANCE_CACHE to a folder"
    raise Invalid(Problem(path="cache", message="this user has no home folder", hint=hint))


def key(content: bytes) -> str:
    """Return the cache key of a file's content."""
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=1)
def _loader() -> str:
    """Return the folder name of this loader. It changes with every edit, so that stale entries are never read."""
    root = Path(__file__).parents[1]
    files = (file for pattern in ("core/*.py", "calls/*.py", "corpus/**/*.py") for file in root.glob(pattern))
    newest = max((file.stat().st_mtime_ns for file in files), default=0)
    name = f"{__version__} {newest} {sys.implementation.cache_tag} {marshal.version}"
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _entries() -> Path:
    return folder() / "read" / _loader()


def get(name: str) -> Any:
    """Return the value cached under the key `name`, or None if the entry is missing or damaged."""
    try:
        entry = (_entries() / name).read_bytes()
        return marshal.loads(entry[32:]) if hashlib.sha256(entry[32:]).digest() == entry[:32] else None
    except Exception:
        return None


def put(name: str, value: Any) -> None:
    """Write plain data to the cache atomically, under the key `name`; failures are ignored."""
    with suppress(Exception):
        payload = marshal.dumps(value)
        place = _entries()
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
