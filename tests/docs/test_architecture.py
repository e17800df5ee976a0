"""The walk of docs/architecture.md is taken: what it names is called, in this order."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType

import conv_conformance
import pytest
import yaml
from conv_conformance import cli

from ..support.command_line import Command

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
ENGINE = Path(conv_conformance.__file__).parent
#: Folders of the installed package that are no rooms of the engine.
DATA = ("backends", "cases", "documents")
#: The page says that each command has a file.
MODULES_BY_COMMAND = sorted(command.replace("-", "_") for command in cli.commands.commands)
#: A module that a worker imports ahead of its backend, from when on it writes down what is called.
TRACING = """
import sys
file = open({file!r}, "a", buffering=1)
frame = sys._getframe()
while frame := frame.f_back:
    print(frame.f_code.co_filename, frame.f_code.co_qualname, file=file)
seen = set()
def trace(frame, event, argument):
    if event == "call" and frame.f_code not in seen and "conformance" in frame.f_code.co_filename:
        seen.add(frame.f_code)
        print(frame.f_code.co_filename, frame.f_code.co_qualname, file=file)
sys.setprofile(trace)
"""


def named() -> list[tuple[str, str]]:
    """Return what the page names, as file and qualified name, in its order."""
    walk, _ = PAGE.read_text(encoding="utf-8").split("## Beside the walk")
    links = re.findall(r"\[`([\w.]+)`\]\(\.\./conformance/([\w/]+)\.py\)", walk)
    return [(f"{file}.py", name.removeprefix(f"{file.replace('/', '.')}.")) for name, file in links]


@contextmanager
def traced() -> Iterator[list[tuple[str, str]]]:
    """Write down what is called of the engine, each once, as file and qualified name."""
    seen: dict[tuple[str, str], None] = {}

    def trace(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(ENGINE)):
            seen.setdefault(place(code.co_filename, code.co_qualname))

    found: list[tuple[str, str]] = []
    before = sys.getprofile()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield found
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
        found.extend(seen)


def place(file: str, name: str) -> tuple[str, str]:
    return str(Path(file).relative_to(ENGINE)), name


@pytest.mark.skipif(sys.version_info < (3, 11), reason="code has no qualified name here")
def test_the_walk_is_true(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of the page is called for the first time behind the one before it, here or in the worker."""
    text = PAGE.read_text(encoding="utf-8")
    (case,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert yaml.safe_load(case)["cases"][0]["expect"] == {"output": [[[14], [11]]]}
    tmp_path.joinpath("walk.yaml").write_text(case)
    tmp_path.joinpath("tracing.py").write_text(TRACING.format(file=str(tmp_path / "calls")))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CONV_CONFORMANCE_CACHE", str(tmp_path / "cache"))  # what is cached is not read
    liar = f"{PAGE.parent.parent}/tests/support/miniatures.py:flips_the_kernel"
    page, record = tmp_path / "page.html", tmp_path / "record.jsonl"
    words = ("-b", liar, "--html", page, "--record", record, "--preload", "tracing")
    with traced() as here:
        done = command("run", tmp_path / "walk.yaml", *words)
    assert done.code == 1 and '"got":["10","17"]' in page.read_text(encoding="utf-8")
    lines = [line.rsplit(" ", 1) for line in (tmp_path / "calls").read_text().splitlines()]
    there = [place(file, name) for file, name in lines if file.startswith(str(ENGINE))]
    walk = named()
    assert len(walk) > 40
    at_home, at_work = (
        [each for each in walk if (each[0] == "workers/worker.py") == is_there] for is_there in (False, True)
    )
    assert "\n".join(out_of_order(at_home, here)) == ""
    # The two frames that stand when tracing begins are written down innermost first.
    assert there[:2] == [("workers/worker.py", "_start"), ("workers/worker.py", "main")]
    assert not out_of_order(at_work, [*reversed(there[:2]), *there[2:]])


def out_of_order(walk: Sequence[tuple[str, str]], seen: Sequence[tuple[str, str]]) -> list[str]:
    """Return what was not called, or before the one that stands in front of it."""
    order: Callable[[tuple[str, str]], int] = {each: at for at, each in reversed([*enumerate(seen)])}.__getitem__
    missing = [f"{file} {name} is not called" for file, name in walk if (file, name) not in seen]
    called = [each for each in walk if each in seen]
    return [*missing, *(f"{b} before {a}" for a, b in pairwise(called) if order(a) > order(b))]


def test_what_the_page_names_in_the_browser_is_there() -> None:
    """As functions of the script."""
    text = PAGE.read_text(encoding="utf-8")
    (step,) = re.findall(r"^21\. (.*?)^22\. ", text, re.DOTALL | re.MULTILINE)
    script = ENGINE.joinpath("reports", "page", "report.js").read_text(encoding="utf-8")
    names = re.findall(r"`(\w+)`", step)
    assert len(names) == 8
    assert [name for name in names if f"const {name} = (" not in script] == []


def rooms() -> list[str]:
    """Return the packages directly below the engine."""
    return sorted(file.parent.name for file in ENGINE.glob("*/__init__.py") if file.parent.name not in DATA)


@pytest.mark.parametrize("room", rooms())
def test_every_room_is_in_the_table_and_every_module_in_its_paragraph(room: str) -> None:
    """The table says what a room may import and where its tests are, and its paragraph names each module."""
    text = PAGE.read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{room}` \|.*\|$", text, re.MULTILINE)
    assert f"(../tests/{room})" in row
    assert (PAGE.parents[1] / "tests" / room).is_dir()
    (paragraph,) = re.findall(rf"^- \*\*`{room}`\*\*:(.*?)(?=^- \*\*|^## )", text, re.DOTALL | re.MULTILINE)
    named = {*re.findall(r"`(\w+)/?`", paragraph), *(MODULES_BY_COMMAND if room == "commands" else ())}
    modules = {file.stem for file in ENGINE.joinpath(room).rglob("*.py") if not file.stem.startswith("__")}
    assert modules - named == set()


def test_every_module_of_the_adapters_is_in_their_paragraph() -> None:
    """Those of all frameworks are in one paragraph."""
    (paragraph,) = re.findall(r"^- \*\*`backends`\*\*:(.*?)^## ", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    folder = PAGE.parents[1] / "backends"
    modules = {file.stem for file in folder.rglob("*.py") if not file.stem.startswith("__")}
    modules |= {file.parent.name for file in folder.glob("*/__init__.py")}
    assert modules - {*re.findall(r"`(\w+)`", paragraph)} == set()


def test_storeys_are_those_that_are_checked() -> None:
    """The picture has the layers of the contract, from the top down."""
    text = PAGE.read_text(encoding="utf-8")
    picture = re.findall(r"^ ?(\d+)   (.{46})", text, re.MULTILINE)
    config = ConfigParser()
    config.read(PAGE.parents[1] / ".importlinter")
    layers = config["importlinter:contract:storeys"]["layers"].split("\n")[1:]
    checked = [{name.strip().removeprefix("conv_conformance.") for name in layer.split("|")} for layer in layers]
    drawn = [{*words.replace("─ ─ ─ ─ ─ ▶ backends", "").split()} for _, words in picture]
    assert drawn == checked
    assert [number for number, _ in picture] == [str(n) for n in range(len(checked), 0, -1)]
