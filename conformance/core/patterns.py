"""Patterns over ids: `*` and `?` stand for any characters and for one, everything else for itself."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; brackets are literal, for ids of sweep points have them."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))


def matches_pattern(pattern: str, word: str) -> bool:
    """Say whether the whole word fits the pattern."""
    return compiled(pattern).fullmatch(word) is not None
