"""
README, tutorials, guides and how to cite, run from their own text.

A block behind a line that is a file's name and a colon, `infer.py`:, is written to that file. A `console` block
holds commands, each behind `$ `, with what is printed; three dots stand for anything, the width of gaps does not count,
and `echo $?` shows an exit code. A `console download` block needs another release, and is run by `tox run -e downloads`
alone; an `sh` block is run elsewhere, or by hand. Of both the words have to be understood.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml
from conv_conformance import cli
from conv_conformance.core.problem import Invalid
from conv_conformance.running import release_check
from conv_conformance.workers import targets
from markdown_it import MarkdownIt

from ..project.test_recipes import agrees, steps

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("tutorial", "training", "cite"))]
GUIDES = [*PAGES, *sorted((DOCS / "guides").glob("*.md"))]
#: What may stand behind a fence.
LANGUAGES = {"console", "console download", "sh", "python", "yaml", "markdown"}
#: Those whose commands are run: those that need another release if the environment says so, which takes minutes.
RUN = ("console", "console download") if os.environ.get("CONFORMANCE_DOWNLOADS") else ("console",)
#: Those whose commands may not be run.
NOT_RUN = ("console download", "sh")


class Block(NamedTuple):
    """A fenced block: what stands behind the fence, its text, and the file that it is, or nothing."""

    language: str
    text: str
    file: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    before = None
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            yield Block(token.info, token.content, named(before.content) if before else "")
        if token.type in ("fence", "inline"):
            before = token if token.type == "inline" else None


def named(paragraph: str) -> str:
    """Return the file that a paragraph announces, or nothing."""
    name = paragraph.removesuffix("`:").removeprefix("`")
    return name if paragraph == f"`{name}`:" else ""


def play(page: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Write the files of a page into a folder and run its commands there; yield command, output as said, output."""
    code = 0
    for language, text, file in blocks(page):
        if file:
            folder.joinpath(file).write_text(text, encoding="utf-8")
        for command, said in steps(text) if language in RUN else ():
            code, output = shell(f"(exit {code})\n{command}", folder)
            yield command, said, output


def shell(text: str, folder: Path) -> tuple[int, str]:
    """Return the exit code and the output of a command that finds this Python first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Where releases are installed, the environments that the reader has begin with these.
    cache = {"CONV_CONFORMANCE_CACHE": str(folder / "cache")} if "console download" in RUN else {}
    made = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": path, **cache},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return made.returncode, made.stdout


def not_run(page: Path) -> list[str]:
    """Return the commands of a page that need what is not here."""
    found = [block for block in blocks(page) if block.language in NOT_RUN]
    lines = [line for block in found for line in block.text.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("conv-conformance ")]


def understood(command: str) -> None:
    """Have the command line read a command, with its targets and its release, without doing what it says."""
    _, name, *words = shlex.split(command)
    asked = cli.commands.commands[name].make_context(name, words).params
    for target in asked.get("backends", ()):
        targets.resolve(target)
    for release in (asked.get("candidate"), asked.get("against")):
        assert release is None or release_check.requirement(release)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    """Every command of a guide prints what stands below it, exit codes too."""
    pytest.importorskip("torch")
    played = list(play(page, tmp_path))
    assert [] == [(command, output) for command, said, output in played if not agrees(said, output)]
    assert 3 <= sum("conv-conformance" in command for command, _, _ in played)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_has_no_other_blocks(page: Path) -> None:
    """Nothing in a guide is passed over for a misspelt word behind a fence."""
    assert set() == {block.language for block in blocks(page)} - LANGUAGES


@pytest.mark.parametrize("command", [command for page in GUIDES for command in not_run(page)])
def test_what_is_not_run_is_understood(command: str) -> None:
    """Commands that need another release have options and words that there are."""
    understood(command)


def test_there_are_nine_pages() -> None:
    """None is lost on the way."""
    assert 9 == len(GUIDES)


def test_the_action_has_the_inputs_of_the_guide() -> None:
    """The workflow of the guide gives the action only what it takes, and reads only what it leaves."""
    (block,) = (block for block in blocks(ROOT / "docs" / "guides" / "in-your-ci.md") if block.language == "yaml")
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (step,) = (step for step in yaml.safe_load(block.text)["steps"] if step.get("id") == "conformance")
    read = [part.split(" ")[0] for part in block.text.split("steps.conformance.outputs.")[1:]]
    assert set() == step["with"].keys() - action["inputs"].keys()
    assert read
    assert set() == set(read) - action["outputs"].keys()


@pytest.mark.parametrize(
    "said", ["$ echo 1 case\n2 cases\n", "$ echo 1 case\n", "$ false\n$ echo $?\n0\n", "$ cat mine.txt\nyours\n"]
)
def test_a_guide_can_be_wrong(tmp_path: Path, said: str) -> None:
    """A guide that says what is not printed, leaves out what is, or shows another exit code, is noticed."""
    page = tmp_path / "page.md"
    page.write_text(f"`mine.txt`:\n\n```text\nmine\n```\n\n```console\n{said}```\n", encoding="utf-8")
    assert any(not agrees(told, output) for _, told, output in play(page, tmp_path))


@pytest.mark.parametrize(
    "words", ["check torch --envs here", "diff one.jsonl", "run -b torhc==2.12.1", "check 'torch>=2.12'"]
)
def test_a_command_can_be_misunderstood(words: str) -> None:
    """An option that is not there, a word that is lacking, no target and no release are noticed."""
    with pytest.raises((click.UsageError, Invalid)):
        understood(f"conv-conformance {words}")
