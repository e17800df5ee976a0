"""
What every program here prints: a digest of what it computed, and how long one pass took.

With WATCHED in the environment each pass is followed by one under `capture`, which is timed apart, and each has to
compute the same bits. PASSES says how many there are.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

PASSES = int(os.environ.get("PASSES", "5"))


def tell(infer: Callable[[], Any], to_numpy: Callable[[Any], Any]) -> None:
    """Make passes of a model, and print the digests of their results and the medians of their seconds."""
    infer()
    with TemporaryDirectory() as folder:
        ways = {"bare": nullcontext, **({"watched": watching(Path(folder))} if "WATCHED" in os.environ else {})}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        digests = set[str]()
        for _ in range(PASSES):
            for name, way in ways.items():
                with way():
                    begun = perf_counter()
                    result = to_numpy(infer())
                    seconds[name].append(perf_counter() - begun)
                digests.add(hashlib.sha256(result.tobytes()).hexdigest())
    print(json.dumps({"sha256": sorted(digests), "seconds": {name: median(each) for name, each in seconds.items()}}))


def watching(folder: Path) -> Callable[[], AbstractContextManager[None]]:
    """Return the context in which a pass is watched."""
    from conv_conformance.capture import capture

    return lambda: capture(folder / "model.yaml")
