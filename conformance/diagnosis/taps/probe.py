"""The audit of one call: its probes are asked of a target and of the reference, and what they show is compared."""

from __future__ import annotations

from ... import reference
from ...core import Call
from .comparison import Comparison
from .finding import TapAudit
from .picture import picture
from .tap_map import UNKNOWN, CallFunction, probes


def audit_taps(call: Call, ask: CallFunction) -> TapAudit | None:
    """
    Return what probes say about a call that `ask` answers wrongly, None where they cannot say it.

    That is: it has no meaning or no probes, it is right when it is made again, or it or a probe is refused, or has a
    result of another shape or dtype.
    """
    found = compared(call, ask)
    if found is None or not found.is_wrong.any():
        return None
    return TapAudit(
        products=int((found.right.reads >= 0).sum()),
        probes=found.probes,
        taps=len(found.seen.taps),
        kernel=found.call.array("kernel").size,
        parts=found.parts(),
        is_bias_wrong=found.is_bias_wrong,
        adds_up=found.adds_up,
        picture=tuple(picture(found)) if found.differs.any() else (),
    )


def compared(call: Call, ask: CallFunction) -> Comparison | None:
    """Return the products of a call as `ask` makes them beside those of the definition, None where probes cannot tell."""
    try:
        expected = reference.evaluate(call)
    except reference.Undefined:
        return None
    made = probes(call, expected.size)
    if made is None:
        return None
    asked = [*made.calls()]
    kind = (expected.shape, expected.dtype)
    answers = [each for each in ask([made.call, *asked]) if each is not None and (each.shape, each.dtype) == kind]
    if len(answers) <= len(asked):
        return None
    right = made.decoded([reference.evaluate(each) for each in asked])
    if (right.reads == UNKNOWN).any():
        return None
    return Comparison(
        call=made.call,
        seen=made.decoded(answers[1:]),
        right=right,
        got=answers[0],
        expected=expected,
        probes=len(made),
    )
