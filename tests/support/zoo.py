"""The cases on which the miniatures are run: one for each thing that can be told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.case import Case
from conv_conformance.core.expectation import AnyOf, Expectation, Output, Refusal, Shape
from conv_conformance.core.storage import Array
from conv_conformance.reference import evaluate
from conv_conformance.workers.targets import Adapter, resolve

from .builders import call_of

MINIATURES = Path(__file__).with_name("miniatures.py")
LYING_WORKER = Path(__file__).with_name("lying_worker.py")


def miniature(name: str, device: str = "") -> Adapter:
    """Return the adapter of a miniature."""
    return resolve(f"{MINIATURES}:{name}{device}")


def case_of(id: str, call: Call, expectation: Expectation) -> Case:
    """Return a case about nothing in particular."""
    return Case(id=id, title=id, clauses=("CONV-1",), build_call=lambda: call, build_expectation=lambda: expectation)


def line(values: list[int]) -> list[Any]:
    """Return an input or output of one batch and one channel."""
    return [[[value] for value in values]]


def taps(values: list[int]) -> list[Any]:
    """Return a kernel from one channel to one."""
    return [[[value]] for value in values]


def outputs(values: Any, dtype: str = "float32") -> Output:
    """Return the expectation of these values."""
    return Output(array=np.array(values, dtype))


def cases() -> list[Case]:
    """Return the zoo's cases; the second is the one on which most miniatures misbehave."""
    line_of_four = line([1, 2, 3, 4])
    two_filters = [[[1, 3]], [[2, 4]]]
    rounded = call_of("conv", _drawn(1, 9, 2), _drawn(3, 2, 1))
    in_graph = call_of("conv", line_of_four, taps([1, 2]), variation=Variation(inside_graph=True))
    inferred = call_of("conv", line_of_four, taps([1, 2]), variation=Variation(shape_inference=True))
    plane = call_of("conv", [[[[1], [2]], [[3], [4]], [[5], [6]]]], [[[[1]], [[10]]]])
    stretched = call_of("conv_transpose", line([1, 2]), taps([1, 10, 100]), strides=3, dtype="int32")
    return [
        case_of("plain", call_of("conv", line_of_four, taps([1, 2])), outputs(line([5, 8, 11]))),
        case_of("marked", call_of("conv", line([2, -1, 3, 4]), taps([1, 2]), strides=2), outputs(line([0, 11]))),
        case_of("two-channels", _two_channels(), outputs(line([30, 57, 67]))),
        case_of(
            "two-filters", call_of("conv", line([0, 3, 4, 5]), two_filters), outputs([[[6, 12], [11, 25], [14, 32]]])
        ),
        case_of("symmetric", call_of("conv", line([1, 2, 3]), taps([2, 2])), outputs(line([6, 10]))),
        case_of("constant", call_of("conv", line([1, 1, 1]), taps([3])), outputs(line([3, 3, 3]))),
        case_of("offset", _stored("offset"), outputs(line([10, 16, 22]))),
        case_of("strided", _stored("strided"), outputs(line([10, 16, 22]))),
        case_of("compiled", in_graph, outputs(line([5, 8, 11]))),
        case_of("rounding", rounded, Output(array=evaluate(rounded))),
        case_of("groups", *_groups()),
        case_of("shape-alone", call_of("conv", line([1, 2]), taps([5])), Shape(shape=(1, 2, 1), dtype="float32")),
        case_of("plane", plane, outputs([[[[21]], [[43]], [[65]]]])),
        case_of("longer-than-the-input", *_longer()),
        case_of(
            "threads",
            call_of("conv", line_of_four, taps([1, 2]), variation=Variation(threads=3)),
            outputs(line([5, 8, 11])),
        ),
        case_of("inferred", inferred, outputs(line([5, 8, 11]))),
        case_of("transposed", stretched, outputs(line([1, 10, 100, 2, 20, 200]), "int32")),
    ]


def _drawn(*shape: int) -> Array:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def _two_channels() -> Call:
    return call_of("conv", [[[0, 0], [3, 6], [4, 7], [5, 8]]], [[[1], [3]], [[2], [4]]])


def _stored(storage: str) -> Call:
    return call_of("conv", line([2, 4, 6, 8]), taps([1, 2]), storage={"input": storage})


def _groups() -> tuple[Call, Refusal]:
    arrays = ([[[1, 2], [3, 4]]], [[[1, 1, 1], [1, 1, 1]]])
    twin = call_of("conv", *arrays)
    return call_of("conv", *arrays, groups=3), Refusal(twin=twin, name="{groups: 1}")


def _longer() -> tuple[Call, AnyOf]:
    refusal = Refusal(twin=call_of("conv", line([1, 2]), taps([1, 2])), name="{kernel: short}")
    empty = Output(array=np.zeros((1, 0, 1), np.float32))
    return call_of("conv", line([1, 2]), taps([1, 2, 3])), AnyOf(alternatives={"empty": empty, "refuses": refusal})
