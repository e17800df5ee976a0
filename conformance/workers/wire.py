"""
Serialisation of calls and observations: a message is one JSON line, followed by the raw bytes of its arrays.

The parent and its workers, which may be written in any language, both send this format: see docs/reference/protocol.md.
Needs only the standard library and NumPy.
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

#: The version of the protocol; a worker that does not support this version reports so and stops.
PROTOCOL = "conv-conformance-worker/1"

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
#: Cache: name of a dtype in messages -> NumPy dtype.
_TYPES: dict[str, np.dtype[Any]] = {}


def pack(message: Message, arrays: Mapping[str, tuple[str, Array]] | None = None) -> bytes:
    """Return a message as bytes; its arrays, name -> (dtype name, array), are appended little-endian and row-major."""
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
    Parse the JSON line of a message; return the message and the total size in bytes of the arrays that follow it.

    Raises:
        Malformed: if the line is no JSON object, or the descriptions of its arrays are malformed.

    """
    try:
        message = json.loads(line)
        sizes = [size for _, _, _, size in message.get("arrays", ())]
        if any(not isinstance(size, int) or size < 0 for size in sizes):
            raise ValueError("a size is not a non-negative integer")
        return message, sum(sizes)
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise Malformed(f"not a message: {line[:80]!r}") from error


def arrays_of(message: Message, buffer: Any, offset: int) -> dict[str, Array]:
    """
    Return the arrays of a message as views of `buffer`; the first array begins at byte `offset`.

    If no array can have the shape and the size in bytes that the message states, the array is left out, and its entry
    in `message["impossible"]` says so.

    Raises:
        Malformed: if the name of an array is no string, or its dtype is unknown.

    """
    arrays, impossible = {}, {}
    for name, dtype, shape, size in message.get("arrays", ()):
        kind = _type_of(name, dtype)
        try:
            count, rest = divmod(size, kind.itemsize)
            if rest or min(shape, default=0) < 0:
                raise ValueError("the size is no multiple of the element size, or an extent is negative")
            arrays[name] = np.frombuffer(buffer, kind, count, offset).reshape(shape)
        except (ValueError, TypeError, OverflowError):
            impossible[name] = f"the shape {_dumps(shape)} with {size} bytes of {dtype}"
        offset += size
    message.pop("impossible", None)
    if impossible:
        message["impossible"] = impossible
    return arrays


def _type_of(name: object, dtype: object) -> np.dtype[Any]:
    try:
        if not isinstance(name, str) or not isinstance(dtype, str):
            raise TypeError("the name of an array or dtype is no string")
        kind = _TYPES.get(dtype) or _TYPES.setdefault(dtype, numpy_type(dtype))
        if not kind.itemsize or kind.kind in "OSUMm":
            raise ValueError("not a dtype of numbers")
    except (ValueError, TypeError) as error:
        raise Malformed(f"an array {name!r} of dtype {dtype!r}") from error
    return kind


def pack_call(index: int, call: Call, *, repeat: bool = False) -> bytes:
    """Return a call as packed message number `index`; `repeat` makes the worker call twice and compare the results."""
    message: Message = {"case": index, **call_to_plain(call)}
    if repeat:
        message["repeat"] = True
    return pack(message, operands_to_plain(call, lambda name, array: (call.dtype_of(name), array)))


#: Cached, because `dtype.name` takes more time than packing the rest of a message.
name_of = cache(lambda dtype: str(dtype.name))


class Form(NamedTuple):
    """The form of a call: everything except its number and the values of its arrays."""

    #: The JSON text of the form; calls with equal keys have the same form.
    key: bytes
    fields: dict[str, Any]
    #: Name, NumPy type, element count, shape and size in bytes of each array.
    arrays: tuple[tuple[str, np.dtype[Any], int, tuple[int, ...], int], ...]
    #: The total size in bytes of the arrays.
    size: int
    is_repeated: bool

    def call(self, buffer: Any, offset: int) -> Call:
        """Return the call whose arrays are views of `buffer`; the first array begins at byte `offset`."""
        # The result equals `Call(**fields, **arrays)` and takes a quarter of the time to build, because the constructor
        # of a frozen dataclass sets its fields one by one.
        call = object.__new__(Call)
        arrays = call.__dict__
        arrays.update(self.fields, placed=[], known_form=self.key)
        for name, kind, count, shape, size in self.arrays:
            arrays[name] = np.frombuffer(buffer, kind, count, offset).reshape(shape)
            offset += size
        return call


def unpack_call(line: bytes) -> tuple[int, Form]:
    """
    Parse the JSON line of a call; return its number and its form.

    Raises:
        Malformed: if the line does not describe a call.

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
        raise ValueError(f"a call has no array named {name!r}")
    return name


class Stream:
    """Splits a byte stream, received in pieces of any length, into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[Message, dict[str, Array]]]:
        """
        Append received bytes; yield each complete message with its arrays.

        Raises:
            Malformed: at the first line that is no message, or whose arrays do not match their descriptions.

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
        """Whether no incomplete message is pending."""
        return not self._pending
