"""Explanations of one call: a worked example, its verdict on targets, and the smallest call that fails the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import requested_call
    from . import worked_example
    from .call_failures import JudgedCall as JudgedCall
    from .call_failures import TargetNotRun as TargetNotRun
    from .call_failures import failing_calls as failing_calls
    from .call_failures import fails_alike as fails_alike
    from .call_failures import judge_calls as judge_calls
    from .minimal_call import smallest_call as smallest_call
    from .verdict_account import AccountLine as AccountLine
    from .verdict_account import account_lines as account_lines
else:
    from ..exports import exports

    __getattr__, __dir__ = exports(__name__, __file__)
