"""What became of one call in a worker."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .storage import Array

#: What a worker may say of a call; a death is seen by the parent.
RETURNED, RAISED, SKIPPED = "returned", "raised", "skipped"
OUTCOMES = (RETURNED, RAISED, "unsupported", "suite-error", SKIPPED)


#: A message of the protocol, without its arrays.
Message: TypeAlias = dict[str, Any]


class Malformed(ValueError):
    """The bytes that arrived are not a message of the protocol."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """
    One call of one target: what it returned, or how it failed.

    `outcome` is `returned`, `raised` (the framework refused), `unsupported` (the API has no words for it),
    `suite-error`, `crash`, `timeout`, `not-run`, or `skipped`, of a follow-up that nobody asks for.
    `arrays` and `dtypes` are keyed by where (`output`); `message` says why, where nothing was returned.
    """

    outcome: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    #: prepare, call or fetch.
    phase: str = ""
    #: The call as an expression that can be pasted.
    call: str = ""
    composed: bool = False
    #: The same call, made again, gave other bits.
    unsteady: bool = False
    inputs_changed: bool = False
    #: It raised for want of memory or of a module, which is no refusal.
    environment: bool = False
    #: The limit in spite of which an audit had it made.
    limit: str = ""
    traceback: str = ""
    seconds: float = 0.0


#: What a terminal takes for colours, such as Keras writes into its errors.
_STYLE = re.compile("\x1b\\[[0-9;]*m")
#: Control characters and halves of surrogate pairs: no terminal, file or report wants them.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(said: object) -> str:
    """Return what a worker said as a text that can be written anywhere."""
    if isinstance(said, str) and said.isprintable():
        return said
    return _UNWRITABLE.sub("\ufffd", _STYLE.sub("", str(said)).replace("\r\n", "\n"))


def from_message(message: Message, arrays: Mapping[str, Array]) -> Observation:
    """
    Return the observation that a worker's message describes.

    Raises:
        Malformed: if it says no outcome, or one that is not a worker's to say, or a time that is none.

    """
    if message.get("outcome") not in OUTCOMES:
        raise Malformed(f"an answer whose outcome is {message.get('outcome')!r}")
    if not is_duration(seconds := message.get("seconds", 0.0)):
        raise Malformed(f"an answer that took {seconds!r} seconds")
    return Observation(
        outcome=message["outcome"],
        arrays=arrays,
        dtypes={described[0]: described[1] for described in message.get("arrays", ())},
        message=printable(message.get("message", "")),
        phase=printable(message.get("phase", "")),
        call=printable(message.get("call", "")),
        composed=bool(message.get("composed")),
        unsteady=bool(message.get("unsteady")),
        inputs_changed=bool(message.get("inputs_changed")),
        environment=bool(message.get("environment")),
        limit=printable(message.get("limit", "")),
        traceback=printable(message.get("traceback", "")),
        seconds=seconds,
    )


def is_duration(seconds: object) -> bool:
    """Say whether what a worker gave is a number of seconds."""
    return isinstance(seconds, (int, float)) and 0 <= seconds < math.inf
