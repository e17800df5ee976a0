"""What the suite must find: for each miniature, the verdicts that are not `agree`, by case."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """A verdict other than `agree`: its kind and place where it is a disagreement, and a part of its message."""

    verdict: str
    kind: str | None = None
    says: str = ""
    where: str = "output"


CRASH, TIMEOUT, FAULT = "crash", "timeout", "suite-error"

#: On the case `marked` alone.
ON_MARKED = {
    "segfault": Wrong(CRASH, None, "killed by SIGSEGV; reproduces alone"),
    "aborts": Wrong(CRASH, None, "killed by SIGABRT; reproduces alone"),
    "leaves": Wrong(CRASH, None, "the process ended with exit code 3; reproduces alone"),
    "says_goodbye": Wrong(CRASH, None, "the process ended with exit code 1 [last output: goodbye]; reproduces alone"),
    "grows": Wrong(CRASH, None, "its memory grew to"),
    "hangs": Wrong(TIMEOUT, None, "no end within 1 s; reproduces alone"),
    "hangs_on": Wrong(TIMEOUT, None, "no end within 1 s; reproduces alone"),
    "babbles": Wrong(TIMEOUT, None, "no end within 1 s [last output: l"),
    "raises": Wrong(FAULT, None, "KeyError: 'no such layer'"),
    "RaisesWhilePreparing": Wrong(FAULT, None, "IndexError: no such axis"),
    "raises_unspeakably": Wrong(FAULT, None, "Unspeakable: (its text is not available)"),
    "refuses_unspeakably": Wrong("disagree", "refused", "Unspeakable: (its text is not available)"),
    "is_not_written": Wrong(FAULT, None, "NotImplementedError: strides"),
    "has_no_kernel": Wrong("disagree", "refused", "NotImplementedError: strides"),
    "refuses_from_c": Wrong("disagree", "refused", "ValueError: shapes (2,3) and (2,3) not aligned"),
    "runs_out_of_memory": Wrong("disagree", "refused", "MemoryError: out of memory"),
    "too_long": Wrong("disagree", "shape", "shape [1, 4, 1], expected [1, 2, 1]"),
    "too_wide": Wrong("disagree", "dtype", "dtype float64, expected float32"),
    "not_a_number": Wrong("disagree", "nonfinite", "output[0, 0, 0] is nan, expected 0"),
    "nothing": Wrong(FAULT, None, "output is None"),
    "words": Wrong(FAULT, None, "which the case format does not have"),
    "nothing_at_all": Wrong(FAULT, None, "must return Outputs, not NoneType"),
    "no_outputs": Wrong(FAULT, None, "the adapter returned nothing, but the call requests output"),
    "two_outputs": Wrong(FAULT, None, "the adapter returned output, mask, but the call requests output"),
    "off_by_one": Wrong("disagree", "values", "output[0, 0, 0] is 1, expected 0; 2 of 2 elements differ"),
    "off_the_grid": Wrong("disagree", "precision", "the largest error is 0.00024 of the grid spacing"),
    "lazy": Wrong(FAULT, None, "RuntimeError: the computation failed"),
    "lazy_in_the_framework": Wrong("disagree", "refused", "RuntimeError: the computation failed"),
    "overwrites_its_input": Wrong("disagree", "inputs-changed", "the call wrote to an array that was passed in"),
    "overwrites_the_case": Wrong(FAULT, None, "read-only"),
}

_VALUES, _LAYOUT, _SHAPE = (Wrong("disagree", kind) for kind in ("values", "layout", "shape"))
_NAN = Wrong("disagree", "nonfinite", "is nan")
_NO_WORDS = Wrong("unsupported", None, "no convolutions")

#: On other cases, or on several.
ELSEWHERE = {
    "complains": {},
    "negative_zero": {},
    "FailsUnderACompiler": {"compiled": Wrong("disagree", "refused", "the truth value of a traced array")},
    "ReadsBesideTheInput": {"offset": _NAN, "strided": _NAN},
    "RemembersStrides": {
        "marked": Wrong("disagree", "shape", "shape [1, 3, 1], expected [1, 2, 1]"),
        "two-channels": Wrong("disagree", "shape", "shape [1, 2, 1], expected [1, 3, 1]"),
        "transposed": Wrong("disagree", "shape", "expected [1, 6, 1]"),
    },
    "infers_no_window": {
        "inferred": Wrong("disagree", "shape", "inferred to be [1, 4, 1], the result has [1, 3, 1]", "inference")
    },
    "infers_the_accumulator": {
        "inferred": Wrong("disagree", "dtype", "inferred to be float64, the result has float32", "inference")
    },
    "infers_nothing": {
        "inferred": Wrong(FAULT, None, "the adapter returned output, but the call requests output, inference")
    },
    "refuses_to_infer": {"inferred": Wrong("disagree", "refused", "NotImplementedError: strides")},
    "IsNotReentrant": {"threads": Wrong("disagree", "values", "is 7, expected 5")},
    "Wavers": {"rounding": Wrong("disagree", "nondeterministic", "returned different bits")},
    # It does not show where the kernel is symmetric or one tap, nor where no value is expected.
    "flips_the_kernel": dict.fromkeys(
        (
            "plain",
            "marked",
            "two-channels",
            "two-filters",
            "offset",
            "strided",
            "compiled",
            "threads",
            "inferred",
            "rounding",
            "plane",
            "transposed",
        ),
        _VALUES,
    ),
    # A constant or empty output does not tell its axes apart, and where only a shape is expected, that is wrong.
    "channels_first": {
        **dict.fromkeys(
            (
                "plain",
                "marked",
                "two-channels",
                "two-filters",
                "symmetric",
                "offset",
                "strided",
                "compiled",
                "threads",
                "inferred",
                "plane",
                "transposed",
            ),
            _LAYOUT,
        ),
        "rounding": _SHAPE,
        **dict.fromkeys(("constant", "shape-alone", "longer-than-the-input"), _SHAPE),
    },
    "UnsupportedEverything": {"*": _NO_WORDS},
    "refuses_everything_else": {
        "*": Wrong("disagree", "refused", "Refused: not today"),
        "groups": Wrong("disagree", "refused", "refused, but so is its twin ({groups: 1}), which must be accepted"),
        "longer-than-the-input": Wrong("disagree", "refused", "refused, but so is its twin ({kernel: short})"),
    },
    "refuses_everything": {"*": Wrong("not-run", None, "its first call, a plain conv1d, failed: Refused: not today")},
    "NotThere": {"*": Wrong("not-run", None, "ModuleNotFoundError: No module named 'no_such_framework'")},
    "Broken": {"*": Wrong("not-run", None, "RuntimeError: misspelt")},
}

#: Of a worker that does not keep the protocol, on the case `marked` alone.
LIES = {
    "wrong_number": "the worker answered call 2 out of order",
    "cut_short": "the last message of the worker is truncated",
    "not_json": "the worker's stream is broken: not a message",
    "no_outcome": "the worker's stream is broken: unknown outcome 'fine' in an answer",
    "unknown_dtype": "the worker's stream is broken: an array 'output' of dtype 'float23'",
}

#: Of a worker that states a shape that no array has, on the case `marked` alone.
IMPOSSIBLE = {
    "too_few_bytes": "it returned the shape [1,2,1] with 4 bytes of float32, which no array has",
    "negative_extent": "it returned the shape [1,-2,1] with 8 bytes of float32, which no array has",
}
