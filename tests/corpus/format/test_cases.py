"""Limits of one case: what the reference would take minutes for is refused with its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from conv_conformance import corpus
from conv_conformance.core.problem import Invalid

CASE = """\
about: A case of one line.
defaults: {{op: {op}, layout: {{input: NWC, kernel: {letters}, output: NWC}}, dtype: float32, padding: valid}}
cases:
  - id: a.large
    title: More work than a reference may have
    clauses: [CONV-1]
    input: {{shape: [1, {length}, 8], fill: 1}}
    kernel: {{shape: [{taps}, {channels}], fill: 1}}
    expect: {{output: reference}}
"""


@pytest.mark.parametrize(
    ("op", "letters", "channels", "length", "taps", "work"),
    [
        ("conv", "WIO", "8, 2", 30_000, 10_000, 20_001 * 2 * 10_000 * 8),
        ("conv_transpose", "WIO", "8, 2", 10_000, 10_000, 19_999 * 2 * 10_000 * 8),
        ("depthwise_conv", "WCM", "8, 1", 30_000, 10_000, 20_001 * 8 * 10_000 * 8),
    ],
)
def test_too_much_work_is_refused(
    op: str, letters: str, channels: str, length: int, taps: int, work: int, tmp_path: Path
) -> None:
    """Output elements times taps times channels have a limit; a tenth of this length is well below it."""
    path = tmp_path / "a.yaml"
    words = {"op": op, "letters": letters, "channels": channels}
    path.write_text(CASE.format(**words, length=length // 10, taps=taps // 10))
    assert len(corpus.load([path]).cases) == 1
    path.write_text(CASE.format(**words, length=length, taps=taps))
    with pytest.raises(Invalid) as found:
        corpus.load([path])
    message = f"output elements x taps x input channels are {work}, and may be {2**31}"
    assert str(found.value) == f"{path}:4:5: {message} (use a smaller input or kernel)"
