"""
A cache of parsed files, keyed by the SHA-256 digest of their content.

The cache can be deleted at any time: if an entry is missing or damaged, the file is parsed again.
Whoever can write to a cache could change what the suite believes. So a folder or file that another user owns or can
write to is not used, and each entry is authenticated (HMAC-SHA256) with a key that only the user can read.
Each loader (each version or edit of this package) has its own folder; only the newest `LOADERS` folders are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import marshal
import os
import secrets
import shutil
import stat
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


def is_private(path: Path) -> bool:
    """Return whether the user owns a file or folder, and no other user can write to it; true on other systems."""
    if not hasattr(os, "getuid"):
        return True
    try:
        found = path.lstat()
    except OSError:
        return False
    is_link = stat.S_ISLNK(found.st_mode)
    return found.st_uid == os.getuid() and not is_link and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@lru_cache(maxsize=8)
def _is_trusted(place: Path) -> bool:
    """Return whether a folder of entries, and each folder above it in the cache, is private."""
    top = folder()
    return all(is_private(each) for each in (place, *place.parents) if each == top or top in each.parents)


@lru_cache(maxsize=8)
def _secret(top: Path) -> bytes:
    """Return the key that authenticates the entries of this user; it is created at the first use."""
    path = top / "key"
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
    if not is_private(path):
        raise PermissionError(f"{path} is not private")
    if len(key := path.read_bytes()) != 32:  # a full disk cut it off
        path.unlink()
        raise OSError(f"{path} was damaged")
    return key


def _signature(payload: bytes) -> bytes:
    return hmac.digest(_secret(folder()), payload, "sha256")


def get(name: str) -> Any:
    """Return the value cached under the key `name`, or None if the entry is missing, damaged or not the user's own."""
    try:
        place = _entries()
        if not (place / name).exists() or not _is_trusted(place) or not is_private(place / name):
            return None
        entry = (place / name).read_bytes()
        return marshal.loads(entry[32:]) if hmac.compare_digest(_signature(entry[32:]), entry[:32]) else None
    except Exception:
        return None


def put(name: str, value: Any) -> None:
    """Write plain data to the cache atomically, under the key `name`; failures are ignored."""
    with suppress(Exception):
        payload = marshal.dumps(value)
        place = _entries()
        if not place.exists():
            make_private(place)
            _forget_older(place.parent)
        if not _is_trusted(place):
            return
        partial = place / f"{name}.{os.getpid()}"
        try:
            partial.write_bytes(_signature(payload) + payload)
            partial.chmod(0o600)
            partial.replace(place / name)
        finally:
            partial.unlink(missing_ok=True)


def make_private(place: Path) -> None:
    """Create a folder and the missing folders above it, so that only the user can write to them."""
    missing = [each for each in (place, *place.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _forget_older(loaders: Path) -> None:
    newest_first = sorted(loaders.iterdir(), key=lambda loader: loader.stat().st_mtime, reverse=True)
    for loader in newest_first[LOADERS:]:
        shutil.rmtree(loader, ignore_errors=True)
