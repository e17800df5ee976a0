"""
What may be asked of rounding, beside what a case asks.
"""

from __future__ import annotations

#: The class of each dtype's own; or the lower one that a target documents; or whatever it is.
POLICIES = ("strict", "declared", "any")
