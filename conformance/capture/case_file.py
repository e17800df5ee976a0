"""
Writing the captured convolutions of a program as a case file.

Each convolution becomes a sweep with generated arrays, and not a case, so that a user can add further batch sizes or
dtypes to an axis of the sweep.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

from ..core import Plain, writing
from ..corpus import FIT, geometry
from .call_log import log_of

Seen: TypeAlias = dict[str, Any]

#: The maximum number of elements of an array; the batch size is reduced if necessary.
ELEMENTS = 2**24
#: Parameters that are omitted if all their values equal these defaults.
DEFAULTS = {"input_dilations": 1, "output_padding": 0}
#: The smallest and the largest integer in a generated array.
LOW, HIGH = -3, 3


@dataclass(kw_only=True)
class Layer:
    """A distinct call with its count, and the functions and frameworks that made it; `call` has case-format keys."""

    call: Seen
    count: int = 0
    said_by: list[str] = field(default_factory=list)
    frameworks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: The largest magnitude in each array, if requested and if the array had values.
    largest: dict[str, float] = field(default_factory=dict)

    def add(self, seen: Seen, count: int, largest: Mapping[str, float]) -> None:
        """Add `count` occurrences of the same call, made by any function."""
        self.count += count
        how = f", {seen['how']}" if seen["how"] else ""
        self.said_by += [f"{seen['said_by']} of {seen['framework']}{how}"]
        self.frameworks += [seen["framework"]]
        self.notes += seen["notes"]
        self.largest |= {name: max(value, self.largest.get(name, 0.0)) for name, value in largest.items()}


@dataclass(frozen=True, kw_only=True)
class Model:
    """The content of a log: the distinct calls, and the counts of inexpressible calls by function and reason."""

    layers: Sequence[Layer] = ()
    unsaid: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def frameworks(self) -> list[str]:
        """The frameworks that made the calls, with their versions, without duplicates."""
        return list(dict.fromkeys(name for layer in self.layers for name in layer.frameworks))

    @property
    def total(self) -> int:
        """The total number of calls."""
        return sum(layer.count for layer in self.layers)


def read(log: Path) -> Model:
    """Return the content of a log; a truncated last line is ignored."""
    counts: dict[str, Counter[int]] = {}
    largest: dict[str, dict[str, float]] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            text = json.dumps(entry["seen"])
            by_process = counts.setdefault(text, Counter())
            by_process[entry["pid"]] = max(by_process[entry["pid"]], entry["count"])
            known = largest.setdefault(text, {})
            known |= {name: max(value, known.get(name, 0.0)) for name, value in entry["largest"].items()}
    layers: dict[str, Layer] = {}
    unsaid: Counter[tuple[str, str]] = Counter()
    for text, by_process in counts.items():
        seen, count = json.loads(text), by_process.total()
        if "call" in seen:
            for complaint in geometry.complaints(plain(seen["call"])):
                unsaid[seen["said_by"], f"{complaint.key}: {complaint.message}"] += count
                break
            else:
                layers.setdefault(json.dumps(seen["call"]), Layer(call=seen["call"])).add(seen, count, largest[text])
        else:
            unsaid[seen["said_by"], seen["unsaid"]] += count
    return Model(layers=list(layers.values()), unsaid=unsaid)


def write_case_file(path: Path) -> Model:
    """
    Write the case file `path` from its log, remove the log, and return the content of the log.

    Raises:
        Invalid: if the file cannot be written.

    """
    log = log_of(path)
    with writing(path):
        model = read(log)
        path.write_text(text(model, path.name.partition(".")[0]), encoding="utf-8")
    log.unlink()
    return model


def text(model: Model, name: str) -> str:
    """Return the text of a model's case file; the ids of the sweeps begin with `name`."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """A YAML dumper without anchors, which case files do not allow."""

        def ignore_aliases(self, data: Any) -> bool:
            """Return True: an object that occurs twice is written in full twice, without an anchor."""
            return True

    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
    sweeps = [_sweep(layer, f"{stem}.{number:03}", number) for number, layer in enumerate(model.layers, 1)]
    document = {"about": _about(model), **({"sweeps": sweeps} if sweeps else {"cases": []})}
    written: str = yaml.dump(
        document, Dumper=Dumper, sort_keys=False, width=118, allow_unicode=True, default_flow_style=None
    )
    return written


def _about(model: Model) -> str:
    by = f", by {', '.join(model.frameworks)}" if model.layers else ""
    about = f"{len(model.layers)} distinct convolutions of a program, {model.total} calls{by}; values are generated."
    if model.unsaid:
        misses = "; ".join(f"{by}: {reason} ({count} times)" for (by, reason), count in model.unsaid.items())
        about += f" Omitted, because the format cannot express them: {misses}."
    return about


def _sweep(layer: Layer, stem: str, number: int) -> dict[str, Any]:
    name, sizes = f"{layer.call['op'].replace('_', '-')}{len(layer.call['strides'])}d", _sizes(layer.call)
    batch, seen = _batch(layer.call), geometry.extents(plain(layer.call), "input")["N"]
    notes = [f"the batch size was {seen} and is reduced to limit the size of the arrays"] if batch < seen else []
    if layer.largest:
        magnitudes = ", ".join(f"{value:.3g} in the {name}" for name, value in layer.largest.items())
        notes.append(f"values up to {magnitudes}")
    times = "once" if layer.count == 1 else f"{layer.count} times"
    return {
        "id": f"{stem}-{name}-{sizes['taps']}-{sizes['channels']}-to-{sizes['filters']}",
        "title": f"{name} of {sizes['taps']} taps, {sizes['channels']} to {sizes['filters']} channels, made {times}",
        "why": ". ".join(dict.fromkeys([*layer.said_by, *layer.notes, *notes])),
        "base": _base(layer.call, batch, 10 * number),
        "axes": {"batch": [batch]},
    }


def _base(call: Seen, batch: int, seed: int) -> dict[str, Any]:
    dtypes = call["dtype"]
    base: dict[str, Any] = {"op": call["op"], "layout": call["layout"]}
    base["dtype"] = dtypes["input"] if len(set(dtypes.values())) == 1 else dtypes
    base |= {key: call[key] for key in ("strides", "padding", "dilations")}
    base |= {key: call[key] for key, default in DEFAULTS.items() if any(value != default for value in call[key])}
    if call["groups"] != 1:
        base["groups"] = call["groups"]
    if call["storage"]:
        base["storage"] = {key: _stored(word) for key, word in call["storage"].items()}
    return base | {name: _drawn(call, name, batch, seed + n) for n, name in enumerate(call["shapes"])}


def _stored(word: str) -> Any:
    name, _, axis = word.partition(":")
    return {name: axis} if axis else name


def _drawn(call: Seen, name: str, batch: int, seed: int) -> dict[str, Any]:
    shape = list(call["shapes"][name])
    generator: dict[str, Any] = {"lcg": seed, "low": LOW, "high": HIGH}
    if name == "input":
        shape[call["layout"]["input"].index("N")] = batch
        generator["density"] = FIT
    return {"shape": shape, "generate": generator}


def plain(call: Seen) -> Plain:
    """Return a logged call in the loader's representation with all parameters; arrays have shapes but no values."""
    arrays = {
        name: {
            "letters": "O" if name == "bias" else call["layout"][name],
            "shape": tuple(shape),
            "dtype": call["dtype"][name],
        }
        for name, shape in call["shapes"].items()
    }
    stated = {key: tuple(call[key]) for key in ("strides", "dilations", *DEFAULTS) if call[key]}
    padding = call["padding"] if isinstance(call["padding"], str) else tuple(map(tuple, call["padding"]))
    kept = {key: call[key] for key in ("op", "layout", "dtype", "groups")}
    return geometry.settled({**kept, **stated, "padding": padding, "arrays": arrays})


def _batch(call: Seen) -> int:
    """Return the largest batch size, up to the captured one, for which no input or output exceeds ELEMENTS elements."""
    sizes = plain(call)
    batch: int = geometry.extents(sizes, "input")["N"]
    one = max(prod(call["shapes"]["input"]), geometry.size_out(sizes), 1) / max(batch, 1)
    return min(batch, max(int(ELEMENTS / one), 1))


def _sizes(call: Seen) -> dict[str, Any]:
    sizes = plain(call)
    extents = geometry.extents(sizes, "depthwise_kernel" if call["op"] == "separable_conv" else "kernel")
    return {
        "taps": "x".join(str(extents[axis]) for axis in geometry.spatial(sizes)),
        "channels": geometry.extents(sizes, "input")["C"],
        "filters": geometry.channels_out(sizes),
    }
