"""What the processes saw, read and counted: by setting and path, how many cases took it, and the smallest of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from conv_conformance.core.case import Case

from .probes import Path
from .settings import Setting

#: How many cases are named for each path.
NAMED = 3
#: The verdicts of which only the number is kept.
EXPECTED = ("agree", "unsupported", "not-run")


@dataclass(kw_only=True)
class Seen:
    """What one setting's process saw; of a call that did not return, its paths lead nowhere and are left out."""

    about: dict[str, Any] = field(default_factory=dict)
    existing: dict[str, list[str]] = field(default_factory=dict)
    #: How many calls were begun, and the case of the last, empty once that call has ended.
    begun: int = 0
    current: str = ""
    paths: dict[str, list[Path]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_done: bool = False


def read(observations: File) -> Seen:
    """Return what a process has written so far; a line that was cut off is passed over."""
    seen = Seen()
    for line in observations.read_text(encoding="utf-8").splitlines() if observations.exists() else ():
        try:
            _take(seen, json.loads(line))
        except ValueError:
            continue
    if not seen.is_done:
        _bury(seen)
    return seen


def _take(seen: Seen, line: dict[str, Any]) -> None:
    match line:
        case {"about": about, "existing": existing}:
            _bury(seen)
            seen.about, seen.existing = about, existing
        case {"begun": case}:
            seen.begun, seen.current = seen.begun + 1, case
        case {"case": case, "paths": paths}:
            seen.current = ""
            seen.paths[case] = [Path(*path) for path in paths]
        case {"judged": case}:
            seen.verdicts[case] = line
        case {"done": True}:
            seen.is_done = True


def _bury(seen: Seen) -> None:
    """Take down what a process died of, if it did: the case whose call had begun."""
    if seen.current:
        message = "the process died or hung"
        seen.verdicts[seen.current] = {"verdict": "crash", "severity": "loud", "message": message, "returned": False}
        seen.current = ""


def tally(setting: Setting, seen: Seen, cases: Sequence[Case]) -> dict[str, Any]:
    """Return the counts of one setting: verdicts, and by layer and name the cases that took a path and returned."""
    sizes = {case.id: _size(case) for case in cases}
    taken: dict[Path, list[str]] = {}
    for case, paths in seen.paths.items():
        if seen.verdicts.get(case, {}).get("returned"):
            for path in paths:
                taken.setdefault(path, []).append(case)
    layers: dict[str, dict[str, Any]] = {}
    for path, ids in sorted(taken.items(), key=lambda item: (item[0].layer, -len(item[1]), item[0].name)):
        smallest = sorted(ids, key=lambda case: (sizes[case], len(case), case))[:NAMED]
        layers.setdefault(path.layer, {})[path.name] = {"cases": len(ids), "smallest": smallest}
    return {
        "target": setting.target,
        "set": setting.said,
        "about": seen.about,
        "verdicts": dict(Counter(each["verdict"] for each in seen.verdicts.values())),
        "returned": sum(each["returned"] for each in seen.verdicts.values()),
        "otherwise": {
            case: _shown(each) for case, each in sorted(seen.verdicts.items()) if each["verdict"] not in EXPECTED
        },
        "paths": layers,
    }


def _size(case: Case) -> int:
    call = case.call
    return call.input.size + sum(array.size for name in _KERNELS if (array := getattr(call, name)) is not None)


_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def _shown(told: Mapping[str, Any]) -> dict[str, Any]:
    names = ("verdict", "kind", "severity", "known", "message", "call")
    return {name: told[name] for name in names if told.get(name)}
