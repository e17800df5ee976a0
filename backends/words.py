"""
What a call says to frameworks of few words: two layouts, two or three padding words, shapes instead of groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..adapter import Limit
from ..call import ARRAYS, Call, Pairs, Stage

#: The layouts that a `data_format` can name, channels last first.
FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}

EAGER = Limit("variation: eager, nothing is compiled", lambda call: call.variation.is_compiled)
NOT_INFERRED = Limit("variation: nothing is inferred ahead of the call", lambda call: call.variation.shape_inference)
COPIES = Limit(
    "storage: the conversion copies, the difference in memory is lost",
    lambda call: any(getattr(call.storage, name) not in (None, "contiguous") for name in ARRAYS),
)


def data_format(call: Call) -> str:
    """
    Return the layout among FORMATS that is nearest to the layouts of a call.
    """
    formats = FORMATS[call.rank]
    return next((one for one in (call.layout.input, call.layout.output or "") if one in formats), formats[0])


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
    except (IndexError, ValueError, ZeroDivisionError):  # a call that is there to be refused may have no such thing
        return None


def infers_other_groups(call: Call) -> bool:
    """
    Say whether the shapes of a grouped convolution show another number of groups than the call has.
    """
    if call.op != "conv" or call.array("kernel").ndim != call.array("input").ndim or not call.extent("kernel", "I"):
        return False
    inferred, rest = divmod(call.extent("input", "C"), call.extent("kernel", "I"))
    return not rest and inferred != call.groups


def before(call: Call, layout: str) -> tuple[list[list[int]], tuple[slice, ...]]:
    """
    Return what to add to the input and what to cut from it then, for each axis of `layout`, where a pad takes no crops.

    In this order a crop may reach into what was added.
    """
    assert call.before is not None
    pairs = dict(zip(call.spatial, call.before, strict=True))
    ordered = [pairs.get(letter, (0, 0)) for letter in layout]
    cut = tuple(slice(max(-low, 0), min(high, 0) or None) for low, high in ordered)
    return [[max(low, 0), max(high, 0)] for low, high in ordered], cut


def before_text(call: Call, layout: str, pad: str, signal: str) -> str:
    """
    Return the text of `before`, done to the array `signal` by the function `pad`.
    """
    added, cut = before(call, layout)
    parts = ", ".join(f"{part.start or ''}:{part.stop or ''}" for part in cut)
    return f"{pad}({signal}, {added!r})[{parts}]"
