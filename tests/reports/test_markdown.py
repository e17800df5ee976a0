"""The report as Markdown."""

from __future__ import annotations

import pytest
from conv_conformance.reports import markdown
from markdown_it import MarkdownIt


@pytest.mark.parametrize("inside", ["", "`", "```", "a `````` b", "~~~"])
def test_no_text_ends_the_code_around_it(inside: str) -> None:
    """A fence is longer than any run of backticks inside, and so are the ends of a code span."""
    parser = MarkdownIt()
    lines = ["first", inside, "```", "<img src=x>", "last"]
    (block,) = parser.parse("\n".join(markdown.fenced(lines, "python")))
    assert (block.type, block.content) == ("fence", "\n".join(lines) + "\n")
    if inside:
        (_, paragraph, _) = parser.parse(markdown.code(f"a {inside} <b>"))
        assert [each.type for each in paragraph.children or []] == ["code_inline"]
