"""The page: what was reached under which settings, by which cases, and what was not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from .existing import NO_CASE, Layer, layers

#: How many cases are named for one group of findings.
NAMED = 3
SETTINGS = """\
What differs from a target's defaults, how many cases were tried and how many calls returned, and how they were judged;
the other cases are not supported by the target. Where a call takes long, only some are tried, evenly spread.
"""
#: Layers of which no list exists.
TITLES = {"torch.inductor": "What torch.compile calls"}
#: The verdicts that stand against a framework, those that the ledger explains among them.
WRONG = ("disagree", "known", "crash", "timeout")
_RANK = {"silent": 0, "loud": 1, "precision": 2}

HEAD = """\
# Which kernels the cases reach

Made by `python benchmarks/kernels.py --json benchmarks/results/kernels.json --page docs/results/kernels.md`: under each
of the settings below, in a process for each, the calls of {cases}
are made, and what the framework took for each call is taken down. A path is *reached* by a case whose call returned.
The [figures](../../benchmarks/results/kernels.json) name more cases, and the memory formats that oneDNN read and wrote.

| | |
|---|---|
| date | {date} |
| processor | {cpu}, {machine}: {flags} |
| system | {os}, Python {python} |
"""


def page(kept: Mapping[str, Any]) -> str:
    """Return the page as Markdown for what was measured."""
    numbers = {name: number for number, name in enumerate(kept["settings"], 1)}
    there = layers(kept["existing"])
    parts = [
        HEAD.format(**kept["platform"] | {"flags": ", ".join(kept["platform"]["flags"])}, **_scope(kept)),
        "## Settings\n",
        SETTINGS,
        *_settings(kept["settings"], numbers),
        "\n## Judged otherwise than under the defaults\n",
        *_findings(differing(kept["settings"]), numbers),
        "## Wrong under the defaults alone\n",
        *_findings(mended(kept["settings"]), numbers),
        "## How much is reached\n",
        *_summary(kept, there),
    ]
    for name in _layers(kept):
        parts += _layer(name, there.get(name), kept, numbers)
    return "\n".join(parts) + "\n"


def _scope(kept: Mapping[str, Any]) -> dict[str, str]:
    counts = kept["cases"]
    said = [f"{counts['sweeps']} points of the quick sweeps"]
    if counts["literal"]:
        said.append(f"{counts['literal']} literal cases")
    return {"date": kept["date"], "cases": " and ".join(said)}


def _settings(settings: Mapping[str, Any], numbers: Mapping[str, int]) -> Iterator[str]:
    yield "| | setting | set | version | cases | returned | agree | disagree |"
    yield "|---:|---|---|---|---:|---:|---:|---:|"
    for name, one in settings.items():
        verdicts = one["verdicts"]
        wrong = sum(count for verdict, count in verdicts.items() if verdict in WRONG)
        version = one["about"].get("version", "?")
        yield (
            f"| {numbers[name]} | {name} | {_code(one['set'])} | {version} | {sum(verdicts.values())} "
            f"| {one['returned']} | {verdicts.get('agree', 0)} | {wrong} |"
        )


def differing(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """
    Yield (setting, case, what was seen) where a case is not as under its target's defaults.

    What the ledger does not explain comes first, then silent ones ahead of others.
    """
    found = []
    for name, one in settings.items():
        default = settings.get(one["target"], {}).get("otherwise", {})
        found += [(name, case, told) for case, told in one["otherwise"].items() if not _same(told, default.get(case))]
    yield from sorted(found, key=_order)


def _order(one: tuple[str, str, Mapping[str, Any]]) -> tuple[Any, ...]:
    name, case, told = one
    return bool(told.get("known")), _RANK.get(told.get("severity", ""), 3), name, told.get("known", ""), case


def mended(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (setting, case, what was seen under the defaults) where a setting makes right what is wrong without it."""
    for name, one in settings.items():
        default = settings.get(one["target"], {})
        if default and sum(one["verdicts"].values()) == sum(default["verdicts"].values()):
            yield from (
                (name, case, told) for case, told in default["otherwise"].items() if case not in one["otherwise"]
            )


def _same(told: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    return other is not None and told.get("kind") == other.get("kind")


def _findings(found: Iterable[tuple[str, str, Mapping[str, Any]]], numbers: Mapping[str, int]) -> Iterator[str]:
    grouped = [(group, list(each)) for group, each in groupby(found, key=lambda one: _group(*one))]
    for (name, severity, kind, known), each in grouped:
        cases = ", ".join(f"`{case}`" for _, case, _ in each[:NAMED])
        more = f" and {len(each) - NAMED} more" if len(each) > NAMED else ""
        explained = f"known as `{known}`" if known else "**not in the ledger**"
        yield f"- {severity}: {kind}, {explained}; {name} ({numbers[name]}), {len(each)} cases: {cases}{more}."
        if not known:
            yield f"  For example: {_code(each[0][2].get('message', '')[:300])}"
    if not grouped:
        yield "No case is."
    yield ""


def _group(name: str, case: str, told: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return name, told.get("severity", "?"), told.get("kind", told["verdict"]), told.get("known", "")


def _layers(kept: Mapping[str, Any]) -> list[str]:
    found = dict.fromkeys(layer for one in kept["settings"].values() for layer in one["paths"])
    return [layer for layer in found if not layer.endswith(".formats")]


def _reached(layer: str, kept: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return, by path, then by setting: how many cases, and which."""
    found: dict[str, dict[str, Any]] = {}
    for name, one in kept["settings"].items():
        for path, counts in one["paths"].get(layer, {}).items():
            found.setdefault(path, {})[name] = counts
    return dict(sorted(found.items()))


def _summary(kept: Mapping[str, Any], there: Mapping[str, Layer]) -> Iterator[str]:
    yield "| | listed | reached | out of reach here | no case takes it |"
    yield "|---|---:|---:|---:|---:|"
    for title, counts in _counts(kept, there):
        yield f"| {title} | {' | '.join(map(str, counts))} |"


def _counts(kept: Mapping[str, Any], there: Mapping[str, Layer]) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Yield each layer's title and how many of its paths are listed, reached, out of reach, and taken by no case."""
    for name, layer in there.items():
        missing = list(layer.missing(list(_reached(name, kept)), kept["platform"]["flags"]))
        explained = sum(not why.startswith(NO_CASE) for _, why in missing)
        listed = len(layer.paths)
        yield layer.title, (listed, listed - len(missing), explained, len(missing) - explained)


def said(kept: Mapping[str, Any]) -> str:
    """Return in one line how many of the listed paths were reached, under how many settings."""
    counts = [each for _, each in _counts(kept, layers(kept["existing"]))]
    listed, reached, explained, missed = map(sum, zip(*counts, strict=True))
    settings = len(kept["settings"])
    return (
        f"{reached} of {listed} listed paths reached under {settings} settings; {explained} are out of reach on this"
        f" machine, {missed} are taken by no case"
    )


def _layer(name: str, layer: Layer | None, kept: Mapping[str, Any], numbers: Mapping[str, int]) -> Iterator[str]:
    reached = _reached(name, kept)
    yield f"\n## {layer.title if layer else TITLES.get(name, name)}\n"
    if layer:
        yield f"Listed by {layer.source.strip()}.\n"
    yield "| path | cases, by the number of the setting | one of the smallest |"
    yield "|---|---|---|"
    for path, by_setting in reached.items():
        counts = ", ".join(f"{numbers[one]}: {counts['cases']}" for one, counts in by_setting.items())
        smallest = min(next(iter(by_setting.values()))["smallest"], key=len)
        yield f"| {_code(path)} | {counts} | `{smallest}` |"
    if layer:
        yield "\n### Not reached\n"
        yield from _missing(layer, list(reached), kept["platform"]["flags"])


def _missing(layer: Layer, reached: list[str], flags: list[str]) -> Iterator[str]:
    missing = sorted(layer.missing(reached, flags), key=lambda one: (not one[1].startswith(NO_CASE), one[1]))
    for why, group in groupby(missing, key=lambda one: one[1]):
        yield f"- {why}: {', '.join(_code(path) for path, _ in group)}"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""
