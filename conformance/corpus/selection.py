"""Which cases a run takes: as a person says it, and as the header of its record keeps it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..core import Case, Invalid, Problem
from .assembly import Sweeps
from .loader import Corpus

_SHARD = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Paths and id patterns, and what further narrows them down; `shard` is `I/N`, the I-th of N parts, from 1 on."""

    what: Sequence[str] = ()
    sweeps: Sweeps = "quick"
    mutators: bool = False
    ops: Sequence[str] = ()
    dtypes: Sequence[str] = ()
    profile: str | None = None
    shard: str | None = None

    def as_data(self) -> Mapping[str, Any]:
        """Return the selection as the header of a record keeps it."""
        return asdict(self)


def sharded(corpus: Corpus, shard: str | None) -> Corpus:
    """
    Return one of N parts of a corpus, in the order of the corpus; the whole where `shard` is None.

    The parts are disjoint, and the same on every machine. Cases of one sweep, and literal cases of one file, cost about
    the same, so each part gets as many of them as any other, give or take one. Within a sweep they are dealt in the
    order of the digests of their ids: in the order of the axes, every N-th point would be of one dtype or one size.

    Raises:
        Invalid: if it is not I/N with I from 1 to N, or there are fewer cases than parts.

    """
    if shard is None:
        return corpus
    number, count = parse_shard(shard)
    if count > len(corpus.cases):
        message = f"{shard} of {len(corpus.cases)} cases: there are fewer cases than parts"
        raise Invalid(Problem(path="--shard", message=message))
    dealt = {id(case) for case in sorted(corpus.cases, key=_place)[number - 1 :: count]}
    return replace(corpus, cases=tuple(case for case in corpus.cases if id(case) in dealt))


def parse_shard(shard: str) -> tuple[int, int]:
    """
    Return I and N of `I/N`.

    Raises:
        Invalid: if it is not that, or I is above N.

    """
    found = _SHARD.fullmatch(shard)
    number, count = (int(found[1]), int(found[2])) if found else (1, 0)
    if number > count:
        hint = "I/N, the I-th of N parts, such as 1/4"
        raise Invalid(Problem(path="--shard", message=f"no part of a corpus: {shard!r}", hint=hint))
    return number, count


def _place(case: Case) -> tuple[str, str]:
    return case.sweep or case.path, hashlib.sha256(case.id.encode()).hexdigest()
