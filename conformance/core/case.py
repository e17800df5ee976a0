"""A case: a call, its expectation, and a description of what the case tests."""

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
    """A source that a case cites: its link, and in `says` the statement in the source."""

    link: str
    says: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """
    One case of the corpus: a literal case or a point of a sweep.

    The call and the expectation are built at first use, so that listing a corpus creates no arrays.
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
    #: The clauses that leave a choice for the call of a sweep point. A literal case lists such clauses in `clauses`.
    choices: tuple[str, ...] = ()
    #: The file that contains the case (relative to the corpus, or as the user passed it), and the line in this file.
    path: str = ""
    line: int = 0
    build_call: Callable[[], Call] = field(repr=False)
    #: Builds the call with zeros in place of generated integers; None if this is not faster than `build_call`.
    build_outline: Callable[[], Call] | None = field(default=None, repr=False)
    build_expectation: Callable[[], Expectation] = field(repr=False)
    #: Builds the same case with other random numbers; None unless the case draws its numbers to measure rounding.
    redraw: Callable[[], Case] | None = field(default=None, repr=False)
    #: Values that other modules computed from the call, by name; `release` deletes them.
    derived: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def call(self) -> Call:
        """The call with the final values of its arrays."""
        return self.build_call()

    @property
    def outline(self) -> Call:
        """The call, for readers of its shapes and parameters: generated integers may be zeros until `call` is built."""
        build = self.build_outline if self.build_outline is not None else self.build_call
        built: Call = vars(self)["call"] if "call" in vars(self) else build()
        return built

    @cached_property
    def expectation(self) -> Expectation:
        """The expectation of the call."""
        return self.build_expectation()

    def release(self) -> None:
        """Delete the call, the expectation and the derived values; the next access builds them again."""
        call = vars(self).pop("call", None)
        if call is not None:
            call.release()
        vars(self).pop("expectation", None)
        self.derived.clear()
