"""
How calls and observations are written: a JSON line for each message, then the raw bytes of its arrays.

The same format in both directions, for a worker in any language; see docs/reference/protocol.md.
Needs the standard library and NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core import (
    OPERANDS,
    Array,
    Call,
    Malformed,
    Message,
    call_from_plain,
    call_to_plain,
    numpy_type,
    operands_to_plain,
)

#: The version of the format; a worker that reads another says so and stops.
PROTOCOL = "conv-conformance-worker/1"

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
#: (dtype, shape) descriptions are few; their NumPy types are looked up once.
_TYPES: dict[str, np.dtype[Any]] = {}


def pack(message: Message, arrays: Mapping[str, tuple[str, Array]] | None = None) -> bytes:
    """Write a message and its arrays, name -> (dtype name, array), little-endian and row-major."""
    if not arrays:
        return _dumps(message).encode() + b"\n"
    blobs = [array.tobytes() for _, array in arrays.values()]
    message["arrays"] = [
        [name, dtype, array.shape, len(blob)]
        for (name, (dtype, array)), blob in zip(arrays.items(), blobs, strict=True)
    ]
    return b"".join([_dumps(message).encode(), b"\n", *blobs])


def unpack(line: bytes) -> tuple[Message, int]:
    """
    Read the JSON line of a message; return it with the number of bytes that its arrays take behind it.

    Raises:
        Malformed: if it is no JSON object, or its arrays are not described as they must be.

    """
    try:
        message = json.loads(line)
        sizes = [size for _, _, _, size in message.get("arrays", ())]
        if any(not isinstance(size, int) or size < 0 for size in sizes):
            raise ValueError("a size that counts no bytes")
        return message, sum(sizes)
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise Malformed(f"not a message: {line[:80]!r}") from error


def arrays_of(message: Message, buffer: Any, offset: int) -> dict[str, Array]:
    """
    Return the arrays of a message as views of `buffer`, in which they begin at `offset`.

    Raises:
        Malformed: if a dtype is unknown, or a shape does not fit the number of bytes.

    """
    arrays = {}
    for name, dtype, shape, size in message.get("arrays", ()):
        try:
            kind = _TYPES.get(dtype) or _TYPES.setdefault(dtype, numpy_type(dtype))
            count, rest = divmod(size, kind.itemsize)
            if rest or min(shape, default=0) < 0:
                raise ValueError("a piece of an element, or a shape below zero")
            arrays[name] = np.frombuffer(buffer, kind, count, offset).reshape(shape)
        except (ValueError, TypeError, ZeroDivisionError) as error:
            raise Malformed(f"{name}: {size} bytes do not make {dtype} {shape}") from error
        offset += size
    return arrays


def pack_call(index: int, call: Call, *, repeat: bool = False) -> bytes:
    """Write a call as the message number `index`; with `repeat` it is to be made twice and compared with itself."""
    message: Message = {"case": index, **call_to_plain(call)}
    if repeat:
        message["repeat"] = True
    return pack(message, operands_to_plain(call, lambda name, array: (call.dtype_of(name), array)))


#: The name of a NumPy dtype takes NumPy longer than all the rest here.
name_of = cache(lambda dtype: str(dtype.name))


class Form(NamedTuple):
    """What calls of one form have in common: everything but their number and the values of their arrays."""

    #: The description itself, by which calls of one form are known to each other.
    key: bytes
    fields: dict[str, Any]
    #: Name, NumPy type, element count, shape and size in bytes of each array.
    arrays: tuple[tuple[str, np.dtype[Any], int, tuple[int, ...], int], ...]
    #: Bytes behind the line.
    size: int
    is_repeated: bool

    def call(self, buffer: Any, offset: int) -> Call:
        """Return the call whose arrays lie in `buffer` from `offset` on; they are views."""
        # What `Call(**fields, **arrays)` makes, in a quarter of its time: a frozen dataclass sets field by field.
        call = object.__new__(Call)
        arrays = call.__dict__
        arrays.update(self.fields, placed=[], known_form=self.key)
        for name, kind, count, shape, size in self.arrays:
            arrays[name] = np.frombuffer(buffer, kind, count, offset).reshape(shape)
            offset += size
        return call


def unpack_call(line: bytes) -> tuple[int, Form]:
    """
    Read the JSON line of a call; return its number and its form.

    Raises:
        Malformed: if it is not such a line.

    """
    try:
        head, rest = line.split(b",", 1)
        return int(head.removeprefix(b'{"case":')), _form(rest)
    except (ValueError, LookupError, TypeError) as error:
        raise Malformed(f"not a call: {line[:80]!r}") from error


@lru_cache(maxsize=4096)
def _form(description: bytes) -> Form:
    message = json.loads(b"{" + description)
    arrays = [
        (_known(name), numpy_type(dtype), size // numpy_type(dtype).itemsize, tuple(shape), size)
        for name, dtype, shape, size in message["arrays"]
    ]
    size = sum(described[-1] for described in arrays)
    return Form(description, call_from_plain(message), tuple(arrays), size, "repeat" in message)


def _known(name: str) -> str:
    if name not in OPERANDS:
        raise ValueError(f"no array of a call is named {name!r}")
    return name


class Stream:
    """Cuts what arrives in pieces of any length into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[Message, dict[str, Array]]]:
        """
        Add what arrived; yield each message that is complete, with its arrays.

        Raises:
            Malformed: at the first line that is no message, or does not fit its arrays.

        """
        self._pending += piece
        start = 0
        try:
            while (end := self._pending.find(b"\n", start)) >= 0:
                message, size = unpack(bytes(self._pending[start:end]))
                if len(self._pending) < end + 1 + size:
                    break
                payload = bytes(self._pending[end + 1 : end + 1 + size])
                start = end + 1 + size
                yield message, arrays_of(message, payload, 0)
        finally:
            del self._pending[:start]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left over of a message that was cut short."""
        return not self._pending
