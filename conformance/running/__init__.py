"""Runs of selected cases on targets: how they are made, judged, recorded and resumed, and how releases are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import invocation
    from . import release_check
    from . import resumption
    from .in_process import verdicts as verdicts
    from .invocation import Invocation as Invocation
    from .invocation import Progress as Progress
    from .invocation import core_count as core_count
    from .release_check import affected_targets as affected_targets
    from .run_options import RunOptions as RunOptions
    from .runner import Listener as Listener
    from .runner import Runner as Runner
    from .runner import TargetRun as TargetRun
    from .target_judge import TargetJudge as TargetJudge
    from .target_session import describe_target as describe_target
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
