"""A case: a call, its expectation, and what the case is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # listing ids must not import NumPy
    from .call import Call
    from .expectation import Expectation


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A source: a link and what the source states."""

    link: str
    says: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """
    One case of the corpus: a literal case or a point of a sweep.

    Call and expectation are built at first use, so that listing a corpus creates no arrays.
    """

    id: str
    title: str
    clauses: tuple[str, ...]
    catches: tuple[str, ...] = ()
    why: str = ""
    references: tuple[Reference, ...] = ()
    since: str = ""
    superseded_by: str = ""
    #: The id of the sweep that contains this point; empty for a literal case.
    sweep: str = ""
    #: For a point, the clauses that leave a choice for its call. A literal case lists them in `clauses`.
    choices: tuple[str, ...] = ()
    #: The location of the case: path (relative to the corpus, or as the user passed it) and line.
    path: str = ""
    line: int = 0
    build_call: Callable[[], Call] = field(repr=False)
    #: Builds the call with zeros in place of generated integers; None if that saves no time.
    build_outline: Callable[[], Call] | None = field(default=None, repr=False)
    build_expectation: Callable[[], Expectation] = field(repr=False)
    #: Builds the case with other random numbers; None unless its numbers were drawn to measure rounding.
    redraw: Callable[[], Case] | None = field(default=None, repr=False)
    #: Values that other modules computed from the call, by name; `release` deletes them.
    derived: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def call(self) -> Call:
        """The call, with its arrays in the layouts of the call."""
        return self.build_call()

    @property
    def outline(self) -> Call:
        """The call, for its shapes and parameters only: if `call` is not built yet, generated integers may be zeros."""
        build = self.build_outline if self.build_outline is not None else self.build_call
        built: Call = vars(self)["call"] if "call" in vars(self) else build()
        return built

    @cached_property
    def expectation(self) -> Expectation:
        """The expectation of the call."""
        return self.build_expectation()

    def release(self) -> None:
        """Delete call, expectation and derived values; the next access builds them again."""
        call = vars(self).pop("call", None)
        if call is not None:
            call.release()
        vars(self).pop("expectation", None)
        self.derived.clear()
