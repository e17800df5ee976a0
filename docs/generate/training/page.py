"""
Write the walk-through of training and its pictures, from the corpus, the exact trajectory, and measurements.

    python -m docs.generate.training.page

`benchmarks/results/fits.json` holds the trajectories of the targets; `benchmarks/fits.py` measures them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from conv_conformance import corpus
from conv_conformance.core.call import Call
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Fit
from conv_conformance.core.storage import Array
from conv_conformance.core.training import Training
from conv_conformance.explain.worked_example import lengths
from jinja2 import Environment

from .. import output
from ..templating import environment
from . import pictures
from .pictures import Place
from .solutions import Solutions, solutions
from .walks import PARTS, Walk, by_framework, followed, walk

ROOT = Path(__file__).resolve().parents[3]
PAGE, FOLDER = Path("docs", "training.md"), Path("docs", "training")
MEASURED = Path("benchmarks", "results", "fits.json")
ONE, TWO, FILTERS = (f"conv1d.fit.{name}" for name in ("one-filter", "two-channels", "two-filters"))
#: The cases of the forward convolutions whose outputs are the targets: their kernels made the data.
MAKERS = {
    ONE: "conv1d.valid.window-slides-without-flipping",
    TWO: "conv1d.walkthrough.two-channels",
    FILTERS: "conv1d.walkthrough.two-filters",
}
POSITIONS = (
    "conv1d.walkthrough.forty-items-have-36-positions",
    "conv1d.walkthrough.nine-positions-need-a-stride-of-four",
)
#: The number of updates for which the trainings of two channels are computed.
LONG = 2000
#: Gradient descent that converges within LONG updates; it is not a case of the corpus.
DESCENT = Training(loss="mse", optimizer="sgd", learning_rate=0.01, momentum=0.9, steps=LONG)
#: The kernel that the page of J. Huotari (2017) prints last for two channels.
PRINTED = np.array([0.61243659, 3.15884042, 2.47074366, 3.76123118])
#: The updates after which the page shows the first training, and that of two channels.
UPDATES, MARKED = (0, 1, 2, 20, 100, 200), (0, 60, 100, 200, 500, LONG)


class Told:
    """
    All values that the page shows, computed once.

    `said` holds the measurements, `cases` the corpus by id, `walks` the three trainings by id. For two channels `set`
    holds all solutions; `adam`, `decayed` and `descent` are exact trajectories of LONG updates.
    """

    def __init__(self, root: Path) -> None:
        self.said: Mapping[str, Any] = json.loads((root / MEASURED).read_text(encoding="utf-8"))
        self.cases: Mapping[str, Case] = {case.id: case for case in corpus.load().cases}
        self.walks = {name: walk(self.cases[name], self.said["curves"]) for name in MAKERS}
        self.made = {name: _flat(self.cases[maker].call.kernel) for name, maker in MAKERS.items()}
        call = self.cases[TWO].call
        self.set: Solutions = solutions(call)
        self.adam = followed(_trained(call, steps=LONG))
        self.decayed = followed(_trained(call, steps=LONG, schedule="cosine"))
        self.descent = followed(replace(call, training=DESCENT))

    @property
    def start(self) -> float:
        """The t at which the training of two channels starts."""
        return float(self.set.along(self.adam.kernels[0]))

    @property
    def places(self) -> list[Place]:
        """The named kernels of two channels."""
        return [
            Place("start of the training", self.adam.kernels[0]),
            Place("shortest solution", self.set.at(0.0)),
            Place("solution nearest to the start", self.set.at(self.start)),
            Place(f"gradient descent, {LONG} updates", self.descent.kernels[-1]),
            Place("made the data", self.made[TWO]),
            Place("Adam, 200 updates", self.adam.kernels[200]),
            Place(f"Adam, {LONG} updates", self.adam.kernels[-1]),
            Place(f"Adam, rate decays, {LONG} updates", self.decayed.kernels[-1]),
            Place("printed in 2017", PRINTED),
        ]


def _flat(array: Array | None) -> Array:
    assert array is not None
    return array.reshape(-1).astype(np.float64)


def _trained(call: Call, **terms: Any) -> Call:
    """Return a training with other values of its parameters."""
    assert call.training is not None
    return replace(call, training=replace(call.training, **terms))


def page(told: Told) -> str:
    """Return the text of the page."""
    one, two, filters = told.walks.values()
    counts = [next(lengths(told.cases[name].call)) for name in POSITIONS]
    forty = told.cases[POSITIONS[0]].call
    return (
        _environment()
        .get_template("training.md.j2")
        .render(
            told=told,
            said=told.said,
            one=one,
            two=two,
            filters=filters,
            made=told.made,
            terms=one.call.training,
            set=told.set,
            t_made=Fraction(*(int(np.dot(each, told.set.null)) for each in (told.made[TWO], told.set.null))),
            drift=np.abs(told.set.along(told.descent.kernels) - told.start).max(),
            near=np.abs(told.descent.kernels[-1] - told.made[TWO]).max(),
            singular=np.linalg.svd(np.array(told.set.matrix), compute_uv=False),
            resting=followed(told.cases[f"{ONE}-decayed"].call),
            fits=list(_fits(told)),
            alone=_alone(filters),
            positions=[told.cases[name] for name in POSITIONS],
            counts=counts,
            items=forty.lengths[0],
            taps=forty.stages[0].window[0],
            nine=[stride for stride in range(1, forty.lengths[0] + 1) if _count(forty, stride) == counts[1].length],
            alt=texts(told),
            updates=UPDATES,
            marked=MARKED,
            long=LONG,
            printed=PRINTED,
            descent=DESCENT,
            parts=PARTS,
            least=pictures.LEAST,
        )
    )


def _environment() -> Environment:
    """Return the template environment, with the filters that format numbers."""
    made = environment()
    made.filters |= {
        "listed": lambda array: f"[{', '.join(np.format_float_positional(v, trim='-') for v in array.reshape(-1))}]",
        "rounded": lambda value: str(np.round(value, 4)),
        "fixed": lambda array: " ".join(f"{value:.4f}" for value in np.atleast_1d(array)),
        "figures": lambda value, count: f"{value:.{count}g}",
    }
    return made


def _count(call: Call, stride: int) -> int:
    """Return the number of windows of a call with another stride."""
    return next(lengths(replace(call, strides=(stride,)))).length


def _alone(filters: Walk) -> float:
    """Return the largest deviation of the kernels from the kernels of filters that are trained one at a time."""
    call = filters.call
    assert call.kernel is not None
    count = call.kernel.shape[-1]
    single = (
        replace(call, kernel=call.kernel[..., [each]], target=call.array("target")[..., [each]])
        for each in range(count)
    )
    off = (followed(one).kernels - filters.exact.kernels[:, each::count] for each, one in enumerate(single))
    return max(float(np.abs(each).max()) for each in off)


def _fits(told: Told) -> Iterator[dict[str, Any]]:
    """Yield each training of the corpus: the required end, and the numbers of agreeing targets and of all targets."""
    for case in told.cases.values():
        if (asked := _fit(case)) is not None:
            verdicts = {
                target: row["verdict"]
                for target, rows in told.said["targets"].items()
                for row in rows
                if row["training"] == case.id and row["outcome"] == "returned"
            }
            others = [target for target, verdict in verdicts.items() if verdict != "agree"]
            yield {
                "case": case,
                "end": _end(case, asked),
                "agree": len(verdicts) - len(others),
                "all": len(verdicts),
                "others": others,
            }


def _fit(case: Case) -> Fit | None:
    """Return what a case requires of a training run, also if it allows a refusal; None if the case is no training."""
    expectation = case.expectation
    alternatives = expectation.alternatives.values() if isinstance(expectation, AnyOf) else [expectation]
    return next((each for each in alternatives if isinstance(each, Fit)), None)


def _end(case: Case, asked: Fit) -> str:
    """Return the requirement on the end of a training as text."""
    assert case.call.training is not None
    if asked.kernel_near is not None:
        return f"the kernel, to within {case.call.training.learning_rate}"
    return "only the updates" if asked.loss_below is None else f"a loss below {asked.loss_below}"


def texts(told: Told) -> dict[str, str]:
    """Return the alternative text of each picture, by name."""
    ts = {place.name: f"{told.set.along(place.kernel):.4f}" for place in told.places}
    line = ", ".join(f"{name} at {t}" for name, t in ts.items() if not name.startswith("start"))
    path = ", ".join(
        f"{told.set.away(told.adam.kernels[n]):.2g} and {told.set.along(told.adam.kernels[n]):.4f} after {n}"
        for n in MARKED
    )
    counts = [next(lengths(told.cases[name].call)).length for name in POSITIONS]
    return {
        **{name.rpartition(".")[2]: _course(each) for name, each in told.walks.items()},
        "solution-set": f"Four straight lines: the elements of the solutions against t. The t of kernels: {line}.",
        "path": (
            f"Distance from the solutions against t. Adam, by updates: {path}. Gradient descent goes straight down at "
            f"t = {told.start:.4f}."
        ),
        "windows": f"Bars over 40 items: {counts[0]} windows of 5 with stride 1, {counts[1]} with stride 4.",
    }


def _course(of: Walk) -> str:
    """Return the alternative text of a picture of courses."""
    losses, last = of.exact.losses, len(of.exact.losses) - 1
    ends = ", ".join(f"{value:.3g}" for value in of.exact.kernels[-1])
    parting = ", ".join(target for each in of.parting for target in each.course.targets) or "none"
    return (
        f"Loss and kernel by update: the loss falls from {losses[0]:.3g} to {losses[-1]:.2g} in {last} updates, "
        f"the kernel ends at {ends}. Targets that deviate from the exact trajectory: {parting}."
    )


def metadata(told: Told) -> dict[str, dict[str, str]]:
    """Return the metadata of each picture, by name: its text, and the source of its data."""
    source = f"{MEASURED.as_posix()} of {told.said['date']}"
    return {name: {"Title": text, "Source": source} for name, text in texts(told).items()}


def draw(told: Told, folder: Path) -> None:
    """Draw all pictures."""
    about = metadata(told)
    for name, each in told.walks.items():
        short = name.rpartition(".")[2]
        alike = by_framework(each.alike)
        pictures.courses(folder / f"{short}.svg", about[short], each.exact, alike, each.parting, _names(each.call))
    names, places = _names(told.cases[TWO].call), {place.name: place for place in told.places}
    on_line = [place for name, place in places.items() if "start" not in name]
    pictures.solution_set(folder / "solution-set.svg", about["solution-set"], told.set, on_line, names)
    paths = {
        "Adam": told.adam.kernels,
        "Adam, rate decays": told.decayed.kernels,
        "gradient descent": told.descent.kernels,
    }
    lines = [places[name] for name in ("made the data", "printed in 2017")]
    pictures.plane(folder / "path.svg", about["path"], told.set, paths, MARKED, lines)
    pictures.windows(folder / "windows.svg", about["windows"], [told.cases[name].call for name in POSITIONS])


def _names(call: Call) -> Sequence[str]:
    """Return the names of the elements of a 1-D kernel: tap, and channel and filter if there are several."""
    assert call.kernel is not None
    words = ("tap", "channel", "filter")
    shown = [axis for axis, size in enumerate(call.kernel.shape) if axis == 0 or size > 1]
    return [", ".join(f"{words[axis]} {place[axis]}" for axis in shown) for place in np.ndindex(call.kernel.shape)]


def stale(root: Path) -> Iterator[str]:
    """Yield one line if the page is out of date, and one for each picture that is."""
    if not (root / MEASURED).is_file():
        return
    told = Told(root)
    path = root / PAGE
    if not path.exists() or path.read_text(encoding="utf-8") != page(told):
        yield f"{PAGE}: out of date (run python -m docs.generate.training.page)"
    for name, about in metadata(told).items():
        file = FOLDER / f"{name}.svg"
        text = (root / file).read_text(encoding="utf-8") if (root / file).exists() else ""
        if not all(escape(each) in text for each in about.values()):
            yield f"{file}: out of date (run python -m docs.generate.training.page)"


def main() -> None:
    """Write the page and its pictures."""
    told = Told(ROOT)
    with output.folder(small=output.options(__doc__).parse_args().small) as root:
        output.write(root, PAGE, page(told))
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        draw(told, root / FOLDER)


if __name__ == "__main__":
    main()
