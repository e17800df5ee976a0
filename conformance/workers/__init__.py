"""Processes that make the calls of one target, the protocol that they speak, and the targets and environments they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import environments
    from . import machine
    from . import targets
    from . import wire
    from .boot import FINDER as FINDER
    from .environments import Environment as Environment
    from .limits import Limits as Limits
    from .limits import Terms as Terms
    from .plan import BATCH as BATCH
    from .plan import Plan as Plan
    from .plan import batches as batches
    from .plan import make_plan as make_plan
    from .plan import refusals as refusals
    from .plan import smoke as smoke
    from .pool import observe as observe
    from .process import Failed as Failed
    from .process import Ready as Ready
    from .process import Seen as Seen
    from .targets import Adapter as Adapter
    from .targets import named as named
    from .worker import Marks as Marks
    from .worker import TargetCaller as TargetCaller
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
