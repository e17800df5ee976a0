"""
The pictures of windows and stamps in docs/pictures, drawn from cases of the corpus; pages.py writes them.

Each row of a convolution is one window: its taps below the elements that they multiply, then the sum. Each row of a
transposed convolution is the stamp of one element: its products with the kernel. The last row is the sum of all stamps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from conv_conformance import reference
from conv_conformance.core.call import Call, dilated
from conv_conformance.core.case import Case
from conv_conformance.core.storage import Array
from conv_conformance.explain import worked_example
from conv_conformance.specification import Area

from . import templating

FOLDER = Path("docs", "pictures")
#: The areas of the specification whose examples are drawn: those about the position of windows and what they read.
AREAS = {
    "definition",
    "shape",
    "same",
    "causal-and-full",
    "padding",
    "padding-modes",
    "strides-and-dilation",
    "transposed",
}
#: The largest numbers of columns and rows of a picture.
COLUMNS, ROWS = 16, 10
#: The `mode` of `numpy.pad` for each padding mode.
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Cell(NamedTuple):
    """A number in a column; its kind is `element`, `padding`, `cropped`, `tap` or `result`."""

    column: int
    text: str
    kind: str


class Row(NamedTuple):
    """Cells in one line, with a label before them."""

    word: str
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The rows of a picture, its number of columns (label and sum excluded), and a description of it as text."""

    rows: Sequence[Row]
    columns: int
    words: str

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return templating.environment().get_template("picture.svg.j2").render(picture=self)


def pictures(areas: Sequence[Area], cases: Mapping[str, Case]) -> Mapping[str, Picture]:
    """Return the pictures of the clauses' examples, by case id."""
    examples = [cases[said.example] for area in areas if area.name in AREAS for said in area.commentaries]
    drawn = {case.id: picture(case.call) for case in examples if is_drawable(case.call)}
    return {name: each for name, each in drawn.items() if each.columns <= COLUMNS and len(each.rows) <= ROWS}


def text(pictures: Mapping[str, Picture]) -> Mapping[Path, str]:
    """Return the content of the picture files, by path relative to the repository."""
    return {FOLDER / f"{name}.svg": each.svg for name, each in pictures.items()}


def is_drawable(call: Call) -> bool:
    """Return whether a picture can show a call: one axis, sample, channel and filter, no bias, no `before`."""
    if call.op not in ("conv", "conv_transpose") or call.rank > 1 or call.bias is not None or call.before is not None:
        return False
    sizes, lengths = (call.input.size, call.array("kernel").size), (call.lengths[0], call.extents("kernel")[0])
    return 0 not in sizes and sizes == lengths and 0 not in (worked_example.shape(call) or (0,))


def picture(call: Call) -> Picture:
    """Return the picture of a call."""
    output = reference.evaluate(call).ravel()
    drawn = stamps(call, output) if call.op == "conv_transpose" else windows(call, output)
    assert [*map(number, output)] == [cell.text for row in drawn.rows for cell in row.cells if cell.kind == "result"], (
        "the picture must show the reference's output"
    )
    return drawn


def windows(call: Call, output: Array) -> Picture:
    """Return the picture of a convolution's windows."""
    line = [*_line(call)]
    read = [cell for cell in line if cell.kind != "cropped"]
    kernel = call.arranged("kernel", "OWI").ravel()
    rows, said = [Row("input", line)], []
    for place in range(len(output)):
        under = read[place * call.strides[0] :: call.dilations[0]][: len(kernel)]
        taps = [Cell(cell.column, f"×{number(tap)}", "tap") for cell, tap in zip(under, kernel, strict=True)]
        total = number(sum(float(cell.text) * tap for cell, tap in zip(under, kernel, strict=True)))
        rows.append(Row("" if place else "kernel", [*taps, Cell(len(line), total, "result")]))
        said.append(f"[{', '.join(cell.text for cell in under)}] gives {total}")
    words = f"The kernel {_numbers(kernel)} slides over the input {_numbers(call.input.ravel())}: {', '.join(said)}."
    return Picture(rows=rows, columns=len(line), words=words)


def _line(call: Call) -> Iterator[Cell]:
    """Yield the dilated and padded input, cell by cell; elements that negative padding removes are `cropped`."""
    elements = call.input.ravel()
    (low, high), spacing = call.pairs[0], call.input_dilations[0]
    spread = np.zeros(dilated(len(elements), spacing))
    spread[::spacing] = elements
    ends = max(low, 0), max(high, 0)
    padded = np.pad(spread, ends, mode=MODES[call.padding_mode])  # type: ignore[call-overload]
    for column, value in enumerate(padded):
        inside = column - ends[0]
        kind = "element" if 0 <= inside < len(spread) and inside % spacing == 0 else "padding"
        if column < -low or column >= len(padded) + min(high, 0):
            kind = "cropped"
        yield Cell(column, number(value), kind)


def stamps(call: Call, output: Array) -> Picture:
    """Return the picture of a transposed convolution's stamps."""
    kernel, stride, dilation = call.arranged("kernel", "OWI").ravel(), call.strides[0], call.dilations[0]
    low = call.pairs[0][0]
    first = min(low, 0)
    made = np.zeros(max((call.input.size - 1) * stride + dilated(len(kernel), dilation), low + len(output)) - first)
    rows = []
    for at, element in enumerate(call.input.ravel()):
        columns = [at * stride + tap * dilation - first for tap in range(len(kernel))]
        products = element * kernel.astype(float)
        made[columns] += products
        stamp = [Cell(column, number(value), "tap") for column, value in zip(columns, products, strict=True)]
        rows.append(Row("" if at else "input", [Cell(-1, number(element), "element"), *stamp]))
    kept = range(low - first, low - first + len(output))
    sums = [Cell(at, number(value), "result" if at in kept else "cropped") for at, value in enumerate(made)]
    words = (
        f"Each element of the input {_numbers(call.input.ravel())} times the kernel {_numbers(kernel)}, {stride} apart;"
        f" the sum is {_numbers(output)}."
    )
    return Picture(rows=[*rows, Row("output", sums)], columns=len(made), words=words)


def number(value: float) -> str:
    """Return a number without trailing zeros."""
    return f"{float(value) + 0.0:.6g}"


def _numbers(values: Array) -> str:
    return f"[{', '.join(map(number, values))}]"
