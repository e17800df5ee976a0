"""The content of docs/results/precision.md: the precision of each target by dtype, and conditions that change bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from conv_conformance.backends.jax import settings as jax_settings
from conv_conformance.backends.tensorflow import settings as tensorflow_settings
from conv_conformance.backends.torch import settings as torch_settings

from .recorded_precision import NONE, UNASKED

#: Dtypes in the order of sections.
DTYPES = ("float32", "float64", "bfloat16", "float16")
#: The accumulator bits that the sums of NUM-3 need, by dtype.
WIDE = {"float32": 31, "bfloat16": 31, "float64": 61}
#: The bits of an operand that alternatives of NUM-1 and NUM-2 keep; other alternatives have the number in their names.
OPERANDS = {
    "all-bits": "all bits",
    "nearest": "all bits",
    "eight-bits": "8 bits",
    "eleven-bits": "11 bits",
    "sixteen-bits": "16 bits",
    "none": "none of these",
}
#: The alternatives that do not describe operands.
NO_OPERANDS = ("transform", "otherwise")
#: The modes that set a setting of the plain target.
PINNED = frozenset([*torch_settings.SETTINGS, *jax_settings.SENTENCES, *tensorflow_settings.SENTENCES])
#: The cell of a target without observations.
DASH = "-"

#: The observed precision of a target in one dtype.
Kept = Mapping[str, Any]


class Row(NamedTuple):
    """Targets that share all cells."""

    targets: Sequence[str]
    cells: Sequence[str]


class Same(NamedTuple):
    """`same` of `of` results have equal bits; `refused` further calls have a result on one side only."""

    same: int = 0
    of: int = 0
    refused: int = 0

    def __str__(self) -> str:
        same = f"all {self.of}" if self.same == self.of else f"{self.same} of {self.of}"
        return ", ".join([same] * bool(self.of) + [f"{self.refused} refused"] * bool(self.refused)) or DASH


@dataclass(frozen=True, kw_only=True)
class Section:
    """One dtype: the observed precision, and the numbers of results with the bits of the plain target or first run."""

    dtype: str
    kept: Sequence[Row]
    bits: Sequence[Row]
    #: The targets that returned no number in this dtype.
    without: Sequence[str]


def operands(dtype: str, kept: Kept) -> str:
    """Return the number of operand bits that are kept, as text."""
    said = _said(kept, "NUM-1", "NUM-2")
    return _mixed((OPERANDS.get(name, name), count) for name, count in said if name not in NO_OPERANDS)


def sums(dtype: str, kept: Kept) -> str:
    """Return the number of bits of the accumulator, as text."""
    counts = kept["sums"]
    least = _mixed((name, counts[key]) for key, name in (("kept", "at least 21"), ("lost", "fewer than 21")))
    if counts["lost"] or not counts["kept"]:
        return least
    words = {"kept": f"at least {WIDE.get(dtype)}", "lost": f"not {WIDE.get(dtype)}", "none": "fewer than 21"}
    more = _mixed((words[name], count) for name, count in _said(kept, "NUM-3"))
    return least if more == DASH else more if more == words["kept"] else f"{least}, {more}"


def rounding(dtype: str, kept: Kept) -> str:
    """Return the rounding of products, and of sums half way between two numbers."""
    said = _said(kept, "NUM-2", "NUM-4")
    return _mixed(("otherwise" if name in ("otherwise", "none") else "nearest even", count) for name, count in said)


def subnormals(dtype: str, kept: Kept) -> str:
    """Return the treatment of subnormal numbers."""
    return _mixed(("none of these" if name == "none" else name, count) for name, count in _said(kept, "SUBNORMAL-1"))


def order(dtype: str, kept: Kept) -> str:
    """Return the order in which 33 channels were added."""
    return str(kept["order"]) or DASH


def transforms(dtype: str, kept: Kept) -> str:
    """Return the number of copies that show a transform of the window, as text."""
    copies = dict(_said(kept, "NUM-1"))
    if not copies:
        return DASH
    return f"{copies['transform']} of {sum(copies.values())} copies" if "transform" in copies else "none"


def repeats(dtype: str, kept: Kept) -> str:
    """Return whether repeated calls had the same bits."""
    if not _has_results(kept):
        return DASH
    return f"other bits in {kept['unsteady']}" if kept["unsteady"] else "same bits"


#: The columns of the tables, by heading.
COLUMNS: Mapping[str, Callable[[str, Kept], str]] = {
    "operands": operands,
    "bits of a sum": sums,
    "rounding": rounding,
    "subnormals": subnormals,
    "33 channels are added": order,
    "transform": transforms,
    "made again": repeats,
}


def _said(kept: Kept, *clauses: str) -> Iterator[tuple[str, int]]:
    """Yield (alternative, count) for each alternative that was followed; `none` counts results that follow none."""
    for clause in clauses:
        yield from kept["followed"].get(clause, {}).items()


def _mixed(seen: Iterable[tuple[str, int]]) -> str:
    """Return the observation if all calls have the same one; if not, each observation with its count."""
    counts: Counter[str] = Counter()
    for name, count in seen:
        counts[name] += count
    names = [(name, count) for name, count in counts.most_common() if count]
    if len(names) < 2:
        return names[0][0] if names else DASH
    return ", ".join(f"{name} in {count}" for name, count in names)


def sections(runs: Mapping[str, Any]) -> Sequence[Section]:
    """Return the sections of the page, one for each dtype: the first run, and the bits of the others."""
    targets = first(runs)["targets"]
    found = []
    for dtype in DTYPES:
        asked = [name for name, said in targets.items() if dtype in said["dtypes"]]
        there = [name for name in asked if _has_results(targets[name]["dtypes"][dtype])]
        kept = [(name, [say(dtype, targets[name]["dtypes"][dtype]) for say in COLUMNS.values()]) for name in there]
        bits = [(name, [str(each) for each in compared(runs, name, dtype).values()]) for name in there]
        without = [name for name in asked if name not in there]
        found.append(Section(dtype=dtype, kept=_rows(kept), bits=_rows(bits), without=without))
    return found


def first(runs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first run, with which the others are compared."""
    run: Mapping[str, Any] = next(iter(runs.values()))
    return run


def _has_results(kept: Kept) -> bool:
    return not {NONE, UNASKED} >= set(kept["bits"].split())


def _rows(cells: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Row]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for target, each in cells:
        alike.setdefault(tuple(each), []).append(target)
    return [Row(targets, each) for each, targets in alike.items()]


def compared(runs: Mapping[str, Any], target: str, dtype: str) -> Mapping[str, Same]:
    """Return the numbers of results with the bits of the plain target (`plain`), and for each run of the first run."""
    base, plain = first(runs), target.partition("+")[0]
    return {
        "plain": Same() if plain == target else _same(base, plain, base, target, dtype),
        **{name: _same(base, target, run, target, dtype) for name, run in [*runs.items()][1:]},
    }


def _same(base: Mapping[str, Any], one: str, run: Mapping[str, Any], other: str, dtype: str) -> Same:
    """Return the number of results with equal bits; cases that only one side ran do not count."""
    was, now = _bits(base, one, dtype), _bits(run, other, dtype)
    pairs = [(was[case], now[case]) for case in was.keys() & now.keys() if UNASKED not in (was[case], now[case])]
    both = [pair for pair in pairs if NONE not in pair]
    alone = sum(pair.count(NONE) == 1 for pair in pairs)
    return Same(sum(one == other for one, other in both), len(both), alone)


def _bits(run: Mapping[str, Any], target: str, dtype: str) -> Mapping[str, str]:
    kept = run["targets"].get(target, {"dtypes": {}})["dtypes"].get(dtype)
    return dict(zip(run["cases"][dtype], kept["bits"].split(), strict=True)) if kept else {}


def settings(runs: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Same]]]:
    """
    Yield each target with a mode that sets a setting: (name, differences from the plain target, equal bits by dtype).

    For a target that could not run the reason replaces the differences.
    """
    base = first(runs)
    for name, said in base["targets"].items():
        if not _is_pinned(name):
            continue
        usual = base["targets"].get(name.partition("+")[0], {"settings": {}})["settings"]
        other = [f"{key}: {value}" for key, value in said["settings"].items() if usual.get(key) != value]
        same = {dtype: compared(runs, name, dtype)["plain"] for dtype in DTYPES}
        yield name, said["failed"] or ", ".join(other), {dtype: each for dtype, each in same.items() if each != Same()}


def summary(runs: Mapping[str, Any], targets: Callable[[Sequence[str]], str]) -> Iterator[str]:
    """Yield the sentences of the summary: the precision in the first run, then what changed bits."""
    base = first(runs)["targets"]
    for head in ("operands", "bits of a sum", "rounding", "subnormals", "transform"):
        yield f"**{_titled(head)}**: {'; '.join(_usual(base, head, targets))}."
    yield from _pins(runs, targets)
    for name, run in [*runs.items()][1:]:
        yield f"**{_titled(name)}**: {'; '.join([_moved(runs, name, targets), *_changed(base, run, targets)])}."


def _titled(text: str) -> str:
    return text[0].upper() + text[1:]


def _usual(base: Mapping[str, Any], head: str, targets: Callable[[Sequence[str]], str]) -> Iterator[str]:
    """Yield the most common cell of a column with its dtypes, then each other cell with its dtypes and targets."""
    usual: dict[str, list[str]] = {}
    others: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for dtype in DTYPES:
        cells = {name: _cell(base, name, dtype, head) for name in base}
        by_cell = {cell: [name for name in cells if cells[name] == cell] for cell in cells.values() if cell != DASH}
        for cell, names in sorted(by_cell.items(), key=lambda item: -len(item[1])):
            if cell == max(by_cell, key=lambda each: len(by_cell[each])):
                usual.setdefault(cell, []).append(dtype)
                continue
            # A target with a setting is named only where it differs from its plain target.
            told = tuple(name for name in names if not _is_pinned(name) or cells.get(name.partition("+")[0]) != cell)
            others.setdefault((cell, told), []).append(dtype)
    yield from (f"{cell} in {_listed(dtypes)}" for cell, dtypes in usual.items())
    yield from (f"but {cell} in {_listed(dtypes)} on {targets(names)}" for (cell, names), dtypes in others.items())


def _cell(base: Mapping[str, Any], target: str, dtype: str, head: str) -> str:
    kept = base[target]["dtypes"].get(dtype)
    return COLUMNS[head](dtype, kept) if kept else DASH


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _is_pinned(target: str) -> bool:
    return target.partition("+")[2] in PINNED


def _pins(runs: Mapping[str, Any], targets: Callable[[Sequence[str]], str]) -> Iterator[str]:
    told: dict[str, list[str]] = {}
    for name, _, same in settings(runs):
        if any(each.same < each.of for each in same.values()):
            told.setdefault("that change bits", []).append(name)
        elif any(each.refused for each in same.values()):
            told.setdefault("that change no bit, but which calls are refused", []).append(name)
        elif same:
            told.setdefault("that change no bit of any result here", []).append(name)
    yield from (f"**Settings** {what}: {targets(names)}." for what, names in sorted(told.items()))


def _moved(runs: Mapping[str, Any], run: str, targets: Callable[[Sequence[str]], str]) -> str:
    """Return a sentence on the results whose bits differ between a run and the first one, by dtype and target."""
    every = {(name, dtype): compared(runs, name, dtype)[run] for name in first(runs)["targets"] for dtype in DTYPES}
    same, of, refused = (sum(parts) for parts in zip(*every.values(), strict=True))
    moved: dict[str, list[str]] = {}
    for (name, dtype), each in every.items():
        if each.same < each.of:
            moved.setdefault(dtype, []).append(name)
    also = f", and {refused:,} are refused in one of the two" if refused else ""
    if not moved:
        return f"all {of:,} results have the same bits{also}"
    said = "; ".join(f"in {dtype} on {targets(names)}" for dtype, names in moved.items())
    return f"{of - same:,} of {of:,} results have other bits{also}: {said}"


def _changed(base: Mapping[str, Any], run: Mapping[str, Any], targets: Callable[[Sequence[str]], str]) -> Iterator[str]:
    """Yield each cell that differs between a run and the first one."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for name in base.keys() & run["targets"].keys():
        for dtype in DTYPES:
            for head in COLUMNS:
                was, now = (_cell(each, name, dtype, head) for each in (base, run["targets"]))
                if DASH not in (was, now) and was != now:
                    found.setdefault((head, was, now, dtype), []).append(name)
    for (head, was, now, dtype), names in sorted(found.items()):
        yield f"{head}: {now}, not {was}, in {dtype} on {targets([name for name in base if name in names])}"
