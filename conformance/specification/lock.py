"""
The lock of released cases: each case's id and digest, so that a change of a released case is detected.

A digest covers the meaning of a case: its call, expectation and clauses.
Titles, reasons, references, `catches` and the order of cases in a file may change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import (
    Array,
    Call,
    Case,
    Expectation,
    Invalid,
    Problem,
    call_to_plain,
    expectation_to_plain,
    operands_to_plain,
)

FILE = "lock.json"

#: The digest of each released case, by the case's id.
Lock = Mapping[str, str]
#: Default values that digests omit. If a later version adds a parameter, list the parameter's default here, so that the
#: digests of older cases do not change.
SILENT: Mapping[str, Any] = {
    "groups": 1,
    "padding_mode": "zeros",
    "variation": {"threads": 1},
    "gradients": (),
    "second_order": (),
}


def check(cases: Iterable[Case], lock: Lock) -> Iterator[Problem]:
    """Yield a problem for each released case that is missing or whose meaning has changed."""
    left = dict(lock)
    for case in cases:
        released = left.pop(case.id, None)
        if released is not None and digest(case) != released:
            hint = "restore the case, add a new case, and name the new case in superseded_by"
            message = f"{case.id} is released, and its meaning has changed"
            yield Problem(path=case.path, line=case.line, column=1, message=message, hint=hint)
    for name in left:
        yield Problem(
            path=FILE, message=f"{name} is released, but missing", hint="supersede cases instead of deleting them"
        )


def grown(cases: Iterable[Case], lock: Lock) -> dict[str, str]:
    """Return the lock extended by the new literal cases; existing entries stay unchanged."""
    new = (case for case in cases if not case.sweep and case.id not in lock)
    return {**{case.id: digest(case) for case in new}, **lock}


def read(path: Path) -> dict[str, str]:
    """
    Return the lock in a file, or an empty lock if the file does not exist.

    Raises:
        Invalid: if the file is not a lock.

    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: text.strip() for name, text in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise Invalid(Problem(path=str(path), message=f"not a lock of cases: {error}")) from error


def encoded(lock: Lock) -> str:
    """Return the lock as JSON text, sorted, with one case per line."""
    return json.dumps(lock, indent=0, sort_keys=True) + "\n"


def digest(case: Case) -> str:
    """Return the digest of a case's meaning as "sha256:" and 64 hexadecimal digits."""
    meaning = {"call": _call(case.call), "expect": _expected(case.expectation), "clauses": sorted(case.clauses)}
    text = json.dumps(meaning, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def meaning_digest(cases: Iterable[Case]) -> str:
    """Return the digest of the meaning of all literal cases, independent of their order and files."""
    lines = sorted(f"{case.id} {digest(case)}" for case in cases if not case.sweep)
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _call(call: Call) -> dict[str, Any]:
    parameters = {name: _truthy(value) for name, value in call_to_plain(call).items()}
    fields = {**parameters, **operands_to_plain(call, lambda _, array: _array(array))}
    return {name: value for name, value in fields.items() if value is not None and value != SILENT.get(name)}


def _truthy(value: Any) -> Any:
    return {name: each for name, each in value.items() if each} if isinstance(value, dict) else value


def _expected(expectation: Expectation) -> dict[str, Any]:
    return _locked(expectation_to_plain(expectation, lambda _, array: _array(array), _call))


def _locked(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return an expectation with the keys that the first version of the lock used, so that old digests stay valid."""
    match plain:
        case {"output": _}:
            return {"signed_zero": False, **plain}
        case {"checkpoints": checkpoints, **outcome}:
            return {"outcome": outcome, "checkpoints": checkpoints}
        case {"refusal": {"accepted": twin}}:
            return {"twin": twin}
        case {"any_of": alternatives}:
            return {"any_of": {name: _locked(each) for name, each in alternatives.items()}}
        case _:
            return dict(plain)


def _array(array: Array) -> dict[str, Any]:
    """Return shape, dtype and the digest of the elements as little-endian float64, complex128 or 64-bit integers."""
    wide = {"c": "<c16", "i": "<i8", "u": "<u8"}.get(array.dtype.kind, "<f8")
    numbers = array.reshape(-1).astype(wide)
    if numbers.dtype.kind in "cf":
        parts = numbers.view("<f8")
        parts[np.isnan(parts)] = np.nan  # NaN payloads do not change the digest
    return {
        "shape": array.shape,
        "dtype": array.dtype.name,
        "numbers": hashlib.sha256(numbers.tobytes()).hexdigest(),
    }
