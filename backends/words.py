"""
Padding words, for frameworks that know nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..call import Pairs, Stage


def meaning(stage: Stage, words: Iterable[str]) -> str | None:
    """
    Return the first of `words` that means the padding of `stage`, None if none does.

    A word means itself, and every padding with the same pairs: (1, 1) is `same` to three taps without a stride.
    """
    words = tuple(words)
    if stage.padding in words:
        return str(stage.padding)
    pairs = _pairs(stage)
    return next((word for word in words if pairs is not None and _pairs(replace(stage, padding=word)) == pairs), None)


def _pairs(stage: Stage) -> Pairs | None:
    try:
        return stage.pairs
    except (ValueError, ZeroDivisionError):  # strides of 0 or too few of them: there to be refused, and no padding
        return None
