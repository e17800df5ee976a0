"""Tests of the page about what a second program derived."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs.generate.results import rederived


@pytest.mark.parametrize("is_missing", [False, True])
def test_a_page_that_does_not_match_the_figures_is_stale(tmp_path: Path, is_missing: bool) -> None:
    for path in (rederived.PAGE, rederived.MEASURED):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / rederived.MEASURED).write_bytes((rederived.ROOT / rederived.MEASURED).read_bytes())
    text = rederived.page(tmp_path)
    (tmp_path / rederived.PAGE).write_text(text, encoding="utf-8")
    assert [] == list(rederived.stale(tmp_path))
    if is_missing:
        (tmp_path / rederived.PAGE).unlink()
    else:
        figures = json.loads((tmp_path / rederived.MEASURED).read_text(encoding="utf-8"))
        figures["literal"]["elements"] += 1
        (tmp_path / rederived.MEASURED).write_text(json.dumps(figures), encoding="utf-8")
    assert ["docs/results/rederived.md: out of date (run python -m docs.generate.results.rederived)"] == list(
        rederived.stale(tmp_path)
    )
