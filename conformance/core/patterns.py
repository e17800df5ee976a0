"""Patterns over ids: `*` matches any characters, `?` matches one, and every other character matches itself."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression; brackets match themselves, because ids of sweep points contain them."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))


def matches_pattern(pattern: str, word: str) -> bool:
    """Return whether the pattern matches the whole word."""
    return compiled(pattern).fullmatch(word) is not None
