"""The selection of cases for a run, as options and as stored in the header of a record."""

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
    """
    The options that select the cases of a run.

    `what` holds paths and id patterns.
    `sweeps` selects the sweeps by tier, and `mutators` adds the cases that mutators derive.
    `ops`, `dtypes`, `profile` and `shard` (I/N with 1 <= I <= N) restrict the selection further.
    """

    what: Sequence[str] = ()
    sweeps: Sweeps = "quick"
    mutators: bool = False
    ops: Sequence[str] = ()
    dtypes: Sequence[str] = ()
    profile: str | None = None
    shard: str | None = None

    def as_data(self) -> Mapping[str, Any]:
        """Return the selection as JSON data for the header of a record."""
        return asdict(self)


def sharded(corpus: Corpus, shard: str | None) -> Corpus:
    """
    Return shard I of N of a corpus, in corpus order; the whole corpus if `shard` is None.

    The shards are disjoint, and the same on every machine.
    The cases of one sweep cost about the same, and so do the literal cases of one file. Each such group is therefore
    divided evenly: the number of its cases differs by at most one between shards.
    The cases of a group are assigned to shards in the order of the SHA-256 of their ids. The order of the
    axes would not do: there, every N-th point of a sweep may have the same dtype or size.

    Raises:
        Invalid: if `shard` is not I/N with 1 <= I <= N, or N exceeds the number of cases.

    """
    if shard is None:
        return corpus
    number, count = parse_shard(shard)
    if count > len(corpus.cases):
        message = f"shard {shard} of {len(corpus.cases)} cases: N exceeds the number of cases"
        raise Invalid(Problem(path="--shard", message=message))
    dealt = {id(case) for case in sorted(corpus.cases, key=_place)[number - 1 :: count]}
    return replace(corpus, cases=tuple(case for case in corpus.cases if id(case) in dealt))


def parse_shard(shard: str) -> tuple[int, int]:
    """
    Return the integers I and N of `I/N`.

    Raises:
        Invalid: unless `shard` is I/N with 1 <= I <= N.

    """
    found = _SHARD.fullmatch(shard)
    number, count = (int(found[1]), int(found[2])) if found else (1, 0)
    if number > count:
        hint = "write for example --shard 1/4"
        raise Invalid(Problem(path="--shard", message=f"shard must be I/N with 1 <= I <= N; got {shard!r}", hint=hint))
    return number, count


def _place(case: Case) -> tuple[str, str]:
    return case.sweep or case.path, hashlib.sha256(case.id.encode()).hexdigest()
