"""The types of causes and of the candidates that they yield."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ...core import Array
from ..canonical_call import Subject
from ..interpretation import Interpretation


@dataclass(frozen=True, kw_only=True, eq=False)
class Returned:
    """An array exactly as a target returns it. Its layout and dtype may differ from what the call requests."""

    array: Array


Candidate: TypeAlias = "Interpretation | Array | Returned"
Candidates: TypeAlias = Iterable[Candidate]
Cause: TypeAlias = Callable[[Subject], Candidates]
