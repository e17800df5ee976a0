"""One call explained to a person: worked out by hand, judged on targets, and shrunk to the smallest call that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import requested_call
    from . import worked_example
    from .call_failures import Made as Made
    from .call_failures import NotRun as NotRun
    from .call_failures import failures as failures
    from .call_failures import like as like
    from .call_failures import made as made
    from .minimal_call import shrunk as shrunk
    from .verdict_account import Line as Line
    from .verdict_account import account as account
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
