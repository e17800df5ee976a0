"""The record of a run, the ledger of known faults, and the groups, causes and alternatives stored in records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import alternatives
    from . import ledger_files
    from . import merge
    from .alternatives import Followed as Followed
    from .alternatives import inconsistent_targets as inconsistent_targets
    from .alternatives import count_alternatives as count_alternatives
    from .attribution import Attribution as Attribution
    from .failure_group import MIN_CALLS as MIN_CALLS
    from .failure_group import Group as Group
    from .failure_group import GroupCounts as GroupCounts
    from .failure_group import group_to_line as group_to_line
    from .ledger import Entry as Entry
    from .ledger import Ledger as Ledger
    from .ledger import DRAFT_TEXT as DRAFT_TEXT
    from .ledger_files import EVERY_VERSION as EVERY_VERSION
    from .repetition import Repetition as Repetition
    from .record import Record as Record
    from .record import TargetInfo as TargetInfo
    from .record import Timing as Timing
    from .record import Writer as Writer
    from .record import verdict_counts as verdict_counts
    from .record import parsed_line as parsed_line
    from .record import read_record as read_record
    from .record import write_record as write_record
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
