"""What tests of the command line share: three cases of one's own, and how a command ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import zoo

CASES = """\
about: Three cases of one's own.
defaults: {op: conv, layout: {input: NWC, kernel: WIO, output: NWC}, dtype: float32, padding: valid}
cases:
  - id: mine.plain
    title: The window slides without flipping
    clauses: [CONV-1, VALID-1]
    input: [[[0], [3], [4], [5]]]
    kernel: [[[1]], [[2]]]
    expect: {output: [[[6], [11], [14]]]}
  - id: mine.marked
    title: A window that steps by two
    clauses: [CONV-1, VALID-1]
    input: [[[2], [-1], [3], [4]]]
    kernel: [[[1]], [[2]]]
    strides: 2
    expect: {output: [[[0], [11]]]}
  - id: mine.symmetric
    title: Flipped or not, it is the same
    clauses: [CONV-1]
    input: [[[1], [2], [3]]]
    kernel: [[[2]], [[2]]]
    expect: {output: [[[6], [10]]]}
"""


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


def lying(name: str) -> str:
    return f"{zoo.MINIATURES}:{name}"


def is_clean(done: Done) -> bool:
    return "Traceback" not in done.out + done.err


def verdicts(record: Path) -> dict[str, tuple[str, str | None, str | None]]:
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return {line["case"]: (line["verdict"], line.get("kind"), line.get("where")) for line in lines if "case" in line}
