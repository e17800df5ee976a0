"""What a cause is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ...core import Array
from ..canonical_call import Subject
from ..interpretation import Interpretation


@dataclass(frozen=True, kw_only=True, eq=False)
class Returned:
    """An array as the target returns it: in the layout and the dtype of its result, whatever the call asks for."""

    array: Array


Candidate: TypeAlias = "Interpretation | Array | Returned"
Candidates: TypeAlias = Iterable[Candidate]
Cause: TypeAlias = Callable[[Subject], Candidates]
