"""
The pictures of the walk-through of training: trajectories, solutions, the plane of the paths, and windows.

Each picture has a white background, so that it is readable on a dark page, and the colours of Okabe and Ito (2008),
which colour-blind readers can distinguish. Its text is stored as text. The files do not depend on the date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from conv_conformance.core.call import Call
from conv_conformance.core.storage import Array
from conv_conformance.explain.worked_example import lengths
from conv_conformance.specification.template_filters import NAMES

from .solutions import Solutions
from .walks import Course, Parting

BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
BLUE, RED, PURPLE, GREY = "#0072b2", "#d55e00", "#cc79a7", "#bdbdbd"
#: Colour and marker of each framework.
MARKS = {
    "numpy": (BLACK, "+"),
    "torch": (RED, "o"),
    "jax": (BLUE, "s"),
    "tensorflow": (ORANGE, "^"),
    "keras": (GREEN, "D"),
}
#: Colours and line styles of the courses that deviate from the exact trajectory.
PARTING = ((PURPLE, "-"), (SKY, "-"), (BLUE, "--"), (ORANGE, ":"))
#: The smallest loss that is drawn: a logarithmic axis has no 0.
LEAST = 1e-4


class Place(NamedTuple):
    """A named kernel (elements)."""

    name: str
    kernel: Array


@contextmanager
def picture(path: Path, metadata: Mapping[str, str], rows: int, **how: Any) -> Iterator[Sequence[Any]]:
    """Yield the axes of a new picture, one below the other; write the picture at the end."""
    import matplotlib as mpl

    mpl.use("svg")
    text = {"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"], "font.size": 9}
    with mpl.rc_context({"svg.hashsalt": path.stem, **text}):
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(rows, 1, layout="constrained", squeeze=False, **how)
        for axis in axes[:, 0]:
            axis.spines[["top", "right"]].set_visible(False)
        yield axes[:, 0]
        figure.savefig(path, metadata={"Date": None, **metadata})
        pyplot.close(figure)


def courses(
    path: Path,
    metadata: Mapping[str, str],
    exact: Course,
    alike: Sequence[Course],
    parting: Sequence[Parting],
    names: Sequence[str],
) -> None:
    """
    Draw loss and kernel after each update, and the largest deviation of the deviating courses from the exact kernel.

    The exact trajectory is a wide grey line. The markers on this line show, in turn, one course of each framework that
    follows the exact trajectory. Each deviating course is a thin line that begins where the course deviates. The name
    of a kernel element is at the end of its line.
    """
    with picture(path, metadata, 3, figsize=(6.4, 8), sharex=True, height_ratios=(3, 3, 1.4)) as (above, middle, below):
        for axis, lines in ((above, _losses), (middle, _kernels)):
            _drawn(axis, lines(exact), "exact trajectory", color=GREY, linewidth=6)
            for (colour, style), each in zip(PARTING, parting, strict=False):
                since, name = range(max(each.first - 5, 0), len(exact.losses)), ", ".join(each.course.targets)
                _drawn(axis, lines(each.course)[since], name, since, linestyle=style, color=colour, linewidth=1)
            for turn, course in enumerate(alike):
                colour, mark = MARKS[course.framework]
                every = range(5 * turn, len(lines(course)), 5 * len(MARKS))
                look = {"marker": mark, "color": colour, "markersize": 4, "fillstyle": "none", "linestyle": ""}
                _drawn(axis, lines(course)[every], NAMES[course.framework], every, **look)
        above.set(yscale="log", ylabel="loss, mean absolute error")
        middle.set(ylabel="elements of the kernel")
        ends = _apart(exact.kernels[-1], 0.05 * np.ptp(exact.kernels))
        for name, end in zip(names, ends, strict=True):
            middle.text(len(exact.losses) + 2, end, name, va="center")
        for (colour, style), each in zip(PARTING, parting, strict=False):
            off = np.abs(each.course.kernels - exact.kernels).max(1)
            below.plot(off, linestyle=style, color=colour, linewidth=1)
        below.set(xlabel="updates", ylabel="largest deviation")
        above.figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)


def _losses(course: Course) -> Array:
    return np.maximum(course.losses, LEAST)[:, None]


def _kernels(course: Course) -> Array:
    return course.kernels


def _drawn(axis: Any, lines: Array, name: str, at: Sequence[int] = (), **look: Any) -> None:
    """Draw each column of `lines`; only the first one has the label."""
    axis.plot(at or range(len(lines)), lines, **look)[0].set_label(name)


def _apart(values: Array, gap: float) -> Array:
    """Return the positions of labels at `values`, each at least `gap` above the one below it."""
    order, places = np.argsort(values), np.array(values)
    for below, above in pairwise(order):
        places[above] = max(places[above], places[below] + gap)
    return places


def solution_set(
    path: Path, metadata: Mapping[str, str], of: Solutions, places: Sequence[Place], names: Sequence[str]
) -> None:
    """Draw the elements of the solutions against t, and the named kernels at the t of their nearest solution."""
    ts = of.along(np.stack([place.kernel for place in places]))
    ends = np.array([min(ts) - 0.01, max(ts) + 0.01])
    with picture(path, metadata, 1, figsize=(6.4, 5.4)) as (axis,):
        for line, name, colour in zip(of.at(ends).T, names, (BLUE, ORANGE, GREEN, RED), strict=True):
            axis.plot(ends, line, color=colour, linewidth=2)
            axis.text(ends[1] + 0.001, line[1], name, va="center", color=BLACK)
        top = of.at(ends).max() + 0.4
        beside = _apart(ts, 0.0045)
        for place, t, text in zip(places, ts, beside, strict=True):
            axis.plot([t, t, text], [0.4, top - 0.2, top], color=GREY, linewidth=0.8, zorder=0)
            axis.plot([t] * len(place.kernel), place.kernel, "o", color=BLACK, fillstyle="none", markersize=6)
            axis.text(text, top, place.name, rotation=90, ha="center", va="bottom", fontsize=8)
        axis.set(xlabel="t", ylabel="elements of the kernel", ylim=(0.4, top))


def plane(
    path: Path,
    metadata: Mapping[str, str],
    of: Solutions,
    paths: Mapping[str, Array],
    named: Sequence[int],
    places: Sequence[Place],
) -> None:
    """
    Draw the distance from the solutions against t for the kernels of trainings (updates + 1, elements).

    The updates `named` are marked on the first path; each of `places` is a vertical line at its t.
    """
    with picture(path, metadata, 1, figsize=(6.4, 5.0)) as (axis,):
        for place in places:
            t = float(of.along(place.kernel))
            axis.axvline(t, color=GREY, linewidth=1, zorder=0)
            axis.text(t, 11, place.name, rotation=90, ha="center", va="bottom", fontsize=8)
        for (name, kernels), (colour, width) in zip(paths.items(), ((BLUE, 1), (ORANGE, 1), (RED, 2)), strict=True):
            axis.plot(of.along(kernels), of.away(kernels), color=colour, linewidth=width, label=name)
        first = next(iter(paths.values()))
        for update in named:
            t, away = of.along(first[update]), of.away(first[update])
            axis.plot(t, away, "o", color=BLUE, markersize=4)
            axis.annotate(str(update), (t, away), (5, 3), textcoords="offset points", fontsize=8)
        axis.margins(x=0.06)
        axis.set(yscale="log", xlabel="t", ylabel="distance from the nearest solution", ylim=(1e-3, 10))
        axis.legend(loc="lower center", fontsize=8)


def windows(path: Path, metadata: Mapping[str, str], calls: Sequence[Call]) -> None:
    """Draw each window of 1-D calls without padding as a bar over the items that it reads."""
    counts = [each.length for call in calls for each in lengths(call)]
    with picture(path, metadata, len(calls), figsize=(6.4, 6.2), sharex=True, height_ratios=counts) as axes:
        for axis, call, count in zip(axes, calls, counts, strict=True):
            starts = np.arange(count) * call.strides[0]
            length, taps = call.lengths[0], call.stages[0].window[0]
            axis.barh(range(count), taps, left=starts, height=0.7, color=SKY, edgecolor=BLACK, linewidth=0.5)
            axis.set(ylabel="window", xlim=(0, length), ylim=(count - 0.4, -0.6), yticks=[0, count - 1])
            axis.set_title(f"stride {call.strides[0]}: {count} windows, 0 to {count - 1}", loc="left", fontsize=9)
            axis.set_xticks(range(0, length + 1, 5))
            axis.grid(axis="x", color=GREY, linewidth=0.5)
            axis.set_axisbelow(True)
        axes[-1].set_xlabel(f"items of the input, 0 to {length - 1}")
