"""Problems in files and arguments of the user, each reported in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One problem at one place of a file. Lines and columns are numbered from 1; 0 means unknown."""

    path: str
    line: int = 0
    column: int = 0
    message: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.message}{hint}"


class Invalid(Exception):
    """Raised for files or arguments that cannot be used; holds every problem found, at least one."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@contextmanager
def writing(place: object, hint: str = "") -> Iterator[None]:
    """
    Report a failure to write a file as a problem at `place`.

    Raises:
        Invalid: if the block raises OSError.

    """
    try:
        yield
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}"
        raise Invalid(Problem(path=str(place), message=message, hint=hint)) from error


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known word nearest to `word`, or an empty string if none is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
