"""The recipes of CONTRIBUTING.md, run from the text itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the fenced blocks of a page: what stands behind the fence, and the text."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            yield token.info, token.content


def steps(console: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output that the text gives."""
    for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        yield command, output


def play(page: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Write the files of a page to a folder and run its console blocks there; yield command, quoted output, output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    code = 0
    for info, text in blocks(page):
        if title := re.search(r"title=(\S+)", info):
            folder.joinpath(title[1]).write_text(text, encoding="utf-8")
        for command, said in steps(text) if info == "console" else ():
            made = subprocess.run(
                ["bash", "-c", f"(exit {code})\n{command}"],
                cwd=folder,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            code = made.returncode
            yield command, said, made.stdout


def agrees(said: str, output: str) -> bool:
    """Say whether an output is as said; three dots stand for anything, and the width of gaps does not count."""
    return OutputChecker().check_output(said, output, ELLIPSIS | NORMALIZE_WHITESPACE)


def test_recipes(tmp_path: Path) -> None:
    """Everything that CONTRIBUTING.md says is printed is printed, exit codes too."""
    played = list(play(ROOT / "CONTRIBUTING.md", tmp_path))
    assert [] == [(command, output) for command, said, output in played if not agrees(said, output)]
    assert ["1", "2"] == [output.strip() for command, _, output in played if command == "echo $?"]
    assert 4 <= sum(command.startswith("conv-conformance run") for command, _, _ in played)


@pytest.mark.parametrize("said", ["2 cases\n", "", "1 cases\nand more\n"])
def test_a_recipe_can_be_wrong(tmp_path: Path, said: str) -> None:
    """A recipe that says what is not printed is noticed."""
    page = tmp_path / "page.md"
    page.write_text(f"```console\n$ echo 1 cases\n{said}```\n", encoding="utf-8")
    ((_, told, output),) = play(page, tmp_path)
    assert not agrees(told, output)
