"""The record of a run, the ledger of known faults, and what is stored about groups, causes and alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import alternatives
    from . import ledger_files
    from . import merge
    from .alternatives import Followed as Followed
    from .alternatives import inconsistent as inconsistent
    from .alternatives import of as of
    from .attribution import Attribution as Attribution
    from .failure_group import FEWEST as FEWEST
    from .failure_group import Group as Group
    from .failure_group import Seen as Seen
    from .failure_group import group_to_line as group_to_line
    from .ledger import Entry as Entry
    from .ledger import Ledger as Ledger
    from .ledger import TODO as TODO
    from .ledger_files import EVERY as EVERY
    from .record import Record as Record
    from .record import TargetInfo as TargetInfo
    from .record import Timing as Timing
    from .record import Writer as Writer
    from .record import counted as counted
    from .record import parsed_line as parsed_line
    from .record import read as read
    from .record import write as write
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
