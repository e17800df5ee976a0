"""
How many cases of the corpus each target has no words for, and why.

Only the adapters' limits are asked, nothing is computed. Without --write the counts are held against the committed
ones: a count that grew means that the suite has silently lost sight of something, and ends with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from conv_conformance import corpus
from conv_conformance.workers.targets import DEFAULTS, OTHERS, resolve

COMMITTED = Path(__file__).parents[1] / "docs" / "results" / "unsupported.json"
TARGETS = DEFAULTS + OTHERS
#: Targets without their modes.
NAMES = tuple(dict.fromkeys(target.partition("+")[0] for target in TARGETS))


def count(target: str) -> dict[str, int]:
    """Return how many cases a target cannot say, by the reason that its adapter gives first."""
    adapter = resolve(target)
    place, _, name = adapter.locator.partition(":")
    backend = getattr(import_module(place), name)(adapter.target)
    calls = (case.call for case in corpus.load().cases)
    reasons = (next((limit.reason for limit in backend.limits if limit.holds(call)), None) for call in calls)
    return dict(sorted(Counter(reason for reason in reasons if reason is not None).items()))


def counted(name: str) -> dict[str, dict[str, int]]:
    """Return the counts of a target, and of its modes, from a process of their own, for Keras reads its engine once."""
    command = [sys.executable, __file__, "--target", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts: dict[str, dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return counts


def grown(now: Mapping[str, int], committed: Mapping[str, int]) -> list[str]:
    """Return a line for each reason that holds for more cases than it did."""
    return [
        f"{committed.get(reason, 0)} -> {number} × {reason}"
        for reason, number in now.items()
        if number > committed.get(reason, 0)
    ]


def main() -> int:
    """Print the counts of one target and its modes, or hold all of them against the committed ones, or commit them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=NAMES, help="this one and its modes")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--small", action="store_true", help="the NumPy target alone")
    options = parser.parse_args()
    if options.small:
        committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
        return len(grown(count("numpy"), committed["numpy"]))
    if options.target:
        print(json.dumps({each: count(each) for each in TARGETS if each.partition("+")[0] == options.target}))
        return 0
    found = {target: counts for name in NAMES for target, counts in counted(name).items()}
    counts = {target: found[target] for target in TARGETS}
    if options.write:
        COMMITTED.write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    lines = [f"{target}: {line}" for target in TARGETS for line in grown(counts[target], committed.get(target, {}))]
    print("\n".join(lines) or "nothing has grown")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
