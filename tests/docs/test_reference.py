"""The pages of the reference that are made from the program: they hold all that it has, and notice what they lack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conv_conformance import cli, corpus, specification
from conv_conformance.core.backend import Backend

from docs.generate.reference import backends, faults, verdicts
from docs.generate.reference import cli as cli_page
from docs.generate.reference import format as case_format
from docs.generate.results import performance

ROOT = Path(__file__).parents[2]


def keys(schema: Any) -> Iterator[str]:
    """Yield every key that a schema knows, of objects that are not a list of choices."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from keys(value)
    if isinstance(schema, list):
        for value in schema:
            yield from keys(value)


def test_the_command_line_is_whole() -> None:
    """Every command and every option of the program is on the page."""
    page = cli_page.page()
    assert {f"## {name}" for name in cli.commands.commands} == {
        line for line in page.splitlines() if line.startswith("## ")
    }
    for command in cli.commands.commands.values():
        for option in (option for each in command.params for option in each.opts if option.startswith("--")):
            assert option in page


def test_the_format_is_whole() -> None:
    """Every key of the schema is on the page, and what must be there is bold."""
    schema = json.loads((corpus.shipped() / "case.schema.json").read_text(encoding="utf-8"))
    page = case_format.page()
    assert set() == {key for key in keys(schema) if f"`{key}`" not in page}
    assert "| **`expect`** | [expect](#expect) |" in page
    assert "| `why` | a string |" in page


def test_the_verdicts_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every word of the tables has a meaning, and a new one without stops the page."""
    assert "| `130` | Interrupted" in verdicts.page()
    monkeypatch.setattr(verdicts, "VERDICTS", ("agree", "perhaps"))
    with pytest.raises(KeyError, match="perhaps"):
        verdicts.page()


def test_the_faults_are_whole() -> None:
    """Every fault has one line with an anchor, and the clause that it breaks."""
    loaded = corpus.load()
    page = faults.page(loaded, specification.load_commentary(loaded))
    assert [1] * len(loaded.faults) == [page.count(f'<a id="{name}"></a>') for name in loaded.faults]
    (line,) = (line for line in page.splitlines() if '<a id="kernel-flipped"></a>' in line)
    assert "[CONV-1](../spec/definition.md#conv-1)" in line
    assert "mutant, cause, [1](https://" in line


def test_the_backend_is_whole() -> None:
    """Every attribute of a backend is on the page, with its type and what it is."""
    page = backends.page()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for name in Backend.__annotations__:
        assert rows[name].rstrip(" |").endswith((".", ")."))
    assert "| `framework` | `str` | required | The name of the framework under test" in page
    assert "ForwardRef" not in page


def test_the_costs_are_those_that_were_measured(tmp_path: Path) -> None:
    """The page is stale where a measurement says something else, and figures have three digits."""
    shutil.copytree(ROOT / "benchmarks" / "results", tmp_path / "benchmarks" / "results")
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / performance.PAGE).write_text(performance.page(tmp_path), encoding="utf-8")
    assert [] == list(performance.stale(tmp_path))
    measured = tmp_path / "benchmarks" / "results" / "corpus.json"
    measured.write_text(measured.read_text(encoding="utf-8").replace('"wall_s": ', '"wall_s": 1'), encoding="utf-8")
    assert ["docs/results/performance.md: out of date (run python -m docs.generate.results.performance)"] == list(
        performance.stale(tmp_path)
    )
    assert ["0", "0.0266", "15.6", "9,282"] == [*map(performance.figures, (0.0, 0.02661, 15.557, 9281.74))]
