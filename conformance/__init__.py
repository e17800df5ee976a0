"""
A framework-agnostic conformance suite for convolution layers.

The names below are the public API; they are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Call": "call",
    "Stage": "call",
    "Limit": "adapter",
    "Outputs": "adapter",
    "Prepared": "adapter",
    "Refused": "adapter",
    "Target": "adapter",
    "Unavailable": "adapter",
    "ask": "adapter",
}

__all__ = ["Call", "Limit", "Outputs", "Prepared", "Refused", "Stage", "Target", "Unavailable", "__version__", "ask"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
