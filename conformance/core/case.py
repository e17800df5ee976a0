"""A case: a call, what is expected of it, and what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # NumPy comes with the first call that is built, not with a list of ids
    from .call import Call
    from .expectation import Expectation


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A source: a link and what it says."""

    link: str
    says: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """
    One case of the corpus, literal or a point of a sweep.

    Its call and expectation are built when first asked for, so that listing a corpus costs no arrays.
    """

    id: str
    title: str
    clauses: tuple[str, ...]
    catches: tuple[str, ...] = ()
    why: str = ""
    references: tuple[Reference, ...] = ()
    since: str = ""
    superseded_by: str = ""
    #: The id of the sweep that this is a point of, empty for a literal case.
    sweep: str = ""
    #: Of a point, the clauses that leave a choice for its call; of a literal case they are among its `clauses`.
    choices: tuple[str, ...] = ()
    #: Where it is written: path (relative to the corpus, or as the user gave it) and line.
    path: str = ""
    line: int = 0
    build_call: Callable[[], Call] = field(repr=False)
    #: Builds the call without drawing integers that are generated, where that is worth while.
    build_outline: Callable[[], Call] | None = field(default=None, repr=False)
    build_expectation: Callable[[], Expectation] = field(repr=False)
    #: Of a case whose numbers are drawn for rounding: makes it anew with other numbers.
    redraw: Callable[[], Case] | None = field(default=None, repr=False)
    #: What other modules computed from the call, by name; `release` empties it.
    derived: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def call(self) -> Call:
        """The call, its arrays in the call's own layouts."""
        return self.build_call()

    @property
    def outline(self) -> Call:
        """The call, for its shapes and parameters alone: if it is not built, generated integers may stand as zeros."""
        build = self.build_outline if self.build_outline is not None else self.build_call
        built: Call = vars(self)["call"] if "call" in vars(self) else build()
        return built

    @cached_property
    def expectation(self) -> Expectation:
        """What is expected of the call."""
        return self.build_expectation()

    def release(self) -> None:
        """Let go of what was built; it is built again when it is asked for."""
        call = vars(self).pop("call", None)
        if call is not None:
            call.release()
        vars(self).pop("expectation", None)
        self.derived.clear()
