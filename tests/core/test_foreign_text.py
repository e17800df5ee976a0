"""Text from elsewhere: what it can do to a terminal, a log or a reader is taken from it, and nothing else."""

from __future__ import annotations

import pytest
from conv_conformance.core.foreign_text import one_line, printable


@pytest.mark.parametrize(
    "text", ["", "plain", "two\nlines\n\tand é, ✓, 𝄞", "torch::Tensor at::native", "a:: b", "x ## y", "# heading"]
)
def test_ordinary_text_stays(text: str) -> None:
    """Words of frameworks, with several lines, tabs, any script and C++ names, come through as they are."""
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "a\ufffd]0;title\ufffdb"),
        ("a\r\nb\rc", "a\nb\ufffdc"),
        ("half \ud83d", "half \ufffd"),
        *((f"a{chr(code)}b", "a\ufffdb") for code in (0x202A, 0x202E, 0x2066, 0x2069, 0x200F, 0x061C, 0x2028)),
        ("::error::x", ": :error::x"),
        ("a\n  ::warning file=b::x", "a\n  : :warning file=b::x"),
        ("a ##[error]b ##[c", "a ## [error]b ## [c"),
        ("\x00::error::x", "\ufffd::error::x"),
        (17, "17"),
    ],
)
def test_what_acts_on_its_surroundings_is_replaced(text: object, kept: str) -> None:
    """Escapes, control characters, changes of direction and commands to CI systems."""
    assert printable(text) == kept
    assert printable(kept) == kept


def test_one_line_is_one_line() -> None:
    """Line ends become spaces, also before what is a command only then, and a long text is cut."""
    assert one_line("a\n\n  b\tc\u2028d") == "a b c\ufffdd"
    assert one_line("\n::error::x") == ": :error::x"
    assert one_line("\x1b[31m\n::error::x") == ": :error::x"
    assert one_line("x" * 100, 100) == "x" * 100
    assert one_line("x" * 100_000, 100) == "x" * 100 + "…"
