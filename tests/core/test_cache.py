"""The cache of parsed files: what the user wrote is read again, and nothing that anybody else could have written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conv_conformance.core import cache


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of entries of an empty cache."""
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    _forget()
    yield cache._entries()
    _forget()


def _forget() -> None:
    for function in (cache._is_trusted, cache._secret):
        function.cache_clear()


def test_entry_is_read_again(place: Path) -> None:
    """Its folders and files are the user's alone, whatever the umask is."""
    assert cache.get("a") is None
    before = os.umask(0o002)
    try:
        cache.put("a", {"x": [1, 2.5]})
    finally:
        os.umask(before)
    assert cache.get("a") == {"x": [1, 2.5]}
    assert cache.get("b") is None
    made = [place, place.parent, place.parent.parent, place / "a", place.parent.parent / "key"]
    assert [cache.is_private(each) for each in made] == [True] * 5
    assert {each.stat().st_mode & 0o077 for each in made} == {0}


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_folder_that_others_can_write_to_is_not_used(place: Path, mode: int, level: int) -> None:
    """Neither is it read nor written, at any level of the cache."""
    cache.put("a", 1)
    [place, place.parent, place.parent.parent][level].chmod(mode)
    _forget()
    assert cache.get("a") is None
    cache.put("b", 2)
    assert not (place / "b").exists()


def test_file_that_others_can_write_to_is_not_read(place: Path) -> None:
    """Nor is a link to another file."""
    cache.put("a", 1)
    (place / "b").symlink_to(place / "a")
    assert (cache.get("a"), cache.get("b")) == (1, None)
    (place / "a").chmod(0o666)
    assert cache.get("a") is None


def test_entry_of_another_key_is_not_read(place: Path) -> None:
    """An entry that somebody else made, of a cache with another key, is not believed; nor is a damaged one."""
    cache.put("a", 1)
    cache.put("b", 2)
    whole = (place / "b").read_bytes()
    (place / "b").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert cache.get("b") is None
    (place.parent.parent / "key").write_bytes(bytes(32))
    _forget()
    assert cache.get("a") is None


def test_entry_of_another_user_is_not_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to another user is as if it were not there."""
    cache.put("a", 1)
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    _forget()
    assert cache.get("a") is None
