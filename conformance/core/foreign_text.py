"""
Text from elsewhere: from frameworks, workers and records that other programs wrote.

All such text passes one of the two functions of this module before it is kept. What they return can be written to
terminals, logs and reports: it moves no cursor, reorders no text, and no line of it is a command to a CI system.
"""

from __future__ import annotations

import re

#: Terminal colour codes; Keras writes them into its errors.
_STYLE = re.compile("\x1b\\[[0-9;]*m")
#: Control characters, unpaired surrogates, and characters that change the direction of the text around them (Unicode
#: Standard Annex 9).
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
#: The beginnings of lines that GitHub (`::error::`) and Azure (`##[error]`) execute.
_COMMAND = re.compile(r"^(\s*):(?=:)|##(?=\[)", re.MULTILINE)


def printable(value: object) -> str:
    """Return a value as text of one or several lines, without colour codes; U+FFFD replaces what cannot be written."""
    text = value if isinstance(value, str) else str(value)
    if not text.isprintable():
        text = _UNWRITABLE.sub("\ufffd", _STYLE.sub("", text).replace("\r\n", "\n"))
    return _COMMAND.sub(_defused, text) if "::" in text or "##[" in text else text


def one_line(value: object, longest: int = 10_000) -> str:
    """Return a value as printable text on one line, cut off after `longest` characters."""
    text = printable(" ".join(printable(value).split()))
    return text if len(text) <= longest else f"{text[:longest]}…"


def _defused(found: re.Match[str]) -> str:
    return "## " if found[0] == "##" else f"{found[1]}: "
