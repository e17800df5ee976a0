"""Analysis of whole runs: groups of failing calls, causes and conditions, tap audits, and comparisons of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import comparison
    from . import tap_audits
    from .causes import attributed as attributed
    from .comparison import CHANGES as CHANGES
    from .comparison import Change as Change
    from .comparison import Comparison as Comparison
    from .comparison import Pair as Pair
    from .condition_search import Search as Search
    from .condition_search import Table as Table
    from .failure_groups import grouped as grouped
    from .failure_groups import lacks_groups as lacks_groups
    from .ledger_drafts import ledger_draft as ledger_draft
    from .tap_audits import probe_caller as probe_caller
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
