"""
The Python worker of the NumPy backend, with corrupted messages.

Usage: `python lying_worker.py NAME CALLS PROGRESS DESCRIPTOR`.
"""

from __future__ import annotations

import os
import sys

from conv_conformance.backends.numpy import NumPy
from conv_conformance.workers import worker


def wrong_number(message: bytes) -> bytes:
    return message.replace(b'{"case":1,', b'{"case":2,')


def cut_short(message: bytes) -> bytes:
    return message[:-3] if message.startswith(b'{"case":1,') else message


def not_json(message: bytes) -> bytes:
    return b"Traceback (most recent call last):\n" if message.startswith(b'{"case":1,') else message


def no_outcome(message: bytes) -> bytes:
    return message.replace(b'{"case":1,"outcome":"returned"', b'{"case":1,"outcome":"fine"')


def unknown_dtype(message: bytes) -> bytes:
    return message.replace(b'"float32"', b'"float23"') if message.startswith(b'{"case":1,') else message


def too_few_bytes(message: bytes) -> bytes:
    return message.replace(b"[1,2,1],8]", b"[1,2,1],4]") if message.startswith(b'{"case":1,') else message


def negative_extent(message: bytes) -> bytes:
    return message.replace(b"[1,2,1],8]", b"[1,-2,1],8]") if message.startswith(b'{"case":1,') else message


LIARS = (wrong_number, cut_short, not_json, no_outcome, unknown_dtype, too_few_bytes, negative_extent)


def main(name: str, *files: str) -> None:
    """Run the Python worker with what it sends changed; one that is cut short ends there."""
    change = {liar.__name__: liar for liar in LIARS}[name]
    put = worker.Outbox.put

    def lie(outbox: worker.Outbox, message: bytes) -> None:
        put(outbox, change(message))
        if change is cut_short and change(message) != message:
            outbox.flush()
            os._exit(0)

    worker.Outbox.put = lie  # type: ignore[method-assign]
    worker._backend = lambda adapter, target: NumPy()  # type: ignore[assignment]
    worker.main(*files)


if __name__ == "__main__":
    main(*sys.argv[1:])
