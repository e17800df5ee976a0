"""
The data of a plot of rounding errors: the largest error and the class of rounding of each case, for each target.

The plot contains only cases with random operands. Errors are in units of u * S, on a logarithmic scale of base two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, log2
from typing import NamedTuple

from ..core import FORMATS, Verdict
from ..records import Record

#: The scale starts at 2^LEAST and ends at 2^FEWEST or above. Errors below 2^LEAST are drawn at the start.
LEAST, FEWEST = -4, 4
#: The number of distinct positions of dots on the scale.
PLACES = 200


class Dot(NamedTuple):
    """The verdicts at one position of the scale; `at` is this position in percent of the scale's length."""

    at: float
    text: str
    is_lower: bool


class Row(NamedTuple):
    """A row of the plot: a target, its classes of rounding with counts, its largest error, and its dots."""

    target: str
    classes: str
    largest: float
    dots: Sequence[Dot]


class Plot(NamedTuple):
    """The rows of a plot, and the marks of the scale as pairs (position in percent, label)."""

    marks: Sequence[tuple[float, str]]
    rows: Sequence[Row]


def plot(record: Record) -> Plot:
    """Return the plot of a record; a target without recorded errors has no row."""
    drawn = [verdict for verdict in record.verdicts if verdict.error_uS is not None]
    most = max([FEWEST, *(ceil(log2(each.error_uS)) for each in drawn if each.error_uS)])
    by_target = {info.name: [each for each in drawn if each.target == info.name] for info in record.targets}
    rows = [_row(name, some, most) for name, some in by_target.items() if some]
    return Plot([(_place(2.0**power, most), _written(power)) for power in range(LEAST, most + 1, 2)], rows)


def _row(name: str, drawn: Sequence[Verdict], most: int) -> Row:
    counts = Counter(each.precision or "unknown" for each in drawn)
    classes = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return Row(name, classes, max(each.error_uS or 0.0 for each in drawn), list(_dots(drawn, most)))


def _dots(drawn: Sequence[Verdict], most: int) -> Iterable[Dot]:
    found: dict[tuple[float, bool], list[Verdict]] = {}
    for each in drawn:
        key = (_place(each.error_uS or 0.0, most), each.precision not in FORMATS)
        found.setdefault(key, []).append(each)
    for (at, is_lower), some in sorted(found.items(), key=lambda item: item[0]):
        more = f" and {len(some) - 1} more" if len(some) > 1 else ""
        yield Dot(at, f"{some[0].case}{more}: {some[0].error_uS:.3g} u·S, {some[0].precision}", is_lower)


def _place(error: float, most: int) -> float:
    share = (max(log2(error), LEAST) - LEAST) / (most - LEAST) if error else 0.0
    return round(share * PLACES) * 100 / PLACES


def _written(power: int) -> str:
    return f"{2**power}" if power >= 0 else f"1/{2**-power}"
