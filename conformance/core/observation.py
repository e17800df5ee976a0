"""The outcome of one call in a worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .foreign_text import printable
from .storage import Array

#: The outcomes that a worker may report; the parent process detects crashes and timeouts.
RETURNED, RAISED, SKIPPED = "returned", "raised", "skipped"
OUTCOMES = (RETURNED, RAISED, "unsupported", "suite-error", SKIPPED)


#: A message of the protocol, without its arrays.
Message: TypeAlias = dict[str, Any]


#: The largest number of characters that is kept of the text of a call.
LONGEST_CALL = 10_000


class Malformed(ValueError):
    """Raised if the received bytes are not a message of the protocol."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """
    The outcome of one call on one target, with the returned arrays.

    `outcome` is `returned`, `raised` (the framework refused), `unsupported` (the API cannot express the call),
    `suite-error`, `crash`, `timeout`, `not-run`, or `skipped` (a follow-up call that is not needed).
    `arrays` and `dtypes` have the keys of `Outputs.arrays`, such as `output`. If the call returned nothing, `message`
    states the reason.
    """

    outcome: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    #: Name of a returned array -> its stated shape and size, if no array can have both.
    impossible: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    #: The last phase that the call reached: `prepare`, `call` or `fetch`.
    phase: str = ""
    #: The call as an expression that can be pasted.
    call: str = ""
    composed: bool = False
    #: Whether a repetition of the call returned different bits.
    unsteady: bool = False
    inputs_changed: bool = False
    #: Whether the call raised because memory or a module was missing, which does not count as a refusal.
    environment: bool = False
    #: The limit of the backend that covers this call; set only if an audit made the call in spite of the limit.
    limit: str = ""
    traceback: str = ""
    seconds: float = 0.0


def from_message(message: Message, arrays: Mapping[str, Array]) -> Observation:
    """
    Return the observation that a worker's message describes.

    Raises:
        Malformed: if the outcome is missing or not in `OUTCOMES`, or `seconds` is not a duration.

    """
    if message.get("outcome") not in OUTCOMES:
        raise Malformed(f"unknown outcome {message.get('outcome')!r} in an answer")
    if not is_duration(seconds := message.get("seconds", 0.0)):
        raise Malformed(f"invalid duration of {seconds!r} seconds in an answer")
    return Observation(
        outcome=message["outcome"],
        arrays=arrays,
        dtypes={described[0]: described[1] for described in message.get("arrays", ())},
        impossible={name: printable(text) for name, text in message.get("impossible", {}).items()},
        message=printable(message.get("message", "")),
        phase=printable(message.get("phase", "")),
        call=printable(message.get("call", ""))[:LONGEST_CALL],
        composed=bool(message.get("composed")),
        unsteady=bool(message.get("unsteady")),
        inputs_changed=bool(message.get("inputs_changed")),
        environment=bool(message.get("environment")),
        limit=printable(message.get("limit", "")),
        traceback=printable(message.get("traceback", "")),
        seconds=seconds,
    )


def is_duration(seconds: object) -> bool:
    """Return whether a value from a worker is a finite, non-negative number."""
    return isinstance(seconds, (int, float)) and 0 <= seconds < math.inf
