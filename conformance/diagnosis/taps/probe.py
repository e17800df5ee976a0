"""The tap audit of one call. A target and the reference evaluate the call's probes, and their tap maps are compared."""

from __future__ import annotations

from ... import reference
from ...core import Call
from .comparison import Comparison
from .finding import TapAudit
from .picture import picture
from .tap_map import UNKNOWN, CallFunction, probes


def audit_taps(call: Call, ask: CallFunction) -> TapAudit | None:
    """
    Return the tap audit of a call that `ask` evaluates wrongly, or None if no audit is possible.

    No audit is possible in the following cases:

    - The call is undefined or has no probes.
    - `ask` returns the correct result this time.
    - The call or a probe is refused, or its output has the wrong shape or dtype.
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
        constant=found.constant,
        adds_up=found.adds_up,
        picture=tuple(picture(found)) if found.differs.any() else (),
    )


def compared(call: Call, ask: CallFunction) -> Comparison | None:
    """
    Compare the products that `ask` computes for a call with the expected products.

    None means that no audit is possible.
    """
    try:
        expected = reference.evaluate(call)
    except reference.Undefined:
        return None
    prepared = probes(call, expected.size)
    if prepared is None:
        return None
    probe_calls = [*prepared.calls()]
    kind = (expected.shape, expected.dtype)
    answers = [
        each for each in ask([prepared.call, *probe_calls]) if each is not None and (each.shape, each.dtype) == kind
    ]
    if len(answers) <= len(probe_calls):
        return None
    right = prepared.decoded([reference.evaluate(each) for each in probe_calls])
    if (right.reads == UNKNOWN).any():
        return None
    return Comparison(
        call=prepared.call,
        seen=prepared.decoded(answers[1:]),
        right=right,
        got=answers[0],
        expected=expected,
        probes=len(prepared),
    )
