"""Worker processes that make the calls of one target each, their protocol, and the lookup of targets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import environments
    from . import machine
    from . import targets
    from . import wire
    from .boot import FINDER_SOURCE as FINDER_SOURCE
    from .environments import Environment as Environment
    from .limits import Limits as Limits
    from .limits import Terms as Terms
    from .plan import BATCH_SIZE as BATCH_SIZE
    from .plan import Plan as Plan
    from .plan import case_batches as case_batches
    from .plan import make_plan as make_plan
    from .plan import allowed_refusals as allowed_refusals
    from .plan import smoke_call as smoke_call
    from .pool import REPRODUCED as REPRODUCED
    from .pool import for_each_target as for_each_target
    from .pool import observe as observe
    from .process import Interrupted as Interrupted
    from .process import TargetFailed as TargetFailed
    from .process import TargetReady as TargetReady
    from .process import CallSeen as CallSeen
    from .targets import Adapter as Adapter
    from .targets import named_targets as named_targets
    from .worker import CallMarks as CallMarks
    from .worker import TargetCaller as TargetCaller
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
