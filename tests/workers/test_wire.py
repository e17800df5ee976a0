"""The wire format: what is packed comes back as it was, and what is no message is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from conv_conformance.core.call import Call, Variation
from conv_conformance.core.dtypes import DTYPES, numpy_type
from conv_conformance.core.observation import Malformed, Message, from_message
from conv_conformance.core.vocabulary import ARRAYS
from conv_conformance.workers import wire

from ..support.builders import call_of, ramp

PLAIN = call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1))

CALLS = {
    "plain": PLAIN,
    "bias-and-pairs": call_of(
        "conv", ramp(2, 5, 4, 2), ramp(2, 2, 1, 4), bias=ramp(4), padding=((1, 0), (-1, 2)), groups=2
    ),
    "words": call_of("conv", ramp(1, 5, 1), ramp(3, 1, 1), padding="same_lower", strides=2, padding_mode="reflect"),
    "separable": call_of(
        "separable_conv", ramp(1, 3, 3, 2), depthwise_kernel=ramp(2, 2, 2, 1), pointwise_kernel=ramp(1, 1, 2, 3)
    ),
    "transposed": call_of("conv_transpose", ramp(1, 3, 2), ramp(2, 2, 3), strides=3, output_padding=1, dilations=2),
    "layouts": call_of("conv", ramp(1, 2, 4), ramp(3, 2, 2), layout={"input": "NCW", "kernel": "OIW", "output": "NWC"}),
    "dtypes": call_of(
        "conv", ramp(1, 4, 1), ramp(2, 1, 1), dtype={"input": "int8", "kernel": "int16", "output": "int32"}
    ),
    "storage": call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), storage={"input": "broadcast:N", "kernel": "strided"}),
    "empty": call_of("conv", np.zeros((0, 4, 1)), ramp(2, 1, 1)),
    "before": call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), before=((1, -1),), accumulate="float16"),
    "variation": call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), variation=Variation(kernel_constant=True, threads=3)),
    "inference": call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), variation=Variation(shape_inference=True)),
    "stretched": call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), input_dilations=3),
    "wrong-lengths": call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), strides=(1, 0, -3)),
}


def back(packed: bytes) -> Call:
    line, _, rest = packed.partition(b"\n")
    _, form = wire.unpack_call(line)
    assert form.size == len(rest)
    return form.call(rest, 0)


@pytest.mark.parametrize("name", CALLS)
def test_call_comes_back_as_it_was(name: str) -> None:
    """Every field of a call survives, arrays with dtype, shape and bits."""
    call = CALLS[name]
    read = back(wire.pack_call(7, call))
    others = [field.name for field in fields(Call) if field.compare and field.name not in (*ARRAYS, "known_form")]
    assert {each: getattr(read, each) for each in others} == {each: getattr(call, each) for each in others}
    for array in ARRAYS:
        sent, got = getattr(call, array), getattr(read, array)
        assert (sent is None) == (got is None)
        if sent is not None:
            assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_crosses(dtype: str) -> None:
    """Elements of every dtype of the format arrive with the same bits."""
    call = call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), dtype=dtype)
    read = back(wire.pack_call(0, call))
    assert (read.input.dtype, read.input.tobytes()) == (numpy_type(dtype), call.input.tobytes())
    assert read.dtype == call.dtype


def test_special_values_keep_their_bits() -> None:
    """A NaN's payload, the sign of zero and a subnormal are the same behind the wire."""
    values = np.array([0x7FC00001, 0xFFC00000, 0x80000000, 1, 0xFF800000], np.uint32).view(np.float32)
    call = call_of("conv", values.reshape(1, 5, 1), ramp(2, 1, 1))
    assert back(wire.pack_call(0, call)).input.view(np.uint32).ravel().tolist() == [
        *(0x7FC00001, 0xFFC00000, 0x80000000, 1, 0xFF800000)
    ]


def test_repeat_is_asked_for_in_the_form() -> None:
    """A call that is to be made twice says so."""
    forms = [wire.unpack_call(wire.pack_call(0, PLAIN, repeat=repeat).split(b"\n")[0])[1] for repeat in (True, False)]
    assert [form.is_repeated for form in forms] == [True, False]


def test_calls_of_one_form_are_known_to_each_other() -> None:
    """Calls that differ in number and values alone have one form; another stride makes another."""
    same = call_of("conv", ramp(1, 4, 1) * 3, ramp(2, 1, 1))
    other = call_of("conv", ramp(1, 4, 1), ramp(2, 1, 1), strides=2)
    forms = [wire.unpack_call(wire.pack_call(n, c).split(b"\n")[0]) for n, c in enumerate((PLAIN, same, other))]
    assert [number for number, _ in forms] == [0, 1, 2]
    assert forms[0][1] is forms[1][1]
    assert forms[0][1].key != forms[2][1].key


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_stream_does_not_care_how_it_is_cut(size: int) -> None:
    """Messages arrive whole and in order, whatever pieces the pipe delivers."""
    sent = [np.arange(n, dtype=np.float32) for n in (0, 1, 300)]
    whole = b"".join(wire.pack({"case": n}, {"output": ("float32", array)}) for n, array in enumerate(sent))
    whole += wire.pack({"done": True})
    stream = wire.Stream()
    found = [each for at in range(0, len(whole), size) for each in stream.feed(whole[at : at + size])]
    assert [message.get("case", "done") for message, _ in found] == [0, 1, 2, "done"]
    assert [arrays["output"].tolist() for _, arrays in found[:3]] == [array.tolist() for array in sent]
    assert stream.is_empty


def test_stream_knows_that_something_is_left_over() -> None:
    """A message that was cut short is not taken for none."""
    stream = wire.Stream()
    assert list(stream.feed(wire.pack({"case": 0}, {"output": ("int8", np.ones(3, np.int8))})[:-1])) == []
    assert not stream.is_empty


BROKEN: dict[str, Any] = {
    "text": b"Segmentation fault\n",
    "list": b"[1, 2]\n",
    "number": b"17\n",
    "null": b"null\n",
    "not-utf8": b"\xff\xfe\n",
    "arrays-not-a-list": b'{"arrays": 3}\n',
    "array-without-size": b'{"arrays": [["output", "int8", [1]]]}\n\0',
    "size-as-text": b'{"arrays": [["output", "int8", [1], "1"]]}\n\0',
    "size-no-integer": b'{"arrays": [["output", "int8", [1], 1.0]]}\n\0',
    "size-below-zero": b'{"arrays": [["output", "int8", [1], -1]]}\n\0',
    "unknown-dtype": b'{"arrays": [["output", "int7", [1], 1]]}\n\0',
    "objects": b'{"arrays": [["output", "object", [1], 8]]}\n\0\0\0\0\0\0\0\0',
    "no-bytes-an-element": b'{"arrays": [["output", "S0", [1], 1]]}\n\0',
    "name-no-text": b'{"arrays": [[["output"], "int8", [1], 1]]}\n\0',
    "too-many-entries": b'{"arrays": [["output", "int8", [1], 1, 1]]}\n\0',
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_message_is_malformed(name: str) -> None:
    """Whatever a worker may send that is no message ends in one kind of error, behind the messages before it."""
    found: list[Message] = []
    with pytest.raises(Malformed):
        found.extend(message for message, _ in wire.Stream().feed(b'{"case":0}\n' + BROKEN[name]))
    assert found == [{"case": 0}]


IMPOSSIBLE = {
    "size-too-small": b'{"arrays": [["output", "int8", [2], 1]]}\n\0',
    "piece-of-an-element": b'{"arrays": [["output", "int16", [1], 3]]}\n\0\0\0',
    "shape-below-zero": b'{"arrays": [["output", "int8", [-1], 1]]}\n\0',
    "shape-as-text": b'{"arrays": [["output", "int8", "x", 1]]}\n\0',
    "extent-no-integer": b'{"arrays": [["output", "int8", [0.5], 1]]}\n\0',
    "extent-too-large": b'{"arrays": [["output", "int8", [99999999999999999999], 1]]}\n\0',
    "shape-too-deep": b'{"arrays": [["output", "int8", [[1]], 1]]}\n\0',
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_shape_that_no_array_has_is_left_to_the_judge(name: str) -> None:
    """The array is left out, the message says why, and the next message is read."""
    (message, arrays), (following, _) = wire.Stream().feed(IMPOSSIBLE[name] + b'{"case":1}\n')
    assert (arrays, list(message["impossible"]), following["case"]) == ({}, ["output"], 1)
    assert "bytes of int" in message["impossible"]["output"]


@pytest.mark.parametrize("line", [b"", b"{}", b'{"case":0}', b'{"case":x,"op":"conv"}', b'{"case":0,"arrays":[]}'])
def test_what_is_no_call_is_malformed(line: bytes) -> None:
    """A line of a file of calls that is none says so."""
    with pytest.raises(Malformed):
        wire.unpack_call(line)


@pytest.mark.parametrize("said", [{}, {"outcome": "crash"}, {"outcome": ["returned"]}, {"outcome": None}])
def test_answer_says_one_of_four_outcomes(said: dict[str, Any]) -> None:
    """A death is not a worker's to say, nor is anything unknown."""
    with pytest.raises(Malformed):
        from_message({"case": 0, **said}, {})


@pytest.mark.parametrize("seconds", ["0.1", None, [1], -1.0, float("nan"), float("inf")])
def test_answer_took_a_number_of_seconds(seconds: Any) -> None:
    """What cannot be added up is the worker's fault on this case, and must not end the run."""
    with pytest.raises(Malformed):
        from_message({"case": 0, "outcome": "returned", "seconds": seconds}, {})


def test_answer_that_says_false_means_it() -> None:
    """A worker may send what does not hold as false."""
    names = ("composed", "unsteady", "inputs_changed", "environment")
    observation = from_message({"case": 0, "outcome": "returned", **dict.fromkeys(names, False)}, {})
    assert [getattr(observation, name) for name in names] == [False] * 4


def test_what_a_worker_says_can_be_written_anywhere() -> None:
    """Colour codes, control characters and half characters of a framework's message reach no report."""
    said = "\x1b[31merror\x00\r\n\tcode\ud83d 7\x9f é"
    observation = from_message({"case": 0, "outcome": "raised", "message": said, "call": 7}, {})
    assert (observation.message, observation.call) == ("error\ufffd\n\tcode\ufffd 7\ufffd é", "7")


def test_message_without_arrays_is_one_line_of_json() -> None:
    """A message is readable as it stands."""
    packed = wire.pack({"case": 3, "message": "ü\n"})
    assert (packed.count(b"\n"), json.loads(packed)) == (1, {"case": 3, "message": "ü\n"})
