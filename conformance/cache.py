"""
What was read once from a file, kept by the digest of its content.

The cache can be deleted at any time; whatever is wrong with it, the files are read again.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Part of every key; counts up when what is kept changes its form or the loader its checks.
VERSION = 1


def folder() -> Path:
    """
    Return where the cache lies: `CONV_CONFORMANCE_CACHE`, else the user's cache folder.
    """
    if chosen := os.environ.get("CONV_CONFORMANCE_CACHE"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("conv-conformance")


def key(content: bytes) -> str:
    """
    Return the key of a file's content under this loader and this Python.
    """
    salt = f"{VERSION} {sys.implementation.cache_tag} {marshal.version}\0"
    return hashlib.sha256(salt.encode() + content).hexdigest()


def get(name: str) -> Any:
    """
    Return what was kept under a key, None if nothing was or it cannot be read.
    """
    try:
        kept = (folder() / name).read_bytes()
        return marshal.loads(kept[32:]) if hashlib.sha256(kept[32:]).digest() == kept[:32] else None
    except Exception:
        return None


def put(name: str, value: Any) -> None:
    """
    Keep plain data under a key, whole or not at all.
    """
    with suppress(Exception):
        payload = marshal.dumps(value)
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        partial = place / f"{name}.{os.getpid()}"
        partial.write_bytes(hashlib.sha256(payload).digest() + payload)
        partial.replace(place / name)
